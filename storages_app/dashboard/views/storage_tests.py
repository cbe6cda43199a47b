"""One connection test: started by a button, watched while it runs."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from storages_app.custom_storages import services
from storages_app.dashboard import reports
from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.frame import show
from storages_app.dashboard.polling import poll_answer
from storages_app.dashboard.views.storages import storage_of
from storages_app.lib.errors import UcdashError
from storages_app.models import ConnectionTest, Project
from storages_app.projects.roles import Action


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def start(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    storage = storage_of(project, storage_id)
    try:
        test = services.request_test(custom_storage=storage, asked_by=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
        return redirect("dashboard:storages", project.slug)
    return redirect("dashboard:storage_test", project.slug, storage.pk, test.pk)


@project_page()
def page(request: PageRequest, project: Project, storage_id: uuid.UUID, pk: int) -> HttpResponse:
    storage = storage_of(project, storage_id)
    context = {"storage": storage, "test": _report(project, storage_id, pk)}
    return show(request, "dashboard/storage_test.html", project, context, section="storages")


@project_page()
def rows(request: PageRequest, project: Project, storage_id: uuid.UUID, pk: int) -> HttpResponse:
    """What the page asks for each second: 204 when nothing is new, 286 to stop asking."""
    report = _report(project, storage_id, pk)
    context = {
        "project": project,
        "storage": storage_of(project, storage_id),
        "test": report,
        "is_update": True,
    }
    return poll_answer(
        request,
        version=report.version,
        is_over=report.test.is_over,
        render=lambda status: render(request, "dashboard/_test.html", context, status=status),
    )


def _report(project: Project, storage_id: uuid.UUID, pk: int) -> reports.TestReport:
    tests = ConnectionTest.objects.filter(
        custom_storage=storage_id,
        custom_storage__project=project,
        custom_storage__removed_at=None,
    )
    return reports.test_report(get_object_or_404(tests.prefetch_related("findings"), pk=pk))
