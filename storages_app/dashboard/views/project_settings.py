"""The project itself: its name, its uploads, and the danger zone."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.forms.projects import DeleteProjectForm, ProjectNameForm
from storages_app.dashboard.forms.team import HandOverForm
from storages_app.dashboard.frame import show
from storages_app.lib.errors import UcdashError
from storages_app.models import Membership, Project, Tally
from storages_app.models.projects import TIME_TO_BRING_BACK
from storages_app.projects import lifecycle, members
from storages_app.projects.roles import Action

_SECTION = "settings"

owners_page = project_page(see=Action.DELETE_PROJECT, change=Action.DELETE_PROJECT, step_up=True)


@project_page(change=Action.MANAGE_PROJECT)
def page(request: PageRequest, project: Project) -> HttpResponse:
    form = ProjectNameForm(initial={"name": project.name})
    if request.method == "POST":
        form = ProjectNameForm(request.POST)
        if form.is_valid() and _rename(request, project, form):
            return redirect("dashboard:project_settings", project.slug)
    return show(
        request, "dashboard/project_settings.html", project, {"form": form}, section=_SECTION
    )


def _rename(request: PageRequest, project: Project, form: ProjectNameForm) -> bool:
    try:
        lifecycle.rename(project=project, name=form.cleaned_data["name"], actor=actor_of(request))
    except UcdashError as error:
        form.refuse(error, "name")
        return False
    messages.success(request, "Saved.")
    return True


@project_page(change=Action.MANAGE_PROJECT, only_post=True)
def pause(request: PageRequest, project: Project) -> HttpResponse:
    lifecycle.pause_uploads(project=project, actor=actor_of(request))
    messages.success(request, "Uploads are paused. New files are refused until you resume them.")
    return redirect("dashboard:project_settings", project.slug)


@project_page(change=Action.MANAGE_PROJECT, only_post=True)
def resume(request: PageRequest, project: Project) -> HttpResponse:
    lifecycle.resume_uploads(project=project, actor=actor_of(request))
    messages.success(request, "The project takes files again.")
    return redirect("dashboard:project_settings", project.slug)


@owners_page
def hand_over(request: PageRequest, project: Project) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    form = HandOverForm(data, project=project, by=request.user)
    if form.is_valid():
        heir = next(row for row in form.others if str(row.pk) == form.cleaned_data["member"])
        try:
            members.hand_over(membership=heir, by=request.user)
        except UcdashError as error:
            form.refuse(error, "member")
        else:
            messages.success(request, f"{heir.user.email} is owner of this project now.")
            return redirect("dashboard:team", project.slug)
    is_member = Membership.objects.filter(project=project, user=request.user).exists()
    context = {"form": form, "is_member": is_member}
    return show(
        request, "dashboard/project_settings_hand_over.html", project, context, section=_SECTION
    )


@owners_page
def delete(request: PageRequest, project: Project) -> HttpResponse:
    form = DeleteProjectForm(request.POST if request.method == "POST" else None, project=project)
    if form.is_valid():
        lifecycle.remove(project=project, actor=actor_of(request))
        messages.success(
            request, f"“{project.name}” is deleted. You find it below while it can be brought back."
        )
        return redirect("dashboard:projects")
    tally = Tally.objects.of(project)
    context = {
        "form": form,
        "n_files": tally["n_stored"] + tally["n_unstored"],
        "days": TIME_TO_BRING_BACK.days,
    }
    return show(
        request, "dashboard/project_settings_delete.html", project, context, section=_SECTION
    )
