"""The backup of a project: its big sentence, its set-up, its switches."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from storages_app.backups import planner, services
from storages_app.dashboard import reports
from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.forms.backup import BackupForm
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.frame import show
from storages_app.dashboard.polling import STOP_POLLING, poll_answer
from storages_app.lib.errors import UcdashError
from storages_app.models import BackupPlan, BackupRun, Project
from storages_app.projects.roles import Action, may

_N_RUNS = 20
_MORE = {"keep_days", "storage_class", "sample_size", "ping_url"}  # folded until asked for


@project_page()
def page(request: PageRequest, project: Project) -> HttpResponse:
    context = _context(request, project)
    return show(request, "dashboard/backup.html", project, context, section="backup")


@project_page()
def runs(request: PageRequest, project: Project) -> HttpResponse:
    """The big sentence and the runs alone, asked for while a run is under way.

    The answer that is the last of them tells the end, so that it is heard once.
    """
    context = _context(request, project) | {"project": project, "is_part": True}
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


def _context(request: PageRequest, project: Project) -> dict[str, Any]:
    plan = plan_of(project)
    newest = list(plan.runs.order_by("-pk")[:_N_RUNS]) if plan else []
    verdict = services.verdict(plan) if plan else None
    return {
        "plan": plan,
        "schedule": planner.in_words(plan.cron if plan else planner.DEFAULT_CRON),
        "verdict": verdict,
        "runs": newest,
        "may_manage": may(request.user, project, Action.MANAGE_STORAGES),
        "is_running": _is_running(newest, verdict),
        "version": reports.version_of_runs(newest, verdict.sentence if verdict else ""),
    }


def _is_running(newest: list[BackupRun], verdict: services.Verdict | None) -> bool:
    """Whether a run is open, or its copies still go on."""
    is_first = verdict is not None and verdict.state == "running"
    return is_first or any(not run.is_over for run in newest)


def plan_of(project: Project) -> BackupPlan | None:
    plans = BackupPlan.objects.filter(project=project)
    return plans.select_related("custom_storage", "project").first()


# --- Set-up and settings ---------------------------------------------------------------------


@project_page(see=Action.MANAGE_STORAGES, change=Action.MANAGE_STORAGES)
def connect(request: PageRequest, project: Project) -> HttpResponse:
    """Choose a storage, and how: the first run begins at once."""
    plan = plan_of(project)
    form = BackupForm(_posted(request), project=project, plan=plan)

    def order() -> object:
        storage = form.cleaned_data["custom_storage"]
        return services.connect(
            project=project, custom_storage=storage, actor=actor_of(request), **form.options()
        )

    done = "Backup is on. The first run begins now."
    return _form_page(request, project, plan=plan, form=form, order=order, done=done)


@project_page(see=Action.MANAGE_STORAGES, change=Action.MANAGE_STORAGES)
def settings(request: PageRequest, project: Project) -> HttpResponse:
    """The same questions for a backup that is on; another storage moves it."""
    plan = plan_of(project)
    if plan is None or not plan.is_on:
        return redirect("dashboard:backup_connect", project.slug)
    form = BackupForm(_posted(request), project=project, plan=plan)

    def order() -> object:
        storage = form.cleaned_data["custom_storage"]
        return services.change(
            plan=plan, custom_storage=storage, actor=actor_of(request), **form.options()
        )

    return _form_page(
        request, project, plan=plan, form=form, order=order, done="Saved.", is_change=True
    )


def _posted(request: PageRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _form_page(
    request: PageRequest,
    project: Project,
    *,
    plan: BackupPlan | None,
    form: BackupForm,
    order: Callable[[], object],
    done: str,
    is_change: bool = False,
) -> HttpResponse:
    wants_preview = request.POST.get("do") == "preview"
    if request.method == "POST" and not wants_preview and form.is_valid():
        try:
            order()
        except UcdashError as error:
            form.refuse(error)
        else:
            messages.success(request, done)
            return redirect("dashboard:backup", project.slug)
    context = {
        "form": form,
        "plan": plan,
        "is_change": is_change,
        "preview": preview_of(form.cron_text),
        "shows_more": is_change or bool(_MORE & form.errors.keys()),
    }
    return show(request, "dashboard/backup_connect.html", project, context, section="backup")


@dataclass(frozen=True)
class Preview:
    """What a schedule means: in words, and when the next runs are."""

    words: str = ""
    moments: list[datetime] = field(default_factory=list)
    mistake: str = ""


def preview_of(cron: str) -> Preview:
    try:
        planner.check_cron(cron, now=timezone.now())
    except UcdashError as error:
        return Preview(mistake=message_of(error) if cron else "")
    moments = planner.next_runs(cron, after=timezone.now(), count=3)
    return Preview(planner.in_words(cron), moments)


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def schedule(request: PageRequest, project: Project) -> HttpResponse:
    """The next three runs, for what is chosen or typed so far."""
    form = BackupForm(request.POST, project=project)
    return render(
        request, "dashboard/_backup_schedule.html", {"preview": preview_of(form.cron_text)}
    )


# --- Switches --------------------------------------------------------------------------------


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def run_now(request: PageRequest, project: Project) -> HttpResponse:
    return _do(
        request,
        project,
        lambda plan: services.request_run(plan=plan, asked_by=actor_of(request)),
        "A run was asked for. It shows up below.",
    )


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def pause(request: PageRequest, project: Project) -> HttpResponse:
    return _do(
        request,
        project,
        lambda plan: services.pause(plan=plan, actor=actor_of(request)),
        "Backup is paused. New files wait until you resume it.",
    )


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def resume(request: PageRequest, project: Project) -> HttpResponse:
    return _do(
        request,
        project,
        lambda plan: services.resume(plan=plan, actor=actor_of(request)),
        "Backup goes on. A run begins now.",
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
