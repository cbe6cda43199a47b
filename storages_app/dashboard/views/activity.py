"""What happened in a project."""

import logging
from typing import Any

from django.db import DatabaseError
from django.http import HttpResponse, StreamingHttpResponse

from storages_app.dashboard.access import PageRequest, project_page
from storages_app.dashboard.activity_lines import as_csv, line_of
from storages_app.dashboard.activity_links import links_of
from storages_app.dashboard.forms.activity import ActivityForm
from storages_app.dashboard.frame import show
from storages_app.dashboard.pages import page_of, read_number, status_of_list
from storages_app.models import Event, Project

log = logging.getLogger(__name__)

PAGE_SIZE = 100


@project_page()
def page(request: PageRequest, project: Project) -> HttpResponse:
    form = ActivityForm(request.GET)
    context: dict[str, Any] = {"form": form}
    try:
        context |= _found(request, project, form)
    except DatabaseError:
        log.exception("The activity of %s could not be read", project.slug)
        context["failure"] = request.request_id  # type: ignore[attr-defined]
    status = status_of_list(request, has_failed="failure" in context)
    template = "dashboard/activity.html"
    return show(request, template, project, context, section="activity", status=status)


def _found(request: PageRequest, project: Project, form: ActivityForm) -> dict[str, Any]:
    events = page_of(
        form.choose(Event.objects.filter(project=project)),
        mark="pk",
        before=read_number(request.GET.get("before", "")),
        after=read_number(request.GET.get("after", "")),
        size=PAGE_SIZE,
    )
    links = links_of(project, events.rows)
    lines = [line_of(event, links.get(event.pk, "")) for event in events.rows]
    return {"page": events, "lines": lines}


@project_page()
def csv(request: PageRequest, project: Project) -> StreamingHttpResponse:
    """What the filters of the page leave, all of it."""
    events = ActivityForm(request.GET).choose(Event.objects.filter(project=project))
    answer = StreamingHttpResponse(as_csv(events), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="activity-{project.slug}.csv"'
    return answer
