"""A new file made of one that is there: its bytes, or the image that operations make of it."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore
from typing import IO

from django.conf import settings
from django.db import transaction

from storages_app.copying import allowances
from storages_app.copying import services as copying
from storages_app.copying.errors import CopyFailed, FileTooLarge, TooManyCopies
from storages_app.copying.orders import MAX_PROCESSED
from storages_app.imaging import effects as image_effects
from storages_app.imaging.effects import Effects
from storages_app.imaging.errors import ProcessedTooLarge
from storages_app.lib.origins import derived_from
from storages_app.models import File
from storages_app.renditions import services as renditions
from storages_app.uploads import arrivals, validation
from storages_app.uploads.receiving import TEMPORARY_PREFIX, disk_full_refused

_CHUNK = 1024 * 1024
_PATIENCE_S = 20.0  # for an image process to be free: somebody waits for the answer
_WAIT_S = 5
_large_copies = BoundedSemaphore(settings.REMOTE_COPY_WAITERS)
_NOT_THERE = "The original is not in the upload storage."
_NOT_THE_ONE = "The original is not the one that was uploaded."


@dataclass(frozen=True)
class _Source:
    """What the copy will consist of."""

    body: IO[bytes]
    size: int
    sha256: str
    md5: str
    declared_type: str


def make(*, file: File, effects: str, is_stored: bool, metadata: dict[str, str]) -> File:
    """Copy `file` inside its project; a file like any other, with a uuid of its own.

    It is complete when this returns: the bytes were compared with what was once received, and
    copies and limits of new files apply. It has the name of the first, with operations too, as
    clients know it. CopyRefused, BadEffects, UploadRefused and ImagingError are the caller's.
    """
    parsed = image_effects.parse(effects)
    metadata = validation.check_metadata(metadata.items())  # before anything is read
    copying.require_copyable(file, has_effects=not parsed.is_empty)
    with (
        _allowed(file),
        _open(file, parsed) as source,
        _temporary() as path,
        derived_from(file.pk),
    ):
        _pour(source, path)
        return arrivals.arrive(
            project=file.project,
            path=path,
            name=file.original_filename,
            declared_type=source.declared_type,
            size=source.size,
            sha256=source.sha256,
            md5=source.md5,
            store="1" if is_stored else "0",
            metadata=metadata,
        )


@contextmanager
def _allowed(file: File) -> Iterator[None]:
    """TooManyCopies where the project has had its share, or where large copies are under way.

    Asked before anything is read, so a refusal costs nothing. Each large copy holds a thread that
    uploads want as well.
    """
    is_large = file.size > settings.MULTIPART_THRESHOLD
    if is_large and not _large_copies.acquire(blocking=False):
        raise TooManyCopies(retry_after=_WAIT_S)
    try:
        with transaction.atomic():
            allowances.charge(project=file.project, n_bytes=file.size)
        yield
    finally:
        if is_large:
            _large_copies.release()


@contextmanager
def _open(file: File, effects: Effects) -> Iterator[_Source]:
    with arrivals.faults_told():
        try:
            source = _original(file) if effects.is_empty else _processed(file, effects)
        except FileNotFoundError as error:
            raise CopyFailed(_NOT_THERE) from error
    with source.body:
        yield source


def _original(file: File) -> _Source:
    return _Source(file.open_bytes(), file.size, file.sha256, file.md5, file.mime_type)


def _processed(file: File, effects: Effects) -> _Source:
    try:
        made = renditions.render(file=file, effects=effects, patience_s=_PATIENCE_S)
    except ProcessedTooLarge as error:
        raise FileTooLarge from error
    if made.size > MAX_PROCESSED:
        raise FileTooLarge
    return _Source(made.path.open("rb"), made.size, made.sha256, made.md5, made.content_type)


@contextmanager
def _temporary() -> Iterator[Path]:
    """The name of a new file where uploads arrive; what is left of it in the end goes."""
    with disk_full_refused():
        fd, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=settings.FILE_UPLOAD_TEMP_DIR)
    os.close(fd)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _pour(source: _Source, path: Path) -> None:
    """Write the bytes to `path`; CopyFailed if they are not those that they should be."""
    digest, size = hashlib.sha256(), 0
    with arrivals.faults_told(), path.open("wb") as target:
        while chunk := source.body.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            target.write(chunk)
    if (size, digest.hexdigest()) != (source.size, source.sha256):
        raise CopyFailed(_NOT_THE_ONE)
