"""What the generated documentation says about copies of single files and about events."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers

from storages_app.api.schema import PAGE, Job, Page, Problem, Shape
from storages_app.models.copy_jobs import State


class JobPage(Page):
    results = Job(many=True)


class Event(Shape):
    # Not fields of their own: `data` is a word of DRF.
    def get_fields(self) -> dict[str, Any]:
        return {
            "id": serializers.IntegerField(),
            "kind": serializers.CharField(help_text="Such as `copy.failed`."),
            "actor": serializers.CharField(),
            "subject": serializers.CharField(),
            "subject_id": serializers.CharField(allow_null=True),
            "data": serializers.DictField(),
            "created_at": serializers.DateTimeField(),
        }


class EventPage(Page):
    results = Event(many=True)


def _query(name: str, text: str, **more: object) -> OpenApiParameter:
    return OpenApiParameter(name, location=OpenApiParameter.QUERY, description=text, **more)  # type: ignore[arg-type]


_READ = {401: Problem, 404: Problem}
_WRITE = {**_READ, 403: Problem, 409: Problem}

list_jobs = extend_schema(
    operation_id="jobs_list",
    parameters=[
        _query("state", "Only those in this state.", enum=State.values),
        _query("file", "Only those of this file.", type=OpenApiTypes.UUID),
        _query("custom_storage", "Only those to this storage.", type=OpenApiTypes.UUID),
        *PAGE,
    ],
    responses={200: JobPage, 400: Problem, **_READ},
)
get_job = extend_schema(operation_id="job_get", responses={200: Job, **_READ})
cancel_job = extend_schema(operation_id="job_cancel", request=None, responses={200: Job, **_WRITE})
retry_job = extend_schema(operation_id="job_retry", request=None, responses={200: Job, **_WRITE})
list_events = extend_schema(
    operation_id="events_list",
    parameters=[_query("kind", "Only those of this kind."), *PAGE],
    responses={200: EventPage, 400: Problem, 401: Problem},
)
