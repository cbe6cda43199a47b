"""The tab Check of a storage: whether its bucket still holds what the ledger says."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from storages_app.dashboard import check_reports
from storages_app.dashboard.access import PageRequest, actor_of, project_page, storage_of
from storages_app.dashboard.check_reports import CheckReport
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.frame import Frame
from storages_app.dashboard.pages import page_of, read_number
from storages_app.dashboard.polling import poll_answer
from storages_app.dashboard.views.storages import show_storage
from storages_app.lib.errors import UcdashError
from storages_app.models import CustomStorage, Project, Reconciliation
from storages_app.projects.roles import Action
from storages_app.reconciliation import report, services

_N_ON_A_PAGE = 100


@project_page()
def page(
    request: PageRequest, project: Project, storage_id: uuid.UUID, pk: int | None = None
) -> HttpResponse:
    """The newest check, or the one that the address names."""
    storage = storage_of(project, storage_id)
    run = check_reports.newest(storage) if pk is None else _run_of(storage, pk)
    under_way = storage.reconciliations.filter(finished_at=None)
    kinds = set(under_way.order_by().values_list("kind", flat=True))
    context: dict[str, Any] = {
        "check": None,
        "history": check_reports.history(storage),
        "is_one": pk is not None,
        "full_runs": Reconciliation.Kind.FULL in kinds,
        "light_runs": Reconciliation.Kind.LIGHT in kinds,
    }
    if run:
        context |= {
            "check": CheckReport(run),
            "page": page_of(
                run.differences.select_related("copy_job__file"),
                mark="pk",
                before=read_number(request.GET.get("before", "")),
                after=read_number(request.GET.get("after", "")),
                size=_N_ON_A_PAGE,
            ),
        }
    return show_storage(request, project, storage, "check", context)


@project_page()
def status(request: PageRequest, project: Project, storage_id: uuid.UUID, pk: int) -> HttpResponse:
    """How far the check has come, asked for while it runs.

    At its end the page is loaded anew, and says what came of it to who has waited for it.
    """
    storage = storage_of(project, storage_id)
    found = CheckReport(_run_of(storage, pk))
    context = {
        "project": project,
        "storage": storage,
        "check": found,
        "frame": Frame(request, project, "storages"),
    }

    def answer(code: int) -> HttpResponse:
        response = render(request, "dashboard/_check.html", context, status=code)
        if not found.is_busy:
            response["HX-Refresh"] = "true"  # its differences stand beside it
            if "seen" in request.GET:
                messages.info(request, f"{found.kind}: {found.word}. {found.sentence}")
        return response

    return poll_answer(request, version=found.version, is_over=not found.is_busy, render=answer)


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def start(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    storage = storage_of(project, storage_id)
    kind = "light" if request.POST.get("kind") == "light" else "full"
    try:
        services.request(custom_storage=storage, kind=kind, asked_by=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
    return redirect("dashboard:storage_check", project.slug, storage.pk)


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def policy(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    storage = storage_of(project, storage_id)
    mends = request.POST.get("mends") == "1"
    services.set_policy(custom_storage=storage, mends_differences=mends, actor=actor_of(request))
    messages.success(
        request,
        "What is missing or changed is copied again from now on."
        if mends
        else "What is missing or changed is only reported from now on.",
    )
    return redirect("dashboard:storage_check", project.slug, storage.pk)


@project_page()
def csv(
    request: PageRequest, project: Project, storage_id: uuid.UUID, pk: int
) -> StreamingHttpResponse:
    run = _run_of(storage_of(project, storage_id), pk)
    answer = StreamingHttpResponse(report.as_csv(run), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="check-{run.pk}.csv"'
    return answer


def _run_of(storage: CustomStorage, pk: int) -> Reconciliation:
    run: Reconciliation = get_object_or_404(storage.reconciliations, pk=pk)
    return run
