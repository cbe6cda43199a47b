"""What the generated API documentation says about requests and answers.

The shapes themselves are made in `wire.py` and beside the views, where they are quick; these
serializers only describe them, and a test compares the two.
"""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import get_lib_doc_excludes
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers

from storages_app import models


class SignedScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "storages_app.api.authentication.SignedAuthentication"
    name = "Uploadcare"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Uploadcare <public key>:<HMAC-SHA1 signature>` and a `Date` header.",
        }


class SimpleScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "storages_app.api.authentication.SimpleAuthentication"
    name = "Uploadcare.Simple"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Uploadcare.Simple <public key>:<secret key>`, over TLS only.",
        }


class Shape(serializers.Serializer[Any]):
    """A description of JSON; never used to make or read it."""


def bases_that_describe_nothing() -> list[type]:
    """Classes whose docstrings speak to those who write ours, not to those who call the API."""
    return [*get_lib_doc_excludes(), Shape]  # type: ignore[no-untyped-call]


class Detail(Shape):
    detail = serializers.CharField()


class Problem(Shape):
    """RFC 9457; `what`, `why`, `fix` and `docs_url` say it in the words of the pages."""

    type = serializers.URLField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    what = serializers.CharField()
    why = serializers.CharField(allow_null=True)
    fix = serializers.CharField(allow_null=True)
    docs_url = serializers.URLField(allow_null=True)


class Page(Shape):
    """Of a list of our own API."""

    next = serializers.IntegerField(
        allow_null=True, help_text="The `before` of the page after it, if there is one."
    )


class File(Shape):
    uuid = serializers.UUIDField()
    url = serializers.URLField()
    original_filename = serializers.CharField()
    original_file_url = serializers.URLField(allow_null=True)
    size = serializers.IntegerField()
    mime_type = serializers.CharField()
    is_image = serializers.BooleanField(allow_null=True)
    is_ready = serializers.BooleanField()
    datetime_uploaded = serializers.DateTimeField()
    datetime_stored = serializers.DateTimeField(allow_null=True)
    datetime_removed = serializers.DateTimeField(allow_null=True)
    variations = serializers.JSONField(allow_null=True)
    content_info = serializers.JSONField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    appdata = serializers.JSONField(required=False, help_text="Only with `include=appdata`.")


class FileTotals(Shape):
    removed = serializers.IntegerField()
    stored = serializers.IntegerField()
    unstored = serializers.IntegerField()


class FilePage(Shape):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    total = serializers.IntegerField()
    totals = FileTotals()
    per_page = serializers.IntegerField()
    results = File(many=True)


class FileBatch(Shape):
    status = serializers.CharField()
    problems = serializers.DictField(
        child=serializers.CharField(),
        help_text="What kept the server from it, by the id as it was sent.",
    )
    result = File(many=True)


class Collaborator(Shape):
    email = serializers.EmailField()
    name = serializers.CharField()


class Project(Shape):
    name = serializers.CharField()
    pub_key = serializers.CharField()
    collaborators = Collaborator(many=True)
    autostore_enabled = serializers.BooleanField()


class RemoteCopyOrder(Shape):
    # Not a field of its own: `source` is a word of DRF.
    def get_fields(self) -> dict[str, Any]:
        return {
            "source": serializers.CharField(help_text="A uuid or CDN URL, with operations or not."),
            "target": serializers.CharField(help_text="The name of a custom storage."),
            "make_public": serializers.BooleanField(required=False, allow_null=True),
            "pattern": serializers.CharField(required=False, allow_null=True),
        }


class AddonOrder(Shape):
    target = serializers.UUIDField(help_text="The file.")
    params = serializers.DictField(required=False)


class AddonStatus(Shape):
    status = serializers.ChoiceField(["unknown"])


class LocalCopyOrder(Shape):
    def get_fields(self) -> dict[str, Any]:
        return {
            "source": serializers.CharField(help_text="A uuid or CDN URL, with operations or not."),
            "store": serializers.BooleanField(required=False, allow_null=True),
            "metadata": serializers.DictField(
                child=serializers.CharField(), required=False, allow_null=True
            ),
        }


class LocalCopy(Shape):
    type = serializers.ChoiceField(["file"])
    result = File()


