"""What the generated API documentation says about requests and answers.

The shapes themselves are made in `wire.py` and beside the views, where they are quick; these
serializers only describe them, and a test compares the two.
"""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers


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


class Detail(Shape):
    detail = serializers.CharField()


class Problem(Shape):
    code = serializers.CharField()
    what = serializers.CharField()
    why = serializers.CharField(allow_null=True)
    fix = serializers.CharField(allow_null=True)
    docs_url = serializers.URLField(allow_null=True)


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


class RemoteCopy(Shape):
    type = serializers.ChoiceField(["url"])
    result = serializers.CharField(help_text="`s3://<bucket>/<key>`")


class UploadForm(Shape):
    UPLOADCARE_PUB_KEY = serializers.CharField()
    UPLOADCARE_STORE = serializers.ChoiceField(["0", "1", "auto"], required=False)
    signature = serializers.CharField(required=False)
    expire = serializers.IntegerField(required=False)
    file = serializers.FileField(help_text="Any field name, any number of files.")


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


class CustomStorage(Shape):
    id = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(["draft", "broken", "paused", "connected"])
    provider = serializers.CharField()
    endpoint_url = serializers.URLField(allow_null=True)
    region = serializers.CharField(allow_null=True)
    bucket = serializers.CharField()
    prefix = serializers.CharField()
    identity = serializers.CharField()
    access_key_id = serializers.CharField(help_text="Its last four characters.")
    public_mode = serializers.CharField()
    key_pattern = serializers.CharField()
    on_clash = serializers.CharField()
    auto_copy = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    connected_at = serializers.DateTimeField(allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True)


class CustomStorages(Shape):
    results = CustomStorage(many=True)


def _query(name: str, text: str, kind: Any = OpenApiTypes.STR) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=text)


_INCLUDE = _query("include", "`appdata` adds the application data.")
_FILE_ERRORS = {401: Detail, 404: Detail}
_WRITE_ERRORS = {**_FILE_ERRORS, 403: Detail}

list_files = extend_schema(
    operation_id="files_list",
    parameters=[
        _query("removed", "Removed files instead of live ones.", OpenApiTypes.BOOL),
        _query("stored", "Only stored, or only temporary files.", OpenApiTypes.BOOL),
        _query("limit", "1 to 1000; 100 if left out.", OpenApiTypes.INT),
        _query("ordering", "`datetime_uploaded` or `-datetime_uploaded`."),
        _query("from", "Files after this time, in the chosen order.", OpenApiTypes.DATETIME),
        _query("to", "Files before this time, in the chosen order.", OpenApiTypes.DATETIME),
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
get_project = extend_schema(operation_id="project_get", responses={200: Project, 401: Detail})
remote_copy = extend_schema(
    operation_id="file_remote_copy",
    request=RemoteCopyOrder,
    responses={200: RemoteCopy, 201: RemoteCopy, 400: Detail, 401: Detail, 403: Detail},
)
upload_directly = extend_schema(
    operation_id="upload",
    auth=[],
    request={"multipart/form-data": UploadForm},
    responses={200: OpenApiTypes.OBJECT},
)
get_upload_info = extend_schema(
    operation_id="upload_info",
    auth=[],
    parameters=[
        _query("pub_key", "The public key of the project."),
        _query("file_id", "The uuid of a file.", OpenApiTypes.UUID),
    ],
    responses={200: UploadInfo},
)
get_job = extend_schema(operation_id="job_get", responses={200: Job, 401: Problem, 404: Problem})
list_custom_storages = extend_schema(
    operation_id="custom_storages_list", responses={200: CustomStorages, 401: Problem}
)
