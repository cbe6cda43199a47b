"""What the generated documentation says about copies of many files."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers

from storages_app.api.schema import PAGE, Page, Problem, Shape
from storages_app.bulk_copies.orders import SELECTION_LIMIT
from storages_app.library.filters import ANY_STORAGE, OTHER_TYPES, SIZES, TYPES
from storages_app.models import BulkJob, CustomStorage


class BulkFilter(Shape):
    q = serializers.CharField(required=False, help_text="A part of the name, or a UUID.")
    stored = serializers.ChoiceField(["yes", "no"], required=False)
    type = serializers.ChoiceField([*TYPES, OTHER_TYPES], required=False)
    size = serializers.ChoiceField(list(SIZES), required=False)
    since = serializers.DateField(required=False, help_text="Uploaded on this day (UTC) or later.")
    until = serializers.DateField(required=False, help_text="Uploaded on this day or before.")
    copied_to = serializers.CharField(required=False, help_text="The name of a custom storage.")
    not_copied_to = serializers.CharField(required=False)
    copy_failed = serializers.CharField(
        required=False, help_text=f"The name of a custom storage, or `{ANY_STORAGE}`."
    )
    group = serializers.CharField(required=False, help_text="The id of a group.")
    metadata = serializers.CharField(required=False, help_text="A key that the files have.")


class BulkJobOrder(Shape):
    target = serializers.CharField(help_text="The name of a custom storage.")
    what = serializers.ChoiceField(BulkJob.What.choices)
    filter = BulkFilter(required=False)
    files = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        help_text=f"With `selection`: up to {SELECTION_LIMIT:,} UUIDs of the project.",
    )
    effects = serializers.CharField(required=False, help_text="`-/resize/200x/`; empty: originals.")
    pattern = serializers.CharField(required=False, help_text="Left out: the storage's own.")
    on_clash = serializers.ChoiceField(CustomStorage.OnClash.choices, required=False)
    make_public = serializers.BooleanField(required=False, allow_null=True)
    dry_run = serializers.BooleanField(
        required=False,
        allow_null=True,
        help_text="Count and wait for `start`. Left out: over 100 files.",
    )


class BulkCount(Shape):
    files = serializers.IntegerField()
    bytes = serializers.IntegerField()
    to_copy = serializers.IntegerField()
    bytes_to_copy = serializers.IntegerField()
    already_there = serializers.IntegerField()
    names_taken = serializers.IntegerField()
    too_large = serializers.IntegerField()
    requests = serializers.IntegerField()
    seconds = serializers.FloatField(allow_null=True, help_text="Estimated, once it is counted.")


class BulkProgress(Shape):
    files = serializers.IntegerField(help_text="That were not there when it was counted.")
    ended = serializers.IntegerField()
    bytes = serializers.IntegerField()
    bytes_ended = serializers.IntegerField()
    percent = serializers.IntegerField()
    copied = serializers.IntegerField()
    already_there = serializers.IntegerField()
    skipped = serializers.IntegerField()
    failed = serializers.IntegerField()
    waiting = serializers.IntegerField()
    files_per_second = serializers.FloatField(allow_null=True)
    bytes_per_second = serializers.FloatField(allow_null=True)
    seconds_left = serializers.FloatField(allow_null=True)


class BulkGap(Shape):
    reason = serializers.CharField()
    files = serializers.IntegerField()
    may_retry = serializers.BooleanField()
    samples = serializers.ListField(child=serializers.UUIDField())


class BulkJobShape(Shape):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(BulkJob.State.choices)
    word = serializers.CharField(help_text="The state as the dashboard says it.")
    reason = serializers.CharField(allow_null=True)
    target = serializers.CharField()
    what = serializers.ChoiceField(BulkJob.What.choices)
    filter = BulkFilter()
    effects = serializers.CharField()
    pattern = serializers.CharField()
    on_clash = serializers.ChoiceField(CustomStorage.OnClash.choices)
    is_public = serializers.BooleanField()
    dry_run = serializers.BooleanField()
    asked_by = serializers.CharField()
    cancelled_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    counted_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class BulkJobWhole(BulkJobShape):
    count = BulkCount()
    progress = BulkProgress()
    gaps = BulkGap(many=True)


class BulkJobs(Page):
    results = BulkJobShape(many=True)


class BulkRetry(Shape):
    reason = serializers.CharField(required=False, help_text="Left out: every reason.")


_READ = {401: Problem, 404: Problem}
_WRITE = {**_READ, 400: Problem, 403: Problem, 409: Problem}

list_jobs = extend_schema(
    operation_id="bulk_jobs_list",
    parameters=PAGE,
    responses={200: BulkJobs, 400: Problem, **_READ},
)
create_job = extend_schema(
    operation_id="bulk_job_create",
    request=BulkJobOrder,
    responses={201: BulkJobWhole, 429: Problem, **_WRITE},
)
get_job = extend_schema(operation_id="bulk_job_get", responses={200: BulkJobWhole, **_READ})
start_job = extend_schema(
    operation_id="bulk_job_start", request=None, responses={200: BulkJobWhole, **_WRITE}
)
pause_job = extend_schema(
    operation_id="bulk_job_pause", request=None, responses={200: BulkJobWhole, **_WRITE}
)
resume_job = extend_schema(
    operation_id="bulk_job_resume", request=None, responses={200: BulkJobWhole, **_WRITE}
)
cancel_job = extend_schema(
    operation_id="bulk_job_cancel", request=None, responses={200: BulkJobWhole, **_WRITE}
)
retry_job = extend_schema(
    operation_id="bulk_job_retry", request=BulkRetry, responses={200: BulkJobWhole, **_WRITE}
)
list_items = extend_schema(
    operation_id="bulk_job_items",
    parameters=[
        OpenApiParameter("only", OpenApiTypes.STR, description="`gaps`: what was not copied.")
    ],
    responses={(200, "text/csv"): OpenApiTypes.STR, 400: Problem, **_READ},
)