class OldCopyOrder(Shape):
    def get_fields(self) -> dict[str, Any]:
        return {
            **RemoteCopyOrder().get_fields(),
            "target": serializers.CharField(
                required=False, help_text="Without one the copy is a file of the project."
            ),
            "store": serializers.BooleanField(required=False),
            "strip_operations": serializers.BooleanField(required=False),
        }


class RemoteCopy(Shape):
    type = serializers.ChoiceField(["url"])
    result = serializers.CharField(help_text="`s3://<bucket>/<key>`")


class UploadForm(Shape):
    UPLOADCARE_PUB_KEY = serializers.CharField()
    UPLOADCARE_STORE = serializers.ChoiceField(["0", "1", "auto"], required=False)
    signature = serializers.CharField(required=False)
    expire = serializers.IntegerField(required=False)
    file = serializers.FileField(help_text="Any field name, any number of files.")


class MultipartForm(Shape):
    UPLOADCARE_PUB_KEY = serializers.CharField()
    filename = serializers.CharField()
    size = serializers.IntegerField(min_value=10_485_760, help_text="Bytes.")
    content_type = serializers.CharField()
    part_size = serializers.IntegerField(
        required=False,
        min_value=5_242_880,
        max_value=5_368_709_120,
        help_text="Bytes of each part but the last; 5,242,880 if left out.",
    )
    UPLOADCARE_STORE = serializers.ChoiceField(["0", "1", "auto"], required=False)
    signature = serializers.CharField(required=False)
    expire = serializers.IntegerField(required=False)


class MultipartStart(Shape):
    uuid = serializers.UUIDField()
    parts = serializers.ListField(
        child=serializers.URLField(), help_text="Where to PUT the parts, in their order."
    )


class MultipartComplete(Shape):
    UPLOADCARE_PUB_KEY = serializers.CharField()
    uuid = serializers.UUIDField()


class UploadInfo(Shape):
    uuid = serializers.UUIDField()
    file_id = serializers.UUIDField()
    size = serializers.IntegerField()
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    original_filename = serializers.CharField()
    filename = serializers.CharField()
    mime_type = serializers.CharField()
    is_image = serializers.BooleanField()
    is_stored = serializers.BooleanField()
    is_ready = serializers.BooleanField()
    image_info = serializers.JSONField(allow_null=True)
    video_info = serializers.JSONField(allow_null=True)
    content_info = serializers.JSONField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())


class FromUrlForm(Shape):
    pub_key = serializers.CharField()
    source_url = serializers.CharField()
    store = serializers.CharField(required=False, help_text="`0`, `1` or `auto`.")
    filename = serializers.CharField(required=False)
    check_URL_duplicates = serializers.CharField(required=False)  # noqa: N815
    save_URL_duplicates = serializers.CharField(required=False)  # noqa: N815
    signature = serializers.CharField(required=False)
    expire = serializers.IntegerField(required=False)


class FromUrlAnswer(Shape):
    type = serializers.CharField(help_text="`token`; or `file_info`, with the fields of a file.")
    token = serializers.UUIDField(required=False)


class FromUrlStatus(Shape):
    status = serializers.CharField(
        help_text="`waiting`, `progress`, `success` with the fields of a file, `error`, `unknown`."
    )
    done = serializers.IntegerField(required=False)
    total = serializers.CharField(required=False, help_text="A number of bytes, or `unknown`.")
    error = serializers.CharField(required=False)
    error_code = serializers.CharField(required=False)


class GroupFile(File):
    default_effects = serializers.CharField(help_text="Operations, without the first `-/`.")


class Group(Shape):
    id = serializers.CharField(help_text="`<uuid>~<number of files>`")
    datetime_created = serializers.DateTimeField()
    files_count = serializers.IntegerField()
    cdn_url = serializers.URLField()
    url = serializers.URLField()


class GroupWithFiles(Group):
    files = serializers.ListField(
        child=GroupFile(), help_text="Null stands in the place of a file whose bytes are gone."
    )


class GroupPage(Shape):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    total = serializers.IntegerField()
    per_page = serializers.IntegerField()
    results = Group(many=True)


class GroupForm(Shape):
    pub_key = serializers.CharField()
    signature = serializers.CharField(required=False)
    expire = serializers.IntegerField(required=False)
    callback = serializers.CharField(
        required=False, help_text="Answer with a script that calls it."
    )

    def get_fields(self) -> dict[str, Any]:
        files = serializers.ListField(
            child=serializers.CharField(), help_text="UUIDs or CDN URLs; `files[0]`… does as well."
        )
        return super().get_fields() | {"files[]": files}


