"""The way back: choosing a backup, the dry run, and the page of a restore while it runs."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from storages_app.dashboard import restore_texts
from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.forms.restores import HERE, NEW, RestoreForm, SourceForm, StartForm
from storages_app.dashboard.frame import Frame, projects_of, show
from storages_app.dashboard.once import only_once
from storages_app.dashboard.polling import poll_answer
from storages_app.lib.errors import UcdashError
from storages_app.models import BackupPlan, CustomStorage, Project, RestoreRun
from storages_app.projects import services as projects
from storages_app.projects.roles import Action, may
from storages_app.restores import lists, services
from storages_app.restores.errors import ReplacingUnconfirmed
from storages_app.restores.holding import AT_WORK
from storages_app.restores.services import Offered

_MAX_PROJECTS = 100
_manages = partial(project_page, see=Action.MANAGE_STORAGES, change=Action.MANAGE_STORAGES)
_orders = partial(project_page, change=Action.MANAGE_STORAGES, only_post=True)


@_manages()
def new(request: PageRequest, project: Project) -> HttpResponse:
    """`?storage=` chooses the bucket; without it, the one of the backup."""
    asked = request.POST if request.method == "POST" else request.GET
    storage = _source(project, asked.get("storage", ""))
    offered, refusal = _offered(storage)
    form = RestoreForm(
        request.POST if request.method == "POST" else None,
        offered=offered,
        others=_others(request, project),
        initial={"storage": storage.pk if storage else "", "into": HERE},
    )
    if request.method == "POST" and storage and form.is_valid():
        try:
            run = only_once(
                request,
                project,
                form.cleaned_data["once"],
                lambda: _requested(request, project, storage, form),
                what="that restore",
            )
        except UcdashError as error:
            form.refuse(error)
        else:
            if run is None:
                return redirect("dashboard:jobs", project.slug)
            return redirect("dashboard:restore_run", run.project.slug, run.pk)
    context = {
        "form": form,
        "source": SourceForm(project=project, initial={"storage": storage}),
        "storage": storage,
        "offered": offered,
        "refusal": refusal,
    }
    return show(request, "dashboard/restore_new.html", project, context, section="backup")


def _source(project: Project, asked: str) -> CustomStorage | None:
    """The storage that was asked for, or that of the backup, or the first there is."""
    storages = project.custom_storages.live()
    by_text = {str(storage.pk): storage for storage in storages.order_by("name")}
    plan = BackupPlan.objects.filter(project=project).first()
    backup = by_text.get(str(plan.custom_storage_id)) if plan else None
    return by_text.get(asked) or backup or next(iter(by_text.values()), None)


def _offered(storage: CustomStorage | None) -> tuple[list[Offered], UcdashError | None]:
    if storage is None:
        return [], None
    try:
        return services.manifests_in(custom_storage=storage), None
    except UcdashError as error:
        return [], error


def _others(request: PageRequest, project: Project) -> list[Project]:
    """The projects besides this one that the person may restore into."""
    mine = projects_of(request.user).exclude(pk=project.pk)[:_MAX_PROJECTS]
    return [other for other in mine if may(request.user, other, Action.MANAGE_STORAGES)]


@transaction.atomic
def _requested(
    request: PageRequest, project: Project, storage: CustomStorage, form: RestoreForm
) -> RestoreRun:
    """With a new project, or neither."""
    data = form.cleaned_data
    return services.request(
        project=_target(request, project, form),
        custom_storage=storage,
        manifest_key=data["manifest"],
        asked_by=actor_of(request),
        only=form.only(),
        on_taken=data["on_taken"],
        is_drill=request.POST.get("do") == "drill",
    )


def _target(request: PageRequest, project: Project, form: RestoreForm) -> Project:
    into = form.cleaned_data["into"]
    if into == NEW:
        return projects.create_project(name=form.cleaned_data["new_name"], owner=request.user)
    return project if into == HERE else form.others[into]


# --- One restore -------------------------------------------------------------------------------


@project_page()
def page(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    run = _run(request, project, pk)
    return _show(request, run, StartForm(run=run))


def _show(request: PageRequest, run: RestoreRun, form: StartForm) -> HttpResponse:
    context = _context(run) | {"form": form}
    return show(request, "dashboard/restore.html", run.project, context, section="backup")


@project_page()
def status(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    """The part that changes, asked for while a worker is at it."""
    run = _run(request, project, pk)
    context = _context(run) | {
        "project": project,
        "frame": Frame(request, project, "backup"),
        "form": StartForm(run=run),
        "is_part": True,
    }
    context["is_new_word"] = request.GET.get("said") != context["said"]
    return poll_answer(
        request,
        version=context["version"],
        is_over=not context["is_busy"],
        render=lambda code: render(request, "dashboard/_restore.html", context, status=code),
    )


def _context(run: RestoreRun) -> dict[str, Any]:
    is_busy = run.state in AT_WORK
    return {
        "run": run,
        "is_busy": is_busy,
        "n_replaced": services.n_replaced(run),
        "gaps": [] if is_busy else [(item, restore_texts.of_gap(item)) for item in lists.gaps(run)],
        **restore_texts.of(run),
    }


def _run(request: PageRequest, project: Project, pk: int) -> RestoreRun:
    """The run with its names of files: whoever sees the files of the project sees these.

    Those of another project's bucket only who may see that one too, or manages restores here.
    """
    runs = RestoreRun.objects.select_related("project", "custom_storage__project")
    run = get_object_or_404(runs, project=project, pk=pk)
    origin = run.custom_storage.project
    may_see = (
        origin == project
        or may(request.user, project, Action.MANAGE_STORAGES)
        or may(request.user, origin, Action.VIEW)
    )
    if not may_see:
        raise Http404
    return run


@_orders()
def start(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    run = _run(request, project, pk)
    form = StartForm(request.POST, run=run)
    typed = request.POST.get("typed_name", "")
    try:
        services.start(run=run, actor=actor_of(request), typed_name=typed)
    except ReplacingUnconfirmed as error:
        if form.is_valid():  # else it says itself that nothing was typed
            form.refuse(error, "typed_name")
        return _show(request, run, form)
    except UcdashError as error:
        messages.error(request, message_of(error))
    return redirect("dashboard:restore_run", project.slug, pk)


@_orders()
def cancel(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    services.cancel(run=_run(request, project, pk), actor=actor_of(request))
    return redirect("dashboard:restore_run", project.slug, pk)


@_orders()
def thaw(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    return _ordered(request, project, pk, services.start_thaw)


@_orders()
def look_again(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    return _ordered(request, project, pk, services.look_again)


def _ordered(request: PageRequest, project: Project, pk: int, order: Any) -> HttpResponse:
    try:
        order(run=_run(request, project, pk), actor=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
    return redirect("dashboard:restore_run", project.slug, pk)


@project_page()
def csv(request: PageRequest, project: Project, pk: int) -> StreamingHttpResponse:
    """Every file of the run, or with `?only=gaps` those that are not here."""
    run = _run(request, project, pk)
    answer = StreamingHttpResponse(
        lists.as_csv(run, only_gaps=request.GET.get("only") == "gaps"),
        content_type="text/csv; charset=utf-8",
    )
    answer["Content-Disposition"] = f'attachment; filename="restore-{run.pk}.csv"'
    return answer
