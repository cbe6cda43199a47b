"""How new uploads are treated, and the card that connects a backup bucket."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.forms.upload_settings import UploadSettingsForm, instance_limit
from storages_app.dashboard.frame import show
from storages_app.dashboard.upload_reports import signed_lately
from storages_app.lib.errors import UcdashError
from storages_app.models import BackupPlan, Project
from storages_app.projects import services
from storages_app.projects.roles import Action


@project_page(change=Action.MANAGE_PROJECT)
def page(request: PageRequest, project: Project) -> HttpResponse:
    form = UploadSettingsForm.of(project)
    if request.method == "POST":
        form = UploadSettingsForm(request.POST)
        if form.is_valid() and _save(request, project, form):
            return redirect("dashboard:upload_settings", project.slug)
    context = {
        "form": form,
        "instance_limit": instance_limit(),
        "plan": BackupPlan.objects.filter(project=project).select_related("custom_storage").first(),
    }
    if not project.requires_signed_uploads:
        context["signed"] = signed_lately(project, now=timezone.now())
    template = "dashboard/upload_settings.html"
    return show(request, template, project, context, section="upload_settings")


def _save(request: PageRequest, project: Project, form: UploadSettingsForm) -> bool:
    try:
        services.change_upload_settings(project=project, actor=actor_of(request), **form.changes)
    except UcdashError as error:
        form.refuse(error)
        return False
    messages.success(request, "Saved. New uploads follow these rules")
    return True
