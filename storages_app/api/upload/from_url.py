"""/from_url/ and /from_url/status/: files that are fetched from somewhere on the web."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.refusals import NoSuchThing
from storages_app.api.upload.base import UploadView
from storages_app.api.wire import parse_uuid, upload_info
from storages_app.models import File, UrlUpload
from storages_app.uploads.validation import check_metadata
from storages_app.url_uploads import services as url_uploads
from storages_app.url_uploads.errors import TokenRequired

State = UrlUpload.State


class FromUrlView(UploadView):
    """Take the address of a file; the answer is a token to ask with, or the file it became before.

    JavaScript puts all into the query of a POST, and the legacy widget asks by GET.
    """

    http_method_names = ["get", "post", "options"]  # a HEAD would order, too

    @schema.upload_from_url
    def post(self, request: Request) -> Response:
        self.read_parameters(request)
        return self._order()

    @schema.upload_from_url_by_get
    def get(self, request: Request) -> Response:
        self.refuse_nulls(request)
        return self._order()

    def _order(self) -> Response:
        project = self.find_project()
        is_signed = self.check_signature(project)
        found = url_uploads.order(
            project=project,
            source_url=self.parameter("source_url"),
            store=self.parameter("store"),
            filename=self.parameter("filename"),
            metadata=check_metadata(self.metadata()),
            check_duplicates=self._says_yes("check_URL_duplicates") or False,
            save_duplicates=self._says_yes("save_URL_duplicates"),
            is_signed=is_signed,
        )
        if isinstance(found, File):
            return Response({"type": "file_info", **upload_info(found)})
        return Response({"type": "token", "token": str(found.token)})

    def _says_yes(self, name: str) -> bool | None:
        """None where nothing was said."""
        said = self.parameter(name).lower()
        return said in {"1", "true"} if said else None


class FromUrlStatusView(UploadView):
    """What became of an address; the token is the key."""

    @schema.get_from_url_status
    def get(self, request: Request) -> Response:
        token = self.parameter("token")
        if not token:
            raise TokenRequired
        try:
            found = url_uploads.status_of(token=parse_uuid(token))
        except NoSuchThing:
            found = None
        return Response(_status(found))


def _status(url_upload: UrlUpload | None) -> dict[str, Any]:
    if url_upload is None:
        return {"status": "unknown"}
    if url_upload.state == State.RUNNING:
        total = url_upload.n_bytes_total
        # Clients divide by it, and know this one word for "nobody told".
        known = "unknown" if total is None else total
        return {"status": "progress", "done": url_upload.n_bytes_done, "total": known}
    if url_upload.state == State.FAILED:
        return _error(url_upload.error_code, url_upload.error)
    if url_upload.file is None:
        return {"status": "waiting"}
    if url_upload.file.is_removed:
        return _error("DownloadFileNotFoundError", "downloaded file not found.")
    return {"status": "success", **upload_info(url_upload.file)}


def _error(error_code: str, error: str) -> dict[str, Any]:
    return {"status": "error", "error": error, "error_code": error_code}
