"""What the generated documentation says about the backup of a project."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from storages_app.api.schema import PAGE, Page, Problem, Shape
from storages_app.backups.services import MAX_KEEP_DAYS, MAX_SAMPLE
from storages_app.models import BackupRun


class BackupFields(Shape):
    custom_storage = serializers.CharField(help_text="Name or id of a connected storage.")
    schedule = serializers.CharField(
        required=False, help_text="Cron in UTC, five fields; every 3 hours if left out."
    )
    keep_days = serializers.IntegerField(
        required=False, min_value=0, max_value=MAX_KEEP_DAYS, help_text="Of manifests; 0: for ever."
    )
    storage_class = serializers.CharField(required=False, help_text="Empty: the storage's own.")
    sample_size = serializers.IntegerField(
        required=False, min_value=0, max_value=MAX_SAMPLE, help_text="Read back in each run."
    )
    ping_url = serializers.CharField(
        required=False, help_text="Called after each run, with /fail added if it is not done."
    )


class BackupStorage(Shape):
    id = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.CharField()


class BackupStanding(Shape):
    state = serializers.ChoiceField(
        ["backed_up", "gaps", "not_backed_up", "running", "never", "off", "paused"]
    )
    sentence = serializers.CharField()
    files = serializers.IntegerField()
    missing = serializers.IntegerField()
    unverified = serializers.IntegerField(help_text="Of the missing: written, but unproved.")
    since = serializers.DateTimeField(allow_null=True)


class Backup(Shape):
    custom_storage = BackupStorage()
    shares_fate = serializers.BooleanField(help_text="Copies and backup are in one place.")
    schedule = serializers.CharField()
    schedule_in_words = serializers.CharField()
    next_runs = serializers.ListField(child=serializers.DateTimeField())
    keep_days = serializers.IntegerField()
    storage_class = serializers.CharField()
    sample_size = serializers.IntegerField()
    ping_url = serializers.CharField(help_text="Masked but for its host; may be sent back.")
    is_on = serializers.BooleanField()
    paused_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    standing = BackupStanding()


class BackupGap(Shape):
    state = serializers.CharField()
    reason = serializers.CharField(allow_null=True)
    files = serializers.IntegerField()
    examples = serializers.ListField(child=serializers.UUIDField())


class BackupManifest(Shape):
    key = serializers.CharField(allow_null=True, help_text="null once retention deleted it.")
    sha256 = serializers.CharField()


class BackupRunShape(Shape):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(BackupRun.State.choices)
    reason = serializers.CharField(allow_null=True)
    note = serializers.CharField(allow_null=True)
    asked_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    snapshot_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    files = serializers.IntegerField()
    new = serializers.IntegerField()
    changed = serializers.IntegerField()
    already = serializers.IntegerField()
    missing = serializers.IntegerField()
    skipped = serializers.IntegerField()
    failed = serializers.IntegerField()
    bytes = serializers.IntegerField()
    sampled = serializers.IntegerField()
    sample_matches = serializers.IntegerField()
    gaps = BackupGap(many=True)
    manifest = BackupManifest(allow_null=True)


class BackupRunPage(Page):
    results = BackupRunShape(many=True)


_READ = {401: Problem, 404: Problem}
_WRITE = {**_READ, 400: Problem, 403: Problem, 409: Problem}

get_backup = extend_schema(operation_id="backup_get", responses={200: Backup, **_READ})
put_backup = extend_schema(
    operation_id="backup_put",
    request=BackupFields,
    responses={200: Backup, 201: Backup, **_WRITE},
)
patch_backup = extend_schema(
    operation_id="backup_change",
    request=BackupFields(partial=True),
    responses={200: Backup, **_WRITE},
)
list_backup_runs = extend_schema(
    operation_id="backup_runs_list",
    parameters=PAGE,
    responses={200: BackupRunPage, 400: Problem, **_READ},
)
request_backup_run = extend_schema(
    operation_id="backup_run_request",
    request=None,
    responses={202: BackupRunShape, **_WRITE},
)
get_backup_run = extend_schema(
    operation_id="backup_run_get", responses={200: BackupRunShape, **_READ}
)
pause_backup = extend_schema(
    operation_id="backup_pause", request=None, responses={200: Backup, **_WRITE}
)
resume_backup = extend_schema(
    operation_id="backup_resume", request=None, responses={200: Backup, **_WRITE}
)
turn_backup_off = extend_schema(
    operation_id="backup_turn_off", request=None, responses={200: Backup, **_WRITE}
)
turn_backup_on = extend_schema(
    operation_id="backup_turn_on", request=None, responses={200: Backup, **_WRITE}
)
