"""The backup of a project: its big sentence, its runs and its switch."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from storages_app.backups import planner, services
from storages_app.dashboard import reports
from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.forms.backup import BackupForm
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.frame import show
from storages_app.dashboard.polling import STOP_POLLING, poll_answer
from storages_app.lib.errors import UcdashError
from storages_app.models import BackupPlan, Project
from storages_app.projects.roles import Action

_N_RUNS = 20


@project_page()
def page(request: PageRequest, project: Project) -> HttpResponse:
    return show(request, "dashboard/backup.html", project, _context(project), section="backup")


@project_page()
def runs(request: PageRequest, project: Project) -> HttpResponse:
    """The big sentence and the runs alone, asked for while a run is under way."""
    context = _context(project) | {"project": project}
    if not context["plan"]:
        return HttpResponse(status=STOP_POLLING)
    return poll_answer(
        request,
        version=context["version"],
        is_over=not context["is_running"],
        render=lambda status: render(
            request, "dashboard/_backup_runs.html", context, status=status
        ),
    )


def _context(project: Project) -> dict[str, Any]:
    plan = _plan(project)
    newest = list(plan.runs.order_by("-pk")[:_N_RUNS]) if plan else []
    verdict = services.verdict(plan) if plan else None
    return {
        "plan": plan,
        "schedule": planner.in_words(plan.cron if plan else planner.DEFAULT_CRON),
        "verdict": verdict,
        "runs": newest,
        "is_running": any(not run.is_over for run in newest),
        "version": reports.version_of_runs(newest, verdict.sentence if verdict else ""),
    }


def _plan(project: Project) -> BackupPlan | None:
    return BackupPlan.objects.filter(project=project).select_related("custom_storage").first()


@project_page(see=Action.MANAGE_STORAGES, change=Action.MANAGE_STORAGES)
def connect(request: PageRequest, project: Project) -> HttpResponse:
    form = BackupForm(request.POST if request.method == "POST" else None, project=project)
    if form.is_valid():
        storage = form.cleaned_data["custom_storage"]
        try:
            services.connect(project=project, custom_storage=storage, actor=actor_of(request))
        except UcdashError as error:
            form.refuse(error)
        else:
            messages.success(
                request, f"Backup to “{storage.name}” is on. The first run begins now."
            )
            return redirect("dashboard:backup", project.slug)
    context = {"form": form, "plan": _plan(project)}
    return show(request, "dashboard/backup_connect.html", project, context, section="backup")


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def run(request: PageRequest, project: Project) -> HttpResponse:
    return _do(
        request,
        project,
        lambda plan: services.request_run(plan=plan, asked_by=actor_of(request)),
        "A run was asked for. It shows up below.",
    )


@project_page(see=Action.MANAGE_STORAGES, change=Action.MANAGE_STORAGES)
def turn_off(request: PageRequest, project: Project) -> HttpResponse:
    if request.method != "POST":
        context = {"plan": get_object_or_404(BackupPlan, project=project)}
        return show(request, "dashboard/backup_turn_off.html", project, context, section="backup")
    return _do(
        request,
        project,
        lambda plan: services.turn_off(plan=plan, actor=actor_of(request)),
        "Backup is off. Files in the bucket stay.",
    )


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def turn_on(request: PageRequest, project: Project) -> HttpResponse:
    return _do(
        request,
        project,
        lambda plan: services.turn_on(plan=plan, actor=actor_of(request)),
        "Backup is on.",
    )


def _do(
    request: PageRequest, project: Project, order: Callable[[BackupPlan], object], done: str
) -> HttpResponse:
    plan = get_object_or_404(BackupPlan, project=project)
    try:
        order(plan)
    except UcdashError as error:
        messages.error(request, message_of(error))
    else:
        messages.success(request, done)
    return redirect("dashboard:backup", project.slug)
