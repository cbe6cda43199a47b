"""/multipart/: large files, in parts."""

import contextlib
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.refusals import (
    MultipartUuidInvalid,
    MultipartUuidRequired,
    NoSuchThing,
    UploadParameterRequired,
)
from storages_app.api.upload.base import UploadView
from storages_app.api.wire import parse_uuid, session_info, upload_info
from storages_app.lib.errors import UcdashError
from storages_app.models import File
from storages_app.uploads import part_urls, sessions
from storages_app.uploads.validation import check_metadata

_REQUIRED = ("filename", "size", "content_type")
_READ_AT_MOST = 16 * 1024 * 1024  # of a part that is refused, so that its sender hears why
_MOST_DIGITS = 18


class StartView(UploadView):
    """Begin an upload: the answer has an address for each part."""

    public_key_parameter = "UPLOADCARE_PUB_KEY"

    @schema.start_multipart
    def post(self, request: Request) -> Response:
        self.read_parameters(request)
        project = self.find_project()
        is_signed = self.check_signature(project)
        for name in _REQUIRED:
            if not self.parameter(name):
                raise UploadParameterRequired(name)
        session, urls = sessions.start(
            project=project,
            filename=self.parameter("filename"),
            content_type=self.parameter("content_type"),
            size=self.parameter("size"),
            part_size=self.parameter("part_size"),
            store=self.parameter("UPLOADCARE_STORE"),
            metadata=check_metadata(self.metadata()),
            is_signed=is_signed,
        )
        return Response({"uuid": str(session.pk), "parts": urls})


class CompleteView(UploadView):
    """Make the parts a file; needs no signature, since no client signs it."""

    public_key_parameter = "UPLOADCARE_PUB_KEY"

    @schema.complete_multipart
    def post(self, request: Request) -> Response:
        self.read_parameters(request)
        project = self.find_project()
        made = sessions.complete(project=project, session_uuid=self._uuid())
        return Response(upload_info(made) if isinstance(made, File) else session_info(made))

    def _uuid(self) -> UUID:
        text = self.parameter("uuid")
        if not text:
            raise MultipartUuidRequired
        try:
            return parse_uuid(text)
        except NoSuchThing as error:
            raise MultipartUuidInvalid from error


class PartView(UploadView):
    """Take one part from whoever was given its address."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Parts are not counted: the request that asked for their addresses was."""
        super(UploadView, self).initial(request, *args, **kwargs)

    @schema.put_part
    def put(self, request: Request, session_uuid: str, number: str) -> HttpResponse:
        raw = request._request
        try:
            checksum = self._receive(raw, UUID(session_uuid), int(number))
        except UcdashError:
            _read_rest(raw)
            raise
        return HttpResponse(headers={"ETag": f'"{checksum}"'}, content_type="text/plain")

    def _receive(self, raw: HttpRequest, session_uuid: UUID, number: int) -> str:
        part_urls.require_valid(
            session_uuid=session_uuid,
            number=number,
            expires=self.parameter("expires"),
            signature=self.parameter("signature"),
            now=timezone.now(),
        )
        return sessions.receive_part(
            session_uuid=session_uuid, number=number, length=_length_of(raw), body=raw
        )

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)
        final["Access-Control-Expose-Headers"] += ", ETag"
        final["Referrer-Policy"] = "no-referrer"  # the address is all that it takes to write
        final["Cache-Control"] = "no-store"
        return final


def _length_of(raw: HttpRequest) -> int | None:
    sent = str(raw.META.get("CONTENT_LENGTH") or "")
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) <= _MOST_DIGITS else None


def _read_rest(raw: HttpRequest) -> None:
    """Clients send all before they listen; a connection that ends before looks like a fault."""
    length = _length_of(raw)
    if length is not None and length <= _READ_AT_MOST:
        with contextlib.suppress(OSError):
            while raw.read(64 * 1024):
                pass
