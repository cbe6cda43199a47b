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
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from itertools import islice
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
MAX_LINE = 4 * 1024 * 1024  # of one line: as objects it may need thirty times as much
_MAX_READ = 4 * MAX_BYTES  # of a segment or manifest that claims to be ours
_MAX_SEGMENTS = 200_000  # of one manifest; some 10,000 files each
_MAX_LISTED = 20_000  # objects that are looked at in search of manifests
_MAX_OWNERS = 100  # public keys whose manifests are looked for under one prefix
_LOOK_BACK_DAYS = (2, 60, 0)  # 0 is for ever
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
        if len(text) > MAX_LINE:  # nothing counts as backed up that no restore would read
            raise ManifestBroken("Its line is too long for a record.", key=str(line.get("key")))
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
    store: ObjectStore, *, prefix: str = "", public_key: str = "", at_most: int = 200
) -> list[ManifestInfo]:
    """The newest manifests under a prefix, of one public key or of each; newest first.

    A bucket lists the oldest first, and strangers may have filled it: only the last days are asked
    for where they have enough, and no more than some objects are looked at in all.
    """
    base = prefix + _FOLDER
    looks = iter(range(_MAX_LISTED))
    owners = [public_key] if public_key else islice(_public_keys(store, base), _MAX_OWNERS)
    found = [info for owner in owners for info in _newest(store, base, owner, at_most, looks)]
    return sorted(found, key=_age, reverse=True)


def _newest(
    store: ObjectStore, base: str, owner: str, at_most: int, looks: Iterator[int]
) -> Iterable[ManifestInfo]:
    folder, found = f"{base}{owner}/manifests/", set[ManifestInfo]()
    for days in _LOOK_BACK_DAYS:
        since = datetime.now(UTC) - timedelta(days=days) if days else None
        last = deque[ManifestInfo](maxlen=at_most)
        listed = store.list_objects(
            folder, start_after=f"{folder}{since:{_MOMENT}}" if since else ""
        )
        for _, info in zip(looks, listed, strict=False):
            if known := _info_of(info.key, base):
                last.append(known)
        found.update(last)  # not in place of what was found: this look may have been cut short
        if len(last) == at_most:
            break
    return nlargest(at_most, found, key=_age)


def _age(info: ManifestInfo) -> tuple[datetime, str]:
    return info.moment, info.key


def _info_of(key: str, base: str) -> ManifestInfo | None:
    match = _MANIFEST_KEY.fullmatch(key.removeprefix(base))
    if match is None:
        return None
    # The pattern lets through what is no date, and so would a stranger's object.
    with contextlib.suppress(ValueError):
        moment = datetime.strptime(match["moment"], _MOMENT).replace(tzinfo=UTC)
        return ManifestInfo(key, match["public_key"], moment)
    return None


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
        head, lines = _unseal(spool, key, MANIFEST_FORMAT, at_most=_MAX_SEGMENTS)
        spool.seek(0)
        text = spool.read()
    try:
        segments = tuple(Segment(**_line(line, key)) for line in lines)
    except TypeError as error:
        raise ManifestBroken("A line of it describes no records.", key=key) from error
    texts = [text for one in segments for text in (one.key, one.sha256, one.version_id)]
    if not all(isinstance(text, str) for text in texts):
        raise ManifestBroken("A line of it describes no records.", key=key)
    return Manifest(key, head, segments, text)


def iter_lines(store: ObjectStore, manifest: Manifest) -> Iterator[Line]:
    """The line of every file that the manifest has, one a UUID, in no particular order.

    Each segment is fetched into a temporary file and checked whole before its first line is told,
    and the UUIDs that were seen are kept on disk: memory does not grow with the backup. Lines are
    taken apart one by one, since what is small as a text may be huge as objects.
    """
    with _SeenUuids() as seen:
        for segment in reversed(manifest.segments):
            for text in reversed(_texts_of(store, segment)):
                line = _line(text, segment.key)
                if not _is_plain(line.get("uuid")) or "op" not in line:
                    raise ManifestBroken("A line of it describes no file.", key=segment.key)
                if seen.add(line["uuid"]) and line["op"] == "put":
                    yield line


def _texts_of(store: ObjectStore, segment: Segment) -> list[bytes]:
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as spool:
        digest = _fetch(store, segment.key, spool, version_id=segment.version_id)
        if digest != segment.sha256:
            raise ManifestBroken("It is not the one that the manifest names.", key=segment.key)
        _, lines = _unseal(spool, segment.key, RECORDS_FORMAT, at_most=MAX_LINES)
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


def _unseal(spool: BinaryIO, key: str, form: str, *, at_most: int) -> tuple[Line, list[bytes]]:
    """Head and lines of a whole object; ManifestBroken where it is cut, changed or another."""
    whole, above, found = hashlib.sha256(), b"", list[bytes]()
    while text := spool.readline(MAX_LINE + 1):
        if len(text) > MAX_LINE:
            raise ManifestBroken("A line of it is far longer than this product writes.", key=key)
        if len(found) > at_most:
            raise ManifestBroken("It has far more lines than this product writes.", key=key)
        if above:
            whole.update(above)
            found.append(above)
        above = text
    seal = _line(above, key)
    if not above.endswith(b"\n") or seal.get("sha256_of_lines_above") != whole.hexdigest():
        raise _cut(key)
    if not found or _line(found[0], key).get("format") != form:
        raise ManifestBroken(f"It is not in the format {form}.", key=key)
    if seal.get("lines") != len(found) - 1:
        raise _cut(key)
    return _line(found[0], key), found[1:]


def _line(text: bytes, key: str) -> Line:
    """One line as an object; ManifestBroken where it is none."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _cut(key) from error
    if not isinstance(line, dict):
        raise _cut(key)
    return line


def _cut(key: str) -> ManifestBroken:
    return ManifestBroken("It is cut off or was changed.", key=key)


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
