"""What a backup says about itself, in the bucket: records of files, and manifests that name them.

Records are segments of JSON lines, one a file: ``put`` says all that a restore needs, ``drop`` that
the file was removed. A manifest is written after all files and segments of its run, so that it
never promises what is not there (spec/RELIABILITY 5.12); it names every segment that counts, oldest
first, and later lines of a UUID win. Both begin with a head and end with a seal.

Whoever writes needs rows; whoever reads needs nothing but the bucket.
"""

import contextlib
import hashlib
import json
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO

from django.conf import settings

from storages_app.backups.errors import ManifestBroken
from storages_app.models import CopyJob
from storages_app.objectstores.base import ObjectStore
from storages_app.objectstores.errors import ObjectMissing

RECORDS_FORMAT = "ucdash-records-1"
MANIFEST_FORMAT = "ucdash-backup-2"
MAX_LINES = 10_000  # of one segment
MAX_BYTES = 16 * 1024 * 1024  # of one segment, give or take a line
_MAX_READ = 4 * MAX_BYTES  # of a segment or manifest that claims to be ours
_FOLDER = ".ucdash-backup/"
_MOMENT = "%Y%m%dT%H%M%S.%fZ"
_MANIFEST_KEY = re.compile(r"(?P<public_key>[^/]+)/manifests/(?P<moment>[0-9]{8}T[0-9.]+Z)\.jsonl")
_LAST = "\U0010ffff"  # sorts after all keys of a folder

Line = dict[str, Any]


def records_key(*, prefix: str, public_key: str, moment: datetime, n: str) -> str:
    return f"{prefix}{_FOLDER}{public_key}/records/{moment:{_MOMENT}}-{n}.jsonl"


def manifest_key(*, prefix: str, public_key: str, moment: datetime) -> str:
    return f"{prefix}{_FOLDER}{public_key}/manifests/{moment:{_MOMENT}}.jsonl"


# --- Writing ---------------------------------------------------------------------------------


def put_line(job: CopyJob) -> Line:
    """All that a restore needs to make the file again, and to check its bytes."""
    file = job.file
    return {
        "op": "put",
        "uuid": str(file.uuid),
        "key": job.key,
        "version_id": job.version_id,
        "size": file.size,
        "sha256": file.sha256,
        "md5": file.md5,
        "original_filename": file.original_filename,
        "mime_type": file.mime_type,
        "detected_type": file.detected_type,
        "is_image": file.is_image,
        "content_info": file.content_info,
        "metadata": file.metadata,
        "appdata": file.appdata,
        "uploaded_at": file.uploaded_at.isoformat(),
        "stored_at": file.stored_at.isoformat() if file.stored_at else None,
        "expires_at": file.expires_at.isoformat() if file.expires_at else None,
        "evidence": {"method": job.evidence, "checksum": job.evidence_checksum, "etag": job.etag},
    }


def drop_line(job: CopyJob) -> Line:
    """The backup has no copy of this file any more that it vouches for."""
    return {"op": "drop", "uuid": str(job.file_id)}


@dataclass
class Writing:
    """A segment or manifest on its way into a local file."""

    out: BinaryIO
    size: int = 0
    n_lines: int = 0  # between head and seal
    _sha256: Any = field(default_factory=hashlib.sha256)
    _md5: Any = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))

    def _put(self, line: Line) -> None:
        text = json.dumps(line, separators=(",", ":"), sort_keys=True).encode() + b"\n"
        self._sha256.update(text)
        self._md5.update(text)
        self.size += len(text)
        self.out.write(text)

    def head(self, head: Line) -> None:
        self._put(head)

    def add(self, line: Line) -> None:
        self._put(line)
        self.n_lines += 1

    @property
    def is_full(self) -> bool:
        return self.n_lines >= MAX_LINES or (self.size >= MAX_BYTES and self.n_lines > 0)

    def seal(self) -> None:
        """Add the last line, with the SHA-256 of all bytes before it."""
        self._put({"lines": self.n_lines, "sha256_of_lines_above": self._sha256.hexdigest()})

    @property
    def sha256(self) -> str:
        return str(self._sha256.hexdigest())

    @property
    def md5(self) -> str:
        return str(self._md5.hexdigest())


# --- Reading ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class ManifestInfo:
    """A manifest that a bucket has, told by its key alone."""

    key: str
    public_key: str
    moment: datetime


@dataclass(frozen=True)
class Segment:
    """Records that a manifest names, as it describes them."""

    key: str
    sha256: str
    size: int
    n_lines: int
    version_id: str = ""


@dataclass(frozen=True)
class Manifest:
    """A manifest that was read whole. `head`: project, public_key, run, snapshot_at, gaps, …"""

    key: str
    head: Line
    segments: tuple[Segment, ...]  # oldest first
    text: bytes = field(default=b"", repr=False)  # as it is in the bucket