class GroupUploadFile(UploadInfo):
    default_effects = serializers.CharField()


class GroupUploadInfo(Group):
    datetime_stored = serializers.DateTimeField(allow_null=True)
    files = serializers.ListField(
        child=GroupUploadFile(), help_text="Null stands in the place of a removed file."
    )


class Evidence(Shape):
    method = serializers.ChoiceField(["checksum", "etag", "read_back"])
    checksum = serializers.CharField(allow_null=True)
    size = serializers.IntegerField()
    etag = serializers.CharField(allow_null=True)
    version_id = serializers.CharField(allow_null=True)
    verified_at = serializers.DateTimeField(allow_null=True)


class Job(Shape):
    id = serializers.IntegerField()
    state = serializers.CharField()
    word = serializers.CharField(help_text="The state in the words of the pages.")
    reason = serializers.CharField(allow_null=True)
    detail = serializers.CharField(allow_null=True)
    url = serializers.CharField()
    file = serializers.UUIDField()
    effects = serializers.CharField()
    custom_storage = serializers.CharField()
    attempts = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    evidence = Evidence(allow_null=True)


class Encryption(Shape):
    mode = serializers.ChoiceField(["AES256", "aws:kms"])
    kms_key_id = serializers.CharField(help_text="Empty for the key of Amazon S3.")


class AutoCopyRule(Shape):
    """Which new files are copied; null, or left out, is no condition."""

    when = serializers.ChoiceField(["upload", "store"])
    types = serializers.ListField(child=serializers.CharField(), help_text="Such as `image/*`.")
    min_size = serializers.IntegerField(allow_null=True, help_text="Bytes, inclusive.")
    max_size = serializers.IntegerField(allow_null=True, help_text="Bytes, inclusive.")
    renditions = serializers.ListField(
        child=serializers.CharField(), help_text="Such as `-/preview/800x800/`; of images only."
    )


class CustomStorageFields(Shape):
    """What can be set; any other field is refused, and then nothing is changed."""

    name = serializers.CharField(help_text="The value of `target`.")
    provider = serializers.CharField()
    endpoint_url = serializers.URLField(allow_null=True, help_text="Null for Amazon S3.")
    region = serializers.CharField(allow_null=True)
    account_id = serializers.CharField(allow_null=True)
    bucket = serializers.CharField()
    prefix = serializers.CharField()
    identity = serializers.ChoiceField(["access_key", "role", "principal"])
    access_key_id = serializers.CharField(
        allow_null=True, help_text="Shown are its last four characters; they may be sent back."
    )
    secret_access_key = serializers.CharField(
        allow_null=True,
        help_text="Write-only: `****` and its last four characters are shown. Left out, empty or "
        "sent back as it is shown, it stays as it is.",
    )
    role_arn = serializers.CharField(allow_null=True)
    public_mode = serializers.ChoiceField(["private", "policy", "acl"])
    storage_class = serializers.CharField(allow_null=True)
    encryption = Encryption(allow_null=True)
    uses = serializers.ListField(child=serializers.CharField())
    key_pattern = serializers.CharField()
    on_clash = serializers.ChoiceField(models.CustomStorage.OnClash.choices)
    auto_copy = serializers.BooleanField()
    auto_copy_rule = AutoCopyRule(help_text="Replaced as a whole.")


class CustomStorage(CustomStorageFields):
    id = serializers.UUIDField()
    state = serializers.CharField(help_text="draft, broken, paused, connected or removed.")
    external_id = serializers.CharField(allow_null=True, help_text="Of a role; made here.")
    principal_arn = serializers.CharField(allow_null=True)
    auto_copy_since = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    connected_at = serializers.DateTimeField(allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True)
    proved_at = serializers.DateTimeField(allow_null=True)


class Disconnected(CustomStorage):
    n_copies_cancelled = serializers.IntegerField()


class CustomStorages(Shape):
    results = CustomStorage(many=True)


class TestOrder(Shape):
    kind = serializers.ChoiceField(["test", "checklist"], required=False)
    again = serializers.CharField(required=False, help_text="The one check to run again.")


