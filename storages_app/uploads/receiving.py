"""From the socket to a temporary file: parts are written and hashed as they arrive."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import (
    RequestDataTooBig,
    SuspiciousMultipartForm,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.core.files import File as DjangoFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParser, MultiPartParserError

from storages_app.lib import disk
from storages_app.lib.filenames import base_name
from storages_app.uploads import errors

TEMPORARY_PREFIX = "part-"
_DRAIN_CHUNK = 1024 * 1024


@dataclass
class Upload:
    """One received file that lies in a temporary file, with what was learned on the way."""

    field_name: str
    name: str
    declared_type: str
    path: Path
    size: int = 0
    sha256: str = ""
    md5: str = ""
    is_signed: bool | None = None

    def open(self) -> "TemporaryBytes":
        return TemporaryBytes(self.path)

    def close(self) -> None:
        """Django's parser closes what it has when the request turns out to be broken."""

    def discard(self) -> None:
        """Remove the temporary file, unless it has become the original."""
        self.path.unlink(missing_ok=True)


class TemporaryBytes(DjangoFile):  # type: ignore[type-arg]
    """A file that a storage on the same disk may move instead of copy."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), str(path))

    def temporary_file_path(self) -> str:
        return str(self.name)


@dataclass
class Form:
    """The fields of a request and its files."""

    fields: QueryDict = field(default_factory=QueryDict)
    uploads: list[Upload] = field(default_factory=list)


@contextlib.contextmanager
def receive_form(request: HttpRequest) -> Iterator[Form]:
    """Read the body of `request`; on leaving, temporary files that were not taken are removed.

    Refuses what is over `MAX_DIRECT_UPLOAD`, cut off, or not a form, and keeps nothing of it.
    """
    _refuse_large(request)
    if request.content_type != "multipart/form-data":
        yield Form(fields=_read_small_form(request))
        return
    handler = PartsToDisk()
    try:
        yield _parse_to_its_end(request, handler)
    finally:
        handler.discard()


class PartsToDisk(FileUploadHandler):
    """Write each part to a file of its own (0600, a random name) and hash it on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.uploads: list[Upload] = []
        self.file: Any = None  # Django closes an attribute of this name when it gives up

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        super().new_file(field_name, file_name, *args, **kwargs)
        with disk_full_refused():
            fd, path = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=settings.FILE_UPLOAD_TEMP_DIR)
        self.file = os.fdopen(fd, "wb", buffering=0)
        self.sha256, self.md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        self.uploads.append(
            Upload(
                field_name=field_name,
                name=base_name(file_name),
                declared_type=self.content_type or "",
                path=Path(path),
            )
        )

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.sha256.update(raw_data)
        self.md5.update(raw_data)
        with disk_full_refused():
            _write_all(self.file.fileno(), raw_data)

    def file_complete(self, file_size: int) -> Any:
        self.file.close()
        upload = self.uploads[-1]
        upload.size = file_size
        upload.sha256, upload.md5 = self.sha256.hexdigest(), self.md5.hexdigest()
        return upload

    def upload_interrupted(self) -> None:
        raise errors.FormMalformed("The body ended in the middle of a file.")

    def discard(self) -> None:
        if self.file is not None:
            self.file.close()
        for upload in self.uploads:
            upload.discard()


class _NamingParser(MultiPartParser):
    """Django's parser drops parts whose name is `.` or `..`; here they get a name."""

    def sanitize_file_name(self, file_name: str) -> str:
        return base_name(file_name)


class _CountedBody:
    """The body of a request; knows how much of it has come."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.n_read = 0

    def read(self, size: int | None = None, /) -> bytes:
        chunk = self._request.read(size)
        self.n_read += len(chunk)
        return chunk


def _parse_to_its_end(request: HttpRequest, handler: PartsToDisk) -> Form:
    try:
        return _parse(request, handler)
    except errors.UploadRefused:
        drain(request)
        raise


def _parse(request: HttpRequest, handler: PartsToDisk) -> Form:
    body = _CountedBody(request)
    try:
        # The parser only calls `read`.
        parser = _NamingParser(request.META, cast("Any", body), [handler], request.encoding)
        fields, _ = parser.parse()
    except TooManyFieldsSent as error:
        raise errors.TooManyFields from error
    except TooManyFilesSent as error:
        raise errors.TooManyParts from error
    except RequestDataTooBig as error:
        raise errors.RequestTooLarge from error
    except (MultiPartParserError, SuspiciousMultipartForm) as error:
        raise errors.FormMalformed from error
    except OSError as error:  # the client went away
        raise errors.FormMalformed("The connection broke before the body had come.") from error
    if body.n_read != _content_length(request):
        raise errors.FormMalformed("The body is shorter than its Content-Length.")
    return Form(fields=fields, uploads=handler.uploads)


def _read_small_form(request: HttpRequest) -> QueryDict:
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise errors.RequestTooLarge from error
    except OSError as error:
        raise errors.FormMalformed("The connection broke before the body had come.") from error
    if len(body) != _content_length(request):
        raise errors.FormMalformed("The body is shorter than its Content-Length.")
    if request.content_type != "application/x-www-form-urlencoded":
        return QueryDict()
    try:
        return QueryDict(body, encoding="utf-8")
    except TooManyFieldsSent as error:
        raise errors.TooManyFields from error


def _content_length(request: HttpRequest) -> int:
    sent = str(request.META.get("CONTENT_LENGTH") or "0")
    if not (sent.isascii() and sent.isdigit()):
        raise errors.FormMalformed("Content-Length is not a number.")
    return int(sent)


def _refuse_large(request: HttpRequest) -> None:
    if request.META.get("HTTP_TRANSFER_ENCODING"):
        raise errors.FormMalformed("Send the body with a Content-Length, not in chunks.")
    length = _content_length(request)
    if length > settings.MAX_DIRECT_UPLOAD:
        drain(request)
        raise errors.RequestTooLarge(
            hint=f"This instance takes requests of at most {settings.MAX_DIRECT_UPLOAD} bytes."
        )


def drain(request: HttpRequest) -> None:
    """Read a refused body to its end, or the client never hears why it was refused.

    Clients send all before they listen; a connection that is closed while they send looks to them
    like a fault of the network. A huge one is left alone.
    """
    with contextlib.suppress(OSError, errors.FormMalformed):
        if _content_length(request) <= 2 * settings.MAX_DIRECT_UPLOAD:
            while request.read(_DRAIN_CHUNK):
                pass


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


@contextlib.contextmanager
def disk_full_refused() -> Iterator[None]:
    """DiskFull where there is no room; other errors pass as they are."""
    try:
        yield
    except OSError as error:
        if disk.is_full(error):
            raise errors.DiskFull from error
        raise
