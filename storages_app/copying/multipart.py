"""Large files in parts, a few at once, in bounded memory, hashed while they are read."""

import hashlib
import logging
import mmap
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import BoundedSemaphore, Event, Lock
from uuid import UUID

from storages_app.copying import evidence as proofs
from storages_app.copying import sources
from storages_app.copying.assignments import Assignment, Commit, must
from storages_app.copying.evidence import Evidence
from storages_app.copying.sources import Source, moving
from storages_app.lib.crashpoints import crashpoint
from storages_app.objectstores import providers
from storages_app.objectstores.base import ObjectStore, PartReceipt, PutOptions
from storages_app.objectstores.errors import ObjectStoreError

log = logging.getLogger(__name__)

_MIB = 1024 * 1024
_PARTS_AT_ONCE = 4  # of one process, each of which is in memory while it is sent
_PARTS_OF_A_STORAGE = 3  # so that one whose bucket hangs leaves room for others (I9)
_FILES_OF_A_STORAGE = 4  # more at once would only wait for each other
_PUTTING_TOGETHER_S = 600.0


class _Share:
    """What one storage may have on its way from this process."""

    def __init__(self) -> None:
        self.files = BoundedSemaphore(_FILES_OF_A_STORAGE)
        self.parts = BoundedSemaphore(_PARTS_OF_A_STORAGE)


class _Buffers:
    """The memory for parts on their way, used again and again while there are files to send.

    Mapped and not allocated, so that it is given back.
    """

    def __init__(self) -> None:
        self._free = BoundedSemaphore(_PARTS_AT_ONCE)
        self._shares: defaultdict[UUID, _Share] = defaultdict(_Share)
        self._lock = Lock()
        self._n_files = 0
        self._kept: list[mmap.mmap] = []

    def share_of(self, assignment: Assignment) -> _Share:
        with self._lock:
            return self._shares[assignment.storage.pk]

    def take(self, size: int, assignment: Assignment) -> mmap.mmap:
        share = self.share_of(assignment)
        _take(share.parts, assignment)
        try:
            _take(self._free, assignment)
        except BaseException:
            share.parts.release()
            raise
        try:
            return self._map(size)
        except BaseException:
            self._release(assignment)
            raise

    def give_back(self, buffer: mmap.mmap, assignment: Assignment) -> None:
        with self._lock:
            self._kept.append(buffer)
        self._release(assignment)

    @contextmanager
    def for_a_file(self) -> Iterator[None]:
        with self._lock:
            self._n_files += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_files -= 1
                if not self._n_files:
                    self._close_kept()

    def _map(self, size: int) -> mmap.mmap:
        with self._lock:
            if self._kept and len(self._kept[-1]) != size:
                self._close_kept()
            return self._kept.pop() if self._kept else mmap.mmap(-1, size)

    def _close_kept(self) -> None:
        while self._kept:
            self._kept.pop().close()

    def _release(self, assignment: Assignment) -> None:
        self._free.release()
        self.share_of(assignment).parts.release()


_buffers = _Buffers()


def put_in_parts(
    assignment: Assignment, source: Source, options: PutOptions, commit: Commit
) -> Evidence | None:
    """Write the source; the upload id is durable before the first part, aborted if we fail."""
    with _held(_buffers.share_of(assignment).files, assignment):
        key = assignment.job.key
        upload_id = assignment.store.start_multipart(key, options)
        crashpoint("copy_upload_started")
        try:
            must(commit({"upload_id": upload_id}))
            crashpoint("copy_upload_id_committed")
            parts = _send_parts(assignment, source, upload_id, options.checksum)
            crashpoint("copy_before_complete")
            assignment.refresh_store()
            assignment.allow_s(_PUTTING_TOGETHER_S)
            receipt = assignment.store.complete_multipart(
                key,
                upload_id,
                parts,
                only_if_absent=options.only_if_absent,
                only_if_etag=options.only_if_etag,
            )
            crashpoint("copy_completed")
        except BaseException:
            abort_quietly(assignment.store, key, upload_id)
            raise
        finally:
            assignment.touch()
    return proofs.of_parts(
        receipt, parts, is_verified_by_provider=assignment.is_verified_by_provider
    )


def part_size(size: int, *, at_least: int, max_parts: int) -> int:
    """The size of all parts but the last, so that a provider's limit of parts is kept."""
    needed = -(-size // max_parts)
    return at_least if needed <= at_least else -(-needed // _MIB) * _MIB


def _send_parts(
    assignment: Assignment, source: Source, upload_id: str, checksum: str
) -> list[PartReceipt]:
    """Read, hash and send; what is on its way at once is bounded, for all files together."""
    size = part_size(
        source.expected.size,
        at_least=assignment.part_size,
        max_parts=providers.provider(assignment.storage.provider).max_parts,
    )
    whole = hashlib.sha256()
    has_failed = Event()
    sent: list[Future[PartReceipt]] = []

    def send(number: int, buffer: mmap.mmap, length: int) -> PartReceipt:
        try:
            buffer.seek(0)
            receipt = assignment.store.put_part(
                assignment.job.key,
                upload_id,
                number,
                moving(buffer, assignment.touch),
                size=length,
                checksum=checksum,
            )
        except BaseException:
            has_failed.set()
            raise
        finally:
            _buffers.give_back(buffer, assignment)
        crashpoint("copy_part_sent")
        return receipt

    with _buffers.for_a_file(), ThreadPoolExecutor(_PARTS_OF_A_STORAGE, "part") as pool:
        while not has_failed.is_set():
            buffer = _buffers.take(size, assignment)
            try:
                assignment.refresh_store()
                length = source.fill(buffer)
                whole.update(memoryview(buffer)[:length])
            except BaseException:
                _buffers.give_back(buffer, assignment)
                raise
            if not length:
                _buffers.give_back(buffer, assignment)
                break
            sent.append(pool.submit(send, len(sent) + 1, buffer, length))
    parts = [future.result() for future in sent]
    if whole.hexdigest() != source.expected.sha256:
        raise sources.not_the_one()
    return parts


@contextmanager
def _held(semaphore: BoundedSemaphore, assignment: Assignment) -> Iterator[None]:
    _take(semaphore, assignment)
    try:
        yield
    finally:
        semaphore.release()


def _take(semaphore: BoundedSemaphore, assignment: Assignment) -> None:
    """Wait for a turn; whoever waits for others of this process is not stuck."""
    while not semaphore.acquire(timeout=5):
        assignment.touch()


def abort_quietly(store: ObjectStore, key: str, upload_id: str) -> None:
    """The id stays in the ledger: if this fails too, the next attempt aborts it."""
    try:
        store.abort_multipart(key, upload_id)
    except ObjectStoreError as error:
        log.info("An upload could not be aborted now: %s", error.code)
