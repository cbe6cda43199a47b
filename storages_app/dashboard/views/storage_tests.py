"""Connection tests: asked for by a button, seen row by row, and watched until they are green."""

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from storages_app.custom_storages import services
from storages_app.custom_storages.errors import TooManyTests
from storages_app.dashboard import reports
from storages_app.dashboard.access import PageRequest, actor_of, project_page, storage_of
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.frame import Frame, show
from storages_app.dashboard.polling import poll_answer
from storages_app.dashboard.storage_reports import (
    TestReport,
    found_the_same,
    newest_test,
    report_on,
)
from storages_app.dashboard.storage_states import state_of
from storages_app.lib.errors import UcdashError
from storages_app.models import ConnectionTest, CustomStorage, Project
from storages_app.projects.roles import Action, may

_WATCH_EVERY = timedelta(seconds=10)
_IS_OVER = "test-over"  # an event that other parts of a page may wait for


def panel(
    request: PageRequest,
    project: Project,
    storage: CustomStorage,
    *,
    test: ConnectionTest | None = None,
    watches: bool = True,
) -> dict[str, Any]:
    """The context of `_test.html`: this test, or the newest; whether it `watches` unless told."""
    test = test or newest_test(storage)
    return {"test": _report(request, project, test, watches=watches) if test else None}


def _report(
    request: PageRequest, project: Project, test: ConnectionTest, *, watches: bool
) -> TestReport:
    told = request.GET.get("watch") or request.POST.get("watch")
    return report_on(
        test,
        may_run=may(request.user, project, Action.MANAGE_STORAGES),
        watches=told == "on" if told else watches,
    )


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def start(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    """Run the test, or one row `again`; a page with scripts gets the rows in its place."""
    storage = storage_of(project, storage_id)
    again = request.POST.get("again", "")[:20]
    try:
        test = services.request_test(
            custom_storage=storage, asked_by=actor_of(request), again=again
        )
    except TooManyTests as error:
        return _too_many(request, project, storage, error)
    except UcdashError as error:
        messages.error(request, message_of(error))
        return redirect("dashboard:storages", project.slug)
    if request.htmx:
        return _part(request, project, _report(request, project, test, watches=True))
    return redirect("dashboard:storage_test", project.slug, storage.pk, test.pk)


def _too_many(
    request: PageRequest, project: Project, storage: CustomStorage, error: TooManyTests
) -> HttpResponse:
    """What was found last, and when one may ask again; nobody did anything wrong."""
    minutes = -(-error.retry_after // 60)
    notice = (
        "This project has asked for very many tests in the last minutes, so this page has "
        f"stopped. Run the test again in {minutes} min."
    )
    last = newest_test(storage)
    if request.htmx and last:
        report = _report(request, project, last, watches=False)
        return _part(request, project, report.without_watch(notice))
    messages.info(request, notice)
    return redirect("dashboard:storage", project.slug, storage.pk)


@project_page()
def page(request: PageRequest, project: Project, storage_id: uuid.UUID, pk: int) -> HttpResponse:
    storage = storage_of(project, storage_id)
    test = _test_of(storage, pk)
    context = {"storage": storage} | panel(request, project, storage, test=test)
    return show(request, "dashboard/storage_test.html", project, context, section="storages")


@project_page()
def rows(request: PageRequest, project: Project, storage_id: uuid.UUID, pk: int) -> HttpResponse:
    """What the page asks for each second: 204 when nothing is new, 286 to stop asking."""
    test = _test_of(storage_of(project, storage_id), pk)
    report = _report(request, project, test, watches=True)
    return poll_answer(
        request,
        version=report.version,
        is_over=test.is_over,
        render=lambda status: _part(request, project, report, status=status),
    )


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def watch(request: PageRequest, project: Project, storage_id: uuid.UUID, pk: int) -> HttpResponse:
    """An open page asks: is there news about what it shows? If none is on its way, order a test.

    The time between two tests is kept here, so that many open pages make no more of them.
    """
    storage = storage_of(project, storage_id)
    shown, newest = _test_of(storage, pk), newest_test(storage)
    if newest is None or not newest.is_over:
        return HttpResponse(status=204)
    if newest.pk != shown.pk and not found_the_same(shown, newest):
        report = _report(request, project, newest, watches=True)
        return _in_place_of(request, shown, _part(request, project, report), report)
    if timezone.now() - (newest.finished_at or newest.created_at) >= _WATCH_EVERY:
        try:
            services.request_test(
                custom_storage=storage,
                asked_by=actor_of(request),
                trigger=ConnectionTest.Trigger.WATCH,
            )
        except TooManyTests as error:
            return _whole(_too_many(request, project, storage, error))
    if request.POST.get("last") == str(newest.pk):
        return HttpResponse(status=204)
    report = _report(request, project, shown, watches=True)
    context = {"project": project, "storage": storage, "test": report}
    return render(request, "dashboard/_test_watch.html", context)


def _in_place_of(
    request: PageRequest, shown: ConnectionTest, response: HttpResponse, report: TestReport
) -> HttpResponse:
    """News for the whole panel; the address of a page about one test follows it."""
    path, one = _path_of_page(request), f"/tests/{shown.pk}/"
    if path.endswith(one):
        response["HX-Replace-Url"] = path.replace(one, f"/tests/{report.test.pk}/")
    return _whole(response)


def _path_of_page(request: PageRequest) -> str:
    """Where the page is that asked for a part."""
    return (request.htmx.current_url_abs_path or "").partition("?")[0]


def _whole(response: HttpResponse) -> HttpResponse:
    response["HX-Retarget"], response["HX-Reswap"] = "#test", "outerHTML"
    return response


def _part(
    request: PageRequest, project: Project, report: TestReport, *, status: int = 200
) -> HttpResponse:
    storage = report.test.custom_storage
    health = reverse("dashboard:storage", args=[project.slug, storage.pk])
    context = {
        "project": project,
        "storage": storage,
        "test": report,
        "is_update": True,
        "is_health": _path_of_page(request) == health,  # which alone tells the rest
        "frame": Frame(request, project, "storages"),
        "now": state_of(storage),
        "sums": reports.storage_sums(storage),
    }
    response = render(request, "dashboard/_test.html", context, status=status)
    if report.test.is_over:
        response["HX-Trigger"] = _IS_OVER
    return response


def _test_of(storage: CustomStorage, pk: int) -> ConnectionTest:
    tests = ConnectionTest.objects.filter(custom_storage=storage, kind=ConnectionTest.Kind.TEST)
    found = tests.prefetch_related("findings").select_related("access_change", "custom_storage")
    return get_object_or_404(found, pk=pk)