class TestedChange(Shape):
    state = serializers.CharField(help_text="tried, kept or refused.")
    changed = serializers.ListField(child=serializers.CharField())
    decided_at = serializers.DateTimeField(allow_null=True)


class StorageTest(Shape):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(["test", "checklist"])
    trigger = serializers.ChoiceField(["person", "watch", "schedule", "change"])
    again = serializers.CharField(allow_null=True)
    state = serializers.CharField(help_text="waiting, running, passed, limited or failed.")
    asked_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    access_change = TestedChange(
        allow_null=True, help_text="New settings that this test decides on."
    )


class StorageTests(Page):
    results = StorageTest(many=True)


class Finding(Shape):
    id = serializers.CharField()
    name = serializers.CharField()
    level = serializers.ChoiceField(["required", "advised", "info"])
    state = serializers.CharField(help_text="waiting, running, passed, failed or skipped.")
    title = serializers.CharField()
    why = serializers.CharField()
    fix = serializers.ListField(child=serializers.CharField())
    code = serializers.CharField()
    status = serializers.IntegerField(allow_null=True)
    operation = serializers.CharField()
    docs_url = serializers.URLField()
    request_id = serializers.CharField()
    ms = serializers.IntegerField(allow_null=True)


class Feature(Shape):
    feature = serializers.CharField()
    works = serializers.BooleanField()
    why = serializers.CharField(allow_null=True)


class StorageTestWhole(StorageTest):
    findings = Finding(many=True)
    what_works = Feature(many=True)


class Reconciliation(Shape):
    id = serializers.IntegerField()
    kind = serializers.CharField(help_text="light or full.")
    state = serializers.CharField(help_text="waiting, running, clean, different or failed.")
    reason = serializers.CharField(
        allow_null=True, help_text="Why it failed, or what could not be looked at."
    )
    asked_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    objects = serializers.IntegerField(help_text="Objects of the bucket that were listed.")
    copies = serializers.IntegerField(help_text="Proved copies that were compared.")
    differences_found = serializers.IntegerField()
    mended = serializers.IntegerField(help_text="Copied anew, adopted or removed.")
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text="Differences by kind, all of them."
    )


class Reconciliations(Page):
    results = Reconciliation(many=True)


class DifferenceFound(Shape):
    id = serializers.IntegerField()
    kind = serializers.CharField(
        help_text="missing, size, content, metadata, extra, not_ordered, open_upload or "
        "original_missing."
    )
    key = serializers.CharField()
    uuid = serializers.UUIDField(allow_null=True)
    job = serializers.IntegerField(allow_null=True)
    expected = serializers.CharField(allow_null=True)
    found = serializers.CharField(allow_null=True)
    resolution = serializers.CharField(help_text="reported, ordered, adopted or aborted.")


class ReconciliationWhole(Reconciliation):
    differences = DifferenceFound(many=True)
    next_after = serializers.IntegerField(
        allow_null=True, help_text="Pass it as `after` for the next differences."
    )


class ReconciliationOrder(Shape):
    kind = serializers.CharField(required=False, default="full", help_text="light or full.")


class Right(Shape):
    action = serializers.CharField()
    resource = serializers.CharField()
    why = serializers.CharField()
    use = serializers.CharField()
    setup_only = serializers.BooleanField()


class GrantText(Shape):
    title = serializers.CharField()
    language = serializers.ChoiceField(["json", "sh", "hcl"])
    text = serializers.CharField()
    filename = serializers.CharField()


class GrantStep(Shape):
    text = serializers.CharField()
    url = serializers.CharField()


class GrantTab(Shape):
    id = serializers.CharField()
    title = serializers.CharField()
    texts = GrantText(many=True)
    steps = GrantStep(many=True)


class Grant(Shape):
    identity_policy = serializers.JSONField(allow_null=True)
    trust_policy = serializers.JSONField(allow_null=True)
    bucket_policy = serializers.JSONField(allow_null=True)
    key_policy_statement = serializers.JSONField(allow_null=True)
    rights = Right(many=True)
    tabs = GrantTab(many=True)


class Proof(Shape):
    key = serializers.CharField(help_text="The object to write, with your own rights.")
    nonce = serializers.CharField(help_text="What it has to hold.")
    valid_until = serializers.DateTimeField()
    proved_at = serializers.DateTimeField(allow_null=True)


def _query(name: str, text: str, kind: Any = OpenApiTypes.STR) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=text)


