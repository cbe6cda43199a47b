"""From the bucket to the upload storage: the bytes of one file, believed only when checked.

Runs in threads, so nothing here asks the database.
"""

import contextlib
import hashlib
import os
import secrets
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from django.conf import settings
from django.core.files.storage import storages

from storages_app.lib.errors import UcdashError
from storages_app.library.inspection import inspect
from storages_app.objectstores.base import ObjectStore
from storages_app.objectstores.errors import AccessDenied, ObjectMissing, ObjectStoreError
from storages_app.restores.errors import BytesDiffer
from storages_app.restores.lines import Line
from storages_app.uploads.orders import blob_name_for
from storages_app.uploads.receiving import TEMPORARY_PREFIX, TemporaryBytes
from storages_app.uploads.sniffing import detect_type

_READ = 256 * 1024
ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


class Stopped(UcdashError):
    """The restore was cancelled, or goes on elsewhere."""

    code = "stopped"


@dataclass(frozen=True)
class Kept:
    """A restored original that lies in the upload storage and waits for its row."""

    blob_name: str
    detected_type: str
    content_info: dict[str, Any]
    version_id: str


def answers(store: ObjectStore, key: str) -> bool:
    """Whether the bucket lets itself be read; told by the manifest, which has been read before."""
    try:
        with store.get(key, last=0):
            return True
    except ObjectStoreError as error:
        return error.kind == "permanent"  # it is gone, which is an answer as well


def is_readable(store: ObjectStore, line: Line) -> bool:
    """Whether the object can be read, asked with its first byte; Archived where it must thaw."""
    last = 0 if line.size else None
    return any(_answers(store, line, version_id, last) for version_id in _versions(line))


def _answers(store: ObjectStore, line: Line, version_id: str, last: int | None) -> bool:
    try:
        with store.get(line.key, last=last, version_id=version_id):
            return True
    except ObjectMissing:
        return False
    except AccessDenied:
        if version_id:  # who may read objects need not be allowed to read their versions
            return False
        raise


def _versions(line: Line) -> list[str]:
    """What is there now, then the version of the backup, which another right is needed for."""
    return ["", line.version_id] if line.version_id else [""]


def keep(store: ObjectStore, line: Line, *, file_uuid: uuid.UUID, stop: Event) -> Kept:
    """Read, check, and put the bytes into the upload storage, durable, under a name of their own.

    A new name each time: nothing that has a row is ever written over. Bytes that get no row are
    swept away like those of a broken upload.
    """
    fd, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=settings.FILE_UPLOAD_TEMP_DIR)
    path = Path(name)
    try:
        with os.fdopen(fd, "wb", buffering=0) as out:
            version_id = _read_right_one(store, line, out.fileno(), stop)
        detected_type, content_info = _described(path, line)
        blob_name = f"{blob_name_for(file_uuid)}-{secrets.token_hex(4)}"
        with TemporaryBytes(path) as content:
            storages["uploads"].save(blob_name, content)
    finally:
        path.unlink(missing_ok=True)
    return Kept(blob_name, detected_type, content_info, version_id)


def drop(kept: Kept) -> None:
    """Bytes that are not wanted after all; what cannot be deleted now is swept later."""
    with contextlib.suppress(OSError):
        storages["uploads"].delete(kept.blob_name)


def check(store: ObjectStore, line: Line, *, stop: Event) -> str:
    """Read and compare, keep nothing; the version that was right."""
    return _read_right_one(store, line, None, stop)


def is_intact(blob_name: str, *, size: int, sha256: str) -> bool:
    """Whether the upload storage has these bytes, told by reading all of them."""
    digest, found = hashlib.sha256(), 0
    try:
        with storages["uploads"].open(blob_name) as original:
            while chunk := original.read(_READ):
                digest.update(chunk)
                found += len(chunk)
    except OSError:
        return False
    return found == size and digest.hexdigest() == sha256


def _read_right_one(store: ObjectStore, line: Line, fd: int | None, stop: Event) -> str:
    """The bytes of the manifest, from what is there now or from the version it names."""
    try:
        _read(store, line, "", fd, stop)
    except (BytesDiffer, ObjectMissing) as error:
        if not line.version_id:
            raise
        try:
            _read(store, line, line.version_id, fd, stop)
        except (BytesDiffer, ObjectMissing, AccessDenied):
            raise error from None
        return line.version_id
    return ""


def _read(store: ObjectStore, line: Line, version_id: str, fd: int | None, stop: Event) -> None:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size = 0
    if fd is not None:
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
    with store.get(line.key, version_id=version_id) as chunks:
        for chunk in chunks:
            if stop.is_set():
                raise Stopped
            size += len(chunk)
            if size > line.size:
                raise BytesDiffer(f"The object has more than {line.size} bytes.")
            sha256.update(chunk)
            md5.update(chunk)
            if fd is not None:
                _write_all(fd, chunk)
    if size != line.size:
        raise BytesDiffer(f"The object has {size} bytes and should have {line.size}.")
    if (sha256.hexdigest(), md5.hexdigest()) != (line.sha256, line.md5):
        raise BytesDiffer


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _described(path: Path, line: Line) -> tuple[str, dict[str, Any]]:
    """Type and content info. What a browser may do with a file hangs on the type, so it is told by
    the bytes; the info of the backup is taken where it speaks of that type."""
    detected_type = detect_type(path)
    if line.content_info is not None and line.detected_type == detected_type:
        return detected_type, line.content_info
    return detected_type, inspect(path, detected_type)
