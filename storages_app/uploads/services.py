"""Turn received bytes into files: bytes first, durable, then the row with the copies it causes."""

import contextlib
import errno
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.db import IntegrityError, transaction
from django.utils import timezone

from storages_app.copying import services as copying
from storages_app.lib.crashpoints import crashpoint
from storages_app.library.inspection import inspect
from storages_app.models import File, Project
from storages_app.uploads import errors
from storages_app.uploads.orders import blob_name_for
from storages_app.uploads.receiving import Upload
from storages_app.uploads.sniffing import detect_type
from storages_app.uploads.validation import check_metadata, check_size, declared_type

_MICROSECOND = timedelta(microseconds=1)
_TIME_TRIES = 1_000
_STORE = {"1", "true"}
_DO_NOT_STORE = {"0", "false"}


@dataclass
class _Arrival:
    """An upload whose bytes are, or soon will be, in the upload storage."""

    upload: Upload
    uuid: uuid.UUID
    detected_type: str
    content_info: dict[str, Any]

    @property
    def blob_name(self) -> str:
        return blob_name_for(self.uuid)


def receive(*, project: Project, upload: Upload, store: str, metadata: dict[str, str]) -> File:
    """Make one upload a file of `project`; see `receive_all`."""
    return receive_all(project=project, uploads=[upload], store=store, metadata=metadata)[0]


def receive_all(
    *, project: Project, uploads: list[Upload], store: str, metadata: dict[str, str]
) -> list[File]:
    """Make all uploads files of `project`, or none of them.

    `store` is what the client sent: "1", "0", or anything else for what the project does by
    itself. When this returns, the bytes are durable and the rows committed, in that order; a
    process that dies between the two leaves bytes without a row, which the sweep removes.
    """
    check_metadata(metadata.items())
    for upload in uploads:
        check_size(project, upload.size)
    arrivals = [_inspect(upload) for upload in uploads]
    _keep_bytes(arrivals)
    crashpoint("upload_bytes_written")
    is_stored = _is_stored(project, store)
    with transaction.atomic():
        files = [_insert(project, arrival, is_stored, metadata) for arrival in arrivals]
        for file in files:
            copying.order_copies_of_new_file(file=file)
    crashpoint("upload_committed")
    return files


def _is_stored(project: Project, store: str) -> bool:
    if store.lower() in _STORE:
        return True
    return project.stores_by_default and store.lower() not in _DO_NOT_STORE


def _inspect(upload: Upload) -> _Arrival:
    try:
        detected_type = detect_type(upload.path)
    except FileNotFoundError as error:
        raise errors.TookTooLong from error
    content_info = inspect(upload.path, detected_type)
    return _Arrival(upload, uuid.uuid4(), detected_type, content_info)


def _keep_bytes(arrivals: list[_Arrival]) -> None:
    kept: list[_Arrival] = []
    try:
        for arrival in arrivals:
            kept.append(arrival)
            with _full_disk_named(), arrival.upload.open() as content:
                storages["uploads"].save(arrival.blob_name, content)
    except Exception:
        for arrival in kept:
            with contextlib.suppress(OSError):
                storages["uploads"].delete(arrival.blob_name)
        raise


@contextlib.contextmanager
def _full_disk_named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise errors.DiskFull from error
        raise


def _insert(project: Project, arrival: _Arrival, is_stored: bool, metadata: dict[str, str]) -> File:
    """Write the row; its time is moved by a microsecond where another file has the same."""
    moment = timezone.now()
    for _ in range(_TIME_TRIES):
        file = _row(project, arrival, is_stored, metadata, moment)
        try:
            with transaction.atomic():
                file.save(force_insert=True)
        except IntegrityError:
            if not File.objects.filter(project=project, uploaded_at=moment).exists():
                raise
            moment += _MICROSECOND
        else:
            return file
    raise errors.UploadRefused("Too many files came at the same moment. Try again.")


def _row(
    project: Project,
    arrival: _Arrival,
    is_stored: bool,
    metadata: dict[str, str],
    moment: datetime,
) -> File:
    upload = arrival.upload
    return File(
        uuid=arrival.uuid,
        project=project,
        original_filename=upload.name,
        blob_name=arrival.blob_name,
        size=upload.size,
        sha256=upload.sha256,
        md5=upload.md5,
        mime_type=declared_type(upload.declared_type),
        detected_type=arrival.detected_type,
        is_image="image" in arrival.content_info,
        content_info=arrival.content_info,
        metadata=metadata,
        is_ready=True,
        uploaded_at=moment,
        stored_at=moment if is_stored else None,
        expires_at=None if is_stored else moment + settings.UNSTORED_FILES_LIVE,
    )
