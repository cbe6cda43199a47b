"""What the generated documentation says about restores."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers

from storages_app.api.schema import PAGE, Page, Problem, Shape, limit
from storages_app.models import RestoreRun
from storages_app.restores.choosing import MAX_UUIDS


class ManifestOffered(Shape):
    key = serializers.CharField()
    public_key = serializers.CharField(help_text="Of the project that was backed up.")
    at = serializers.DateTimeField()
    run = serializers.IntegerField(allow_null=True, help_text="The backup run that wrote it.")


class ManifestsOffered(Shape):
    results = ManifestOffered(many=True)


class RestoreOnly(Shape):
    uuids = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text=f"At most {MAX_UUIDS:,}."
    )
    name = serializers.CharField(required=False, help_text="A part of the name.")
    after = serializers.CharField(required=False, help_text="Uploaded from: a date or a time.")
    before = serializers.CharField(required=False, help_text="Uploaded before; a date is included.")


class RestoreOrder(Shape):
    custom_storage = serializers.UUIDField(help_text="A draft will do if its keys may read.")
    manifest = serializers.CharField(required=False, help_text="Its key; left out: the newest.")
    only = RestoreOnly(required=False)
    on_taken = serializers.ChoiceField(RestoreRun.OnTaken.choices, required=False, default="skip")
    drill = serializers.BooleanField(required=False, default=False)


class RestoreStart(Shape):
    name = serializers.CharField(
        required=False, help_text="The project's name, where files are replaced."
    )


class RestorePlan(Shape):
    files = serializers.IntegerField()
    bytes = serializers.IntegerField()


class Restore(Shape):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(RestoreRun.State.choices)
    word = serializers.CharField(help_text="One of the nine words of the pages.")
    sentence = serializers.CharField()
    reason = serializers.CharField(allow_null=True)
    drill = serializers.BooleanField()
    custom_storage = serializers.CharField()
    manifest = serializers.CharField()
    manifest_head = serializers.DictField()
    on_taken = serializers.ChoiceField(RestoreRun.OnTaken.choices)
    only = RestoreOnly()
    asked_by = serializers.CharField()
    files = serializers.IntegerField()
    bytes = serializers.IntegerField()
    plans = serializers.DictField(
        child=RestorePlan(),
        help_text="restore, revive, heal, same, taken, missing, archived.",
    )
    done = serializers.IntegerField()
    bytes_done = serializers.IntegerField()
    skipped = serializers.IntegerField()
    failed = serializers.IntegerField()
    replaces = serializers.IntegerField(help_text="Files here that would get other bytes.")
    created_at = serializers.DateTimeField()
    counted_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    thaw_asked_at = serializers.DateTimeField(allow_null=True)


class RestoreWhole(Restore):
    problems = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")


class Restores(Page):
    results = Restore(many=True)


class RestoreFile(Shape):
    id = serializers.IntegerField()
    uuid = serializers.UUIDField()
    new_uuid = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    size = serializers.IntegerField()
    key = serializers.CharField()
    plan = serializers.CharField()
    state = serializers.CharField()
    reason = serializers.CharField(allow_null=True)


class RestoreFiles(Shape):
    results = RestoreFile(many=True)
    next_after = serializers.IntegerField(
        allow_null=True, help_text="Pass it as `after` for the next files."
    )


def _query(name: str, text: str, kind: OpenApiTypes = OpenApiTypes.STR) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=text)


_READ = {401: Problem, 404: Problem}
_WRITE = {**_READ, 400: Problem, 403: Problem}
_STEP = {200: RestoreWhole, 409: Problem, **_WRITE}
list_manifests = extend_schema(
    operation_id="manifests_list", responses={200: ManifestsOffered, 400: Problem, **_READ}
)
list_restores = extend_schema(
    operation_id="restores_list",
    parameters=PAGE,
    responses={200: Restores, **_READ},
)
create_restore = extend_schema(
    operation_id="restore_create", request=RestoreOrder, responses={202: Restore, **_WRITE}
)
get_restore = extend_schema(operation_id="restore_get", responses={200: RestoreWhole, **_READ})
start_restore = extend_schema(operation_id="restore_start", request=RestoreStart, responses=_STEP)
cancel_restore = extend_schema(operation_id="restore_cancel", request=None, responses=_STEP)
thaw_restore = extend_schema(operation_id="restore_thaw", request=None, responses=_STEP)
look_again = extend_schema(operation_id="restore_look_again", request=None, responses=_STEP)
list_files = extend_schema(
    operation_id="restore_files",
    parameters=[
        limit(most=1000, usual=100),
        _query("after", "The `next_after` of the page before.", OpenApiTypes.INT),
        _query("gaps", "`true`: only those that are not here.", OpenApiTypes.BOOL),
    ],
    responses={200: RestoreFiles, **_READ},
)
