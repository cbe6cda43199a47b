"""/api/v1/events/: what happened in a project, newest first."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api.parsers import single
from storages_app.api.refusals import ParameterInvalid
from storages_app.api.v1 import activity_schema as schema
from storages_app.api.v1.base import V1View
from storages_app.api.v1.pages import page
from storages_app.api.wire import timestamp
from storages_app.models import Event

_LONGEST_KIND = 60


class EventsView(V1View):
    """The activity of the caller's project, as its page shows it."""

    @schema.list_events
    def get(self, request: Request) -> Response:
        events = Event.objects.filter(project=self.project)
        if kind := single("kind", request.query_params):
            if "\0" in kind or len(kind) > _LONGEST_KIND:
                raise ParameterInvalid("`kind` parameter should be like `copy.failed`.")
            events = events.filter(kind=kind)
        return page(events, request, event_object)


def event_object(event: Event) -> dict[str, Any]:
    """Without the address of whoever did it: people's addresses are for the page."""
    return {
        "id": event.pk,
        "kind": event.kind,
        "actor": event.actor,
        "subject": event.subject,
        "subject_id": event.subject_id or None,
        "data": event.data,
        "created_at": timestamp(event.created_at),
    }