def limit(*, most: int, usual: int) -> OpenApiParameter:
    """How many rows a page has."""
    kind = {"type": "integer", "minimum": 1, "maximum": most, "default": usual}
    return _query("limit", f"1 to {most}; {usual} if left out.", kind)


PAGE = [
    limit(most=100, usual=20),
    _query("before", "The `next` of the page before.", {"type": "integer", "minimum": 0}),
]
# Left empty, it is no limit.
_MOMENT = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "maxLength": 0}]}


def _order(field: str) -> dict[str, Any]:
    return {"type": "string", "enum": [field, f"-{field}"], "default": field}


_INCLUDE = _query("include", "`appdata` adds the application data.")
_FILE_ERRORS = {401: Detail, 404: Detail}
_WRITE_ERRORS = {**_FILE_ERRORS, 403: Detail}

list_files = extend_schema(
    operation_id="files_list",
    parameters=[
        _query("removed", "Removed files instead of live ones.", OpenApiTypes.BOOL),
        _query("stored", "Only stored, or only temporary files.", OpenApiTypes.BOOL),
        limit(most=1000, usual=100),
        _query("ordering", "`-` puts the newest first.", _order("datetime_uploaded")),
        _query("from", "Files after this time, in the chosen order.", _MOMENT),
        _query("to", "Files before this time, in the chosen order.", _MOMENT),
        _INCLUDE,
    ],
    responses={200: FilePage, 400: Detail, 401: Detail},
)
get_file = extend_schema(
    operation_id="file_get", parameters=[_INCLUDE], responses={200: File, **_FILE_ERRORS}
)
delete_file = extend_schema(operation_id="file_delete", responses={200: File, **_WRITE_ERRORS})
get_stored_file = extend_schema(
    operation_id="file_storage_get", responses={200: File, **_FILE_ERRORS}
)
store_file = extend_schema(
    operation_id="file_store", request=None, responses={200: File, **_WRITE_ERRORS}
)
store_file_by_post = extend_schema(
    operation_id="file_store_by_post", request=None, responses={200: File, **_WRITE_ERRORS}
)
delete_stored_file = extend_schema(
    operation_id="file_storage_delete", responses={200: File, **_WRITE_ERRORS}
)
_FILE_IDS = {
    "application/json": {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 1,
        "maxItems": 100,
    }
}
_BATCH_ANSWERS = {200: FileBatch, 400: Detail, 401: Detail, 403: Detail}
store_files = extend_schema(operation_id="files_store", request=_FILE_IDS, responses=_BATCH_ANSWERS)
delete_files = extend_schema(
    operation_id="files_delete", request=_FILE_IDS, responses=_BATCH_ANSWERS
)
get_project = extend_schema(operation_id="project_get", responses={200: Project, 401: Detail})
_METADATA = {"type": "object", "additionalProperties": {"type": "string"}}
_METADATA_VALUE = {
    "application/json": {"type": "string", "minLength": 1, "maxLength": 512},
}
list_metadata = extend_schema(
    operation_id="metadata_list",
    responses={200: _METADATA, **_FILE_ERRORS},
)
get_metadata = extend_schema(
    operation_id="metadata_get", responses={200: OpenApiTypes.STR, **_FILE_ERRORS}
)
put_metadata = extend_schema(
    operation_id="metadata_put",
    request=_METADATA_VALUE,
    responses={200: OpenApiTypes.STR, 201: OpenApiTypes.STR, 400: Detail, **_WRITE_ERRORS},
)
delete_metadata = extend_schema(
    operation_id="metadata_delete", responses={204: None, **_WRITE_ERRORS}
)
_NO_CONVERSION = {400: Detail, 401: Detail, 403: Detail}
_CONVERSION_PATHS = {
    "application/json": {
        "type": "object",
        "properties": {"paths": {"type": "array", "items": {"type": "string"}}},
        "required": ["paths"],
    }
}
_NOT_HERE = "Not available here: answers as a project without this feature does."
convert_documents = extend_schema_view(
    post=extend_schema(
        operation_id="documents_convert",
        description=_NOT_HERE,
        request=_CONVERSION_PATHS,
        responses=_NO_CONVERSION,
    )
)
convert_videos = extend_schema_view(
    post=extend_schema(
        operation_id="videos_convert",
        description=_NOT_HERE,
        request=_CONVERSION_PATHS,
        responses=_NO_CONVERSION,
    )
)
document_formats = extend_schema(
    operation_id="document_formats",
    description=_NOT_HERE,
    responses={400: Detail, **_FILE_ERRORS},
)
document_status = extend_schema(
    operation_id="document_status", description=_NOT_HERE, responses=_FILE_ERRORS
)
video_status = extend_schema(
    operation_id="video_status", description=_NOT_HERE, responses=_FILE_ERRORS
)
video_status_by_post = extend_schema(
    operation_id="video_status_by_post",
    description=_NOT_HERE,
    request=None,
    responses=_WRITE_ERRORS,
)
execute_addon = extend_schema(
    operation_id="addon_execute",
    description=_NOT_HERE,
    request=AddonOrder,
    responses={400: OpenApiTypes.OBJECT, **_WRITE_ERRORS},
)
addon_status = extend_schema(
    operation_id="addon_status",
    parameters=[_query("request_id", "What an execution answered.", OpenApiTypes.UUID)],
    responses={200: AddonStatus, 400: OpenApiTypes.OBJECT, **_FILE_ERRORS},
)
_COPY_ERRORS = {400: Detail, 401: Detail, 403: Detail, 429: Detail, 503: Detail, 507: Detail}
local_copy = extend_schema(
    operation_id="file_local_copy",
    request=LocalCopyOrder,
    responses={201: LocalCopy, **_COPY_ERRORS},
)
copy_by_old_form = extend_schema(
    operation_id="file_copy_by_old_form",
    deprecated=True,
    description="As version 0.5 had it.",
    request={
        "application/json": OldCopyOrder,
        "application/x-www-form-urlencoded": OldCopyOrder,
    },
    responses={200: RemoteCopy, 201: OpenApiTypes.OBJECT, **_COPY_ERRORS},
)
remote_copy = extend_schema(
    operation_id="file_remote_copy",
    request=RemoteCopyOrder,
    responses={
        200: RemoteCopy,
        201: RemoteCopy,
        400: Detail,
        401: Detail,
        403: Detail,
        429: Detail,
    },
)
upload_directly = extend_schema(
    operation_id="upload",
    auth=[],
    request={"multipart/form-data": UploadForm},
    responses={200: OpenApiTypes.OBJECT},
)
upload_from_url = extend_schema(
    operation_id="from_url",
    auth=[],
    request={
        "multipart/form-data": FromUrlForm,
        "application/x-www-form-urlencoded": FromUrlForm,
    },
    responses={200: FromUrlAnswer},
)
upload_from_url_by_get = extend_schema(
    operation_id="from_url_by_get",
    auth=[],
    parameters=[
        _query("pub_key", "The public key of the project."),
        _query("source_url", "The address of the file."),
    ],
    responses={200: FromUrlAnswer},
)
get_from_url_status = extend_schema(
    operation_id="from_url_status",
    auth=[],
    parameters=[_query("token", "What `/from_url/` answered.")],
    responses={200: FromUrlStatus},
)
start_multipart = extend_schema(
    operation_id="multipart_start",
    auth=[],
    request={
        "multipart/form-data": MultipartForm,
        "application/x-www-form-urlencoded": MultipartForm,
    },
    responses={200: MultipartStart},
)
complete_multipart = extend_schema(
    operation_id="multipart_complete",
    auth=[],
    request={
        "multipart/form-data": MultipartComplete,
        "application/x-www-form-urlencoded": MultipartComplete,
    },
    responses={200: UploadInfo},
)
# Clients take its address from the answer of the start; nobody makes one by this documentation.
put_part = extend_schema(exclude=True)
get_upload_info = extend_schema(
    operation_id="upload_info",
    auth=[],
    parameters=[
        _query("pub_key", "The public key of the project."),
        _query("file_id", "The uuid of a file.", OpenApiTypes.UUID),
    ],
    responses={200: UploadInfo},
)
create_group = extend_schema(
    operation_id="group_create",
    auth=[],
    request={
        "multipart/form-data": GroupForm,
        "application/x-www-form-urlencoded": GroupForm,
    },
    responses={200: GroupUploadInfo},
)
create_group_by_script = extend_schema(
    operation_id="group_create_by_script",
    auth=[],
    parameters=[
        _query("pub_key", "The public key of the project."),
        _query("files[]", "UUIDs or CDN URLs; `files[0]`… does as well."),
        _query("callback", "The function that the answer calls."),
    ],
    responses={(200, "application/javascript"): OpenApiTypes.STR},
)
get_group_info = extend_schema(
    operation_id="group_info",
    auth=[],
    parameters=[
        _query("pub_key", "The public key of the project."),
        _query("group_id", "`<uuid>~<number of files>`"),
    ],
    responses={200: GroupUploadInfo},
)
list_groups = extend_schema(
    operation_id="groups_list",
    parameters=[
        limit(most=1000, usual=100),
        _query("ordering", "`-` puts the newest first.", _order("datetime_created")),
        _query("from", "Groups after this time, in the chosen order.", _MOMENT),
        _query("to", "Groups before this time, in the chosen order.", _MOMENT),
    ],
    responses={200: GroupPage, 400: Detail, 401: Detail},
)
get_group = extend_schema(operation_id="group_get", responses={200: GroupWithFiles, **_FILE_ERRORS})
delete_group = extend_schema(operation_id="group_delete", responses={204: None, **_WRITE_ERRORS})
store_group = extend_schema(
    operation_id="group_store",
    description="Before version 0.7 only.",
    request=None,
    responses={200: GroupWithFiles, **_WRITE_ERRORS},
)
list_custom_storages = extend_schema(
    operation_id="custom_storages_list", responses={200: CustomStorages, 401: Problem}
)
_V1_READ = {401: Problem, 404: Problem}
_V1_WRITE = {**_V1_READ, 400: Problem, 403: Problem}
create_custom_storage = extend_schema(
    operation_id="custom_storage_create",
    request=CustomStorageFields(partial=True),
    responses={201: CustomStorage, 409: Problem, **_V1_WRITE},
)
get_custom_storage = extend_schema(
    operation_id="custom_storage_get", responses={200: CustomStorage, **_V1_READ}
)
change_custom_storage = extend_schema(
    operation_id="custom_storage_change",
    request=CustomStorageFields(partial=True),
    responses={200: CustomStorage, 202: CustomStorage, 409: Problem, **_V1_WRITE},
)
disconnect_custom_storage = extend_schema(
    operation_id="custom_storage_disconnect",
    parameters=[_query("name", "The name of the storage, to confirm it.")],
    responses={200: Disconnected, **_V1_WRITE},
)
connect_custom_storage = extend_schema(
    operation_id="custom_storage_connect",
    request=None,
    responses={200: CustomStorage, 409: Problem, **_V1_WRITE},
)
pause_custom_storage = extend_schema(
    operation_id="custom_storage_pause",
    request=None,
    responses={200: CustomStorage, **_V1_WRITE},
)
resume_custom_storage = extend_schema(
    operation_id="custom_storage_resume",
    request=None,
    responses={200: CustomStorage, **_V1_WRITE},
)
get_grant = extend_schema(
    operation_id="custom_storage_grant",
    parameters=[
        _query("setup", "`false` leaves out what can go after connecting.", OpenApiTypes.BOOL)
    ],
    responses={200: Grant, **_V1_READ},
)
make_proof = extend_schema(
    operation_id="custom_storage_proof", request=None, responses={200: Proof, **_V1_WRITE}
)
list_storage_tests = extend_schema(
    operation_id="storage_tests_list",
    parameters=PAGE,
    responses={200: StorageTests, **_V1_READ},
)
request_storage_test = extend_schema(
    operation_id="storage_test_request",
    request=TestOrder,
    responses={202: StorageTest, 429: Problem, **_V1_WRITE},
)
get_storage_test = extend_schema(
    operation_id="storage_test_get", responses={200: StorageTestWhole, **_V1_READ}
)
list_reconciliations = extend_schema(
    operation_id="reconciliations_list",
    parameters=PAGE,
    responses={200: Reconciliations, **_V1_READ},
)
request_reconciliation = extend_schema(
    operation_id="reconciliation_request",
    request=ReconciliationOrder,
    responses={202: Reconciliation, **_V1_WRITE},
)
get_reconciliation = extend_schema(
    operation_id="reconciliation_get",
    parameters=[
        limit(most=1000, usual=100),
        _query("after", "The `next_after` of the page before.", OpenApiTypes.INT),
    ],
    responses={200: ReconciliationWhole, **_V1_READ},
)
