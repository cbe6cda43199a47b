"""Parts on a local disk: each is written at its place in one file, which becomes the original.

So nothing is copied to put them together, and the bytes are read once, to be hashed. Whoever puts
the file together seals it first: no writer touches it any more, however late its bytes come.
"""

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from django.conf import settings

from storages_app.lib import disk
from storages_app.models import File, UploadSession
from storages_app.uploads import part_urls
from storages_app.uploads.arrivals import BeforeCommit, arrive
from storages_app.uploads.errors import DiskFull, StorageFailed
from storages_app.uploads.multipart_errors import PartsClosed, PartsMissing, PartsWrong
from storages_app.uploads.parts.base import Beat, Digests
from storages_app.uploads.receiving import TEMPORARY_PREFIX

log = logging.getLogger(__name__)

PREFIX = "session-"
_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC
_SEALED, _OPEN = 0o400, 0o600
_CHUNK = 1024 * 1024
_WRITERS_NEED_AT_MOST_S = 2.0  # for the chunk that they have in their hands
_LOOK_EVERY_S = 0.01


class PartsBusy(Exception):
    """A living process puts these parts together already."""


class LocalParts:
    """The file that holds the parts of one session."""

    def __init__(self, session: UploadSession) -> None:
        self.session = session
        self.path = Path(settings.FILE_UPLOAD_TEMP_DIR) / f"{PREFIX}{session.pk}"

    def begin(self) -> str:
        return ""  # the first part makes the file

    def url(self, number: int) -> str:
        return part_urls.part_url(self.session, number)

    def let_writers_in(self, *, is_open: Callable[[], bool]) -> None:
        """Undo the seal of a completion that failed; PartsClosed while one is under way.

        `is_open` is asked with the file locked: who begins to complete it then seals it after us.
        """
        if not self.path.exists():
            return
        with _faults_told(), _closing(os.open(self.path, _FLAGS | os.O_RDONLY)) as fd:
            if os.fstat(fd).st_mode & stat.S_IWUSR:
                return
            _lock(fd, fcntl.LOCK_EX)
            if not is_open():
                raise PartsClosed
            os.fchmod(fd, _OPEN)

    def write(self, number: int, chunks: Iterable[bytes]) -> str:
        """Write a part to its place; returns its SHA-256. PartsClosed once the file is sealed."""
        digest, position = hashlib.sha256(), self._position_of(number)
        with _faults_told(), _closing(self._open_to_write()) as fd:
            for chunk in chunks:
                digest.update(chunk)
                _write_unless_sealed(fd, chunk, position)
                position += len(chunk)
        return digest.hexdigest()

    def require_all(self) -> None:
        self._require_received()

    def put_together(self, *, beat: Beat, before_commit: BeforeCommit) -> File:
        session = self.session
        with self._sealed() as fd:
            try:
                digests = self._read(fd, beat)
            except PartsWrong:
                os.fchmod(fd, _OPEN)  # parts may come again
                raise
            os.utime(fd)  # the sweep leaves young bytes alone: they are about to get their row
            with self._second_name() as path:
                return arrive(
                    project=session.project,
                    path=path,
                    name=session.original_filename,
                    declared_type=session.mime_type,
                    size=session.size,
                    sha256=digests.sha256,
                    md5=digests.md5,
                    store=session.store,
                    metadata=session.metadata,
                    file_uuid=session.pk,
                    before_commit=before_commit,
                )

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)

    def tidy(self) -> None:
        self.discard()  # the original has the bytes under its own name

    def _require_received(self) -> dict[int, str]:
        """The checksum of each part, by number."""
        whole = self.session.parts.exclude(sha256="").values_list("number", "sha256")
        received = dict(whole)
        if len(received) < self.session.n_parts:
            raise PartsMissing
        return received

    def _position_of(self, number: int) -> int:
        return (number - 1) * self.session.part_size

    def _open_to_write(self) -> int:
        try:
            return os.open(self.path, _FLAGS | os.O_RDWR | os.O_CREAT, _OPEN)
        except PermissionError as error:
            raise PartsClosed from error

    def _open_to_seal(self) -> int:
        try:
            # NFS locks alone only what is open for writing; a sealed file cannot be.
            return os.open(self.path, _FLAGS | os.O_RDWR)
        except PermissionError:
            return os.open(self.path, _FLAGS | os.O_RDONLY)
        except FileNotFoundError as error:
            self.session.parts.all().delete()
            raise PartsMissing from error

    @contextlib.contextmanager
    def _sealed(self) -> Iterator[int]:
        """The file, ours alone and closed to writers, also to those that have it open."""
        with _closing(self._open_to_seal()) as fd:
            os.fchmod(fd, _SEALED)  # no writer begins another chunk
            _lock_alone(fd)
            os.fchmod(fd, _SEALED)  # who had the lock before may have let writers in again
            yield fd

    def _read(self, fd: int, beat: Beat) -> Digests:
        """Read the whole once. A part that is not what its sender had told of is taken out.

        That is so where two requests sent one part with different bytes at the same time.
        """
        received, whole, wrong = self._require_received(), Digests(), []
        if os.fstat(fd).st_size != self.session.size:
            raise PartsWrong
        for number in range(1, self.session.n_parts + 1):
            part = hashlib.sha256()
            for chunk in self._chunks_of(fd, number):
                whole.update(chunk)
                part.update(chunk)
                beat()
            if part.hexdigest() != received[number]:
                wrong.append(number)
        if wrong:
            self.session.parts.filter(number__in=wrong).delete()
            raise PartsWrong
        return whole

    def _chunks_of(self, fd: int, number: int) -> Iterator[bytes]:
        position = self._position_of(number)
        end = position + self.session.size_of_part(number)
        while position < end and (chunk := os.pread(fd, min(_CHUNK, end - position), position)):
            yield chunk
            position += len(chunk)

    @contextlib.contextmanager
    def _second_name(self) -> Iterator[Path]:
        """A name that may be moved away, so that a process that dies now has lost nothing."""
        second = self.path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}")
        try:
            second.hardlink_to(self.path)
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EMLINK}:
                raise
            yield self.path  # a file system without links
            return
        try:
            yield second
        finally:
            second.unlink(missing_ok=True)


@contextlib.contextmanager
def _closing(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def _write_unless_sealed(fd: int, chunk: bytes, position: int) -> None:
    """The lock is held for one chunk at a time, so that no slow client can keep others waiting."""
    _lock(fd, fcntl.LOCK_SH)
    try:
        if not os.fstat(fd).st_mode & stat.S_IWUSR:
            raise PartsClosed
        rest = memoryview(chunk)
        while rest:
            n_written = os.pwrite(fd, rest, position)
            rest, position = rest[n_written:], position + n_written
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


def _lock(fd: int, kind: int) -> None:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PartsClosed from error


def _lock_alone(fd: int) -> None:
    """Wait for chunks that are being written. A process that dies drops its lock."""
    give_up_at = time.monotonic() + _WRITERS_NEED_AT_MOST_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > give_up_at:
                raise PartsBusy from error
            time.sleep(_LOOK_EVERY_S)
        else:
            return


@contextlib.contextmanager
def _faults_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if disk.is_full(error):
            raise DiskFull from error
        log.exception("A part could not be written")
        raise StorageFailed from error