def list_manifests(
    store: ObjectStore, *, prefix: str = "", public_key: str = ""
) -> list[ManifestInfo]:
    """The manifests under a prefix, of one public key or of all, newest first."""
    base = prefix + _FOLDER
    found = []
    for owner in [public_key] if public_key else _public_keys(store, base):
        for info in store.list_objects(f"{base}{owner}/manifests/"):
            if match := _MANIFEST_KEY.fullmatch(info.key.removeprefix(base)):
                # The pattern lets through what is no date, and so would a stranger's object.
                with contextlib.suppress(ValueError):
                    moment = datetime.strptime(match["moment"], _MOMENT).replace(tzinfo=UTC)
                    found.append(ManifestInfo(info.key, match["public_key"], moment))
    return sorted(found, key=lambda info: (info.moment, info.key), reverse=True)


def _public_keys(store: ObjectStore, base: str) -> Iterator[str]:
    """The folders under `base`, one look each: their records are not listed."""
    last = ""
    while info := next(iter(store.list_objects(base, start_after=last)), None):
        name = info.key.removeprefix(base).split("/")[0]
        yield name
        last = f"{base}{name}/{_LAST}"


def open_manifest(store: ObjectStore, key: str) -> Manifest:
    """Read one manifest and check its seal; ManifestBroken where it is cut, changed or no such."""
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as spool:
        _fetch(store, key, spool)
        head, lines = _unseal(spool, key, MANIFEST_FORMAT)
        spool.seek(0)
        text = spool.read()
    try:
        segments = tuple(Segment(**line) for line in lines)
    except TypeError as error:
        raise ManifestBroken("A line of it describes no records.", key=key) from error
    texts = [text for one in segments for text in (one.key, one.sha256, one.version_id)]
    if not all(isinstance(text, str) for text in texts):
        raise ManifestBroken("A line of it describes no records.", key=key)
    return Manifest(key, head, segments, text)


def iter_lines(store: ObjectStore, manifest: Manifest) -> Iterator[Line]:
    """The line of every file that the manifest has, one a UUID, in no particular order.

    Each segment is fetched into a temporary file and checked whole before its first line is told,
    and the UUIDs that were seen are kept on disk: memory does not grow with the backup.
    """
    with _SeenUuids() as seen:
        for segment in reversed(manifest.segments):
            for line in reversed(_lines_of(store, segment)):
                if seen.add(line["uuid"]) and line["op"] == "put":
                    yield line


def _lines_of(store: ObjectStore, segment: Segment) -> list[Line]:
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as spool:
        digest = _fetch(store, segment.key, spool, version_id=segment.version_id)
        if digest != segment.sha256:
            raise ManifestBroken("It is not the one that the manifest names.", key=segment.key)
        _, lines = _unseal(spool, segment.key, RECORDS_FORMAT)
    if not all(_is_plain(line.get("uuid")) and "op" in line for line in lines):
        raise ManifestBroken("A line of it describes no file.", key=segment.key)
    return lines


def _is_plain(text: object) -> bool:
    """A text that every database and every message takes."""
    return isinstance(text, str) and text.isascii() and text.isprintable()


def _fetch(store: ObjectStore, key: str, spool: BinaryIO, *, version_id: str = "") -> str:
    """Copy the object into `spool`, from the start; its SHA-256."""
    digest, size = hashlib.sha256(), 0
    try:
        with store.get(key, version_id=version_id) as chunks:
            for chunk in chunks:
                size += len(chunk)
                if size > _MAX_READ:
                    raise ManifestBroken("It is far larger than this product writes them.", key=key)
                digest.update(chunk)
                spool.write(chunk)
    except ObjectMissing as error:
        raise ManifestBroken("It is not in the bucket.", key=key) from error
    spool.seek(0)
    return digest.hexdigest()


def _unseal(spool: BinaryIO, key: str, form: str) -> tuple[Line, list[Line]]:
    """Head and lines of a whole object; ManifestBroken where it is cut, changed or another."""
    whole, above, found = hashlib.sha256(), b"", list[Line]()
    try:
        for text in spool:
            if above:
                whole.update(above)
                found.append(json.loads(above))
            above = text
        seal = json.loads(above)
        is_whole = above.endswith(b"\n") and seal.get("sha256_of_lines_above") == whole.hexdigest()
        head, *lines = found
        is_ours = is_whole and head.get("format") == form and seal.get("lines") == len(lines)
    except (ValueError, AttributeError, RecursionError) as error:
        raise ManifestBroken("It is cut off or was changed.", key=key) from error
    if not is_whole:
        raise ManifestBroken("It is cut off or was changed.", key=key)
    if not is_ours or not all(isinstance(line, dict) for line in lines):
        raise ManifestBroken(f"It is not in the format {form}.", key=key)
    return head, lines


class _SeenUuids:
    """A set on disk: a backup may have many millions of files."""

    def __enter__(self) -> "_SeenUuids":
        # A temporary file of its own. Whoever gives up in the middle closes it where the garbage is
        # collected, which may be another thread.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA cache_size = -8000")
        self._database.execute("BEGIN")
        self._database.execute("CREATE TABLE seen (uuid TEXT PRIMARY KEY) WITHOUT ROWID")
        return self

    def add(self, uuid: str) -> bool:
        """Whether it was not seen before."""
        done = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", [uuid])
        return done.rowcount == 1

    def __exit__(self, *args: object) -> None:
        self._database.close()
