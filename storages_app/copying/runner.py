"""The pump: claims due copies in batches, lets threads make them, writes the ledger.

Only the pump's own thread touches the database. The threads hand it messages; it commits what has
to be durable, writes outcomes many at a time, and renews leases of copies whose bytes still move.
"""

import logging
import os
import queue
import socket
import threading
from collections import Counter
from collections.abc import Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from storages_app.copying import sources, suspects
from storages_app.copying.claiming import (
    cancel_orphans,
    claim_batch,
    claim_one,
    claim_suspect,
    seconds_until_next,
)
from storages_app.copying.making import (
    Assignment,
    LostJob,
    Outcome,
    make_copy,
    outcome_of_bucket_error,
    unforeseen,
)
from storages_app.copying.persistence import persist
from storages_app.copying.settling import Finished, report_late, settle
from storages_app.custom_storages import circuit
from storages_app.custom_storages.connect import open_store
from storages_app.imaging.errors import BadEffects
from storages_app.lib import shortage
from storages_app.lib.crashpoints import crashpoint
from storages_app.lib.crypto import CannotUnseal
from storages_app.models import CopyJob, CustomStorage, Reason
from storages_app.models.copy_jobs import MAX_CRASHES, State
from storages_app.objectstores.base import ObjectStore
from storages_app.objectstores.errors import ObjectStoreError
from ucdash.celery import wake

log = logging.getLogger(__name__)

_STUCK_AFTER_S = 120  # no byte moved and no step changed: the lease is not renewed
_FLUSH_EVERY_S = 0.2
_MIND_SUSPECTS_EVERY_S = 5.0
_CLAIM_EVERY_S = 0.2  # while threads are at work: another storage may have something to do
_MOST_BATCHES = 8  # a bound on what is claimed, however many storages there are


def worker_name() -> str:
    """Who holds a lease: unique among living processes of all machines."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident() % 10_000}"[:100]


@dataclass
class _CommitRequest:
    """A thread asks for something to be made durable, and waits for the answer."""

    pk: int
    fence: int
    values: dict[str, Any]
    answered: threading.Event = field(default_factory=threading.Event)
    is_held: bool = False

    def answer(self, is_held: bool) -> None:
        self.is_held = is_held
        self.answered.set()


@dataclass(frozen=True)
class _Lost:
    """The job belongs to another worker by now."""

    assignment: Assignment


_Message = _CommitRequest | Finished | _Lost


class _Door:
    """The way into one bucket for a batch of copies: opened once, by the thread that is first."""

    def __init__(self, custom_storage: CustomStorage) -> None:
        self._storage = custom_storage
        self._lock = threading.Lock()
        self._found: ObjectStore | Outcome | None = None

    def open(self) -> ObjectStore | Outcome:
        """The bucket, for which a role may have to be assumed; or why there is none."""
        with self._lock:
            if self._found is None:
                self._found = self._open()
            return self._found

    def _open(self) -> ObjectStore | Outcome:
        try:
            return open_store(self._storage)
        except CannotUnseal as error:
            return Outcome(State.RETRY_WAIT, Reason.AUTH_DENIED, error.message)
        except ObjectStoreError as error:
            return outcome_of_bucket_error(error)
        except Exception as error:  # noqa: BLE001 - the edge of a worker, as in `make_copy`
            return unforeseen(error, at=f"storage {self._storage.pk}")


class _Pools:
    """Threads for each storage: one whose bucket hangs keeps only its own busy (I9)."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pools: dict[UUID, ThreadPoolExecutor] = {}

    def of(self, storage: UUID) -> ThreadPoolExecutor:
        if storage not in self._pools:
            self._pools[storage] = ThreadPoolExecutor(self._threads, thread_name_prefix="copy")
        return self._pools[storage]

    def keep(self, busy: Container[UUID]) -> None:
        """End most of those that have nothing to do: a run may last for days and storages."""
        idle = [storage for storage in self._pools if storage not in busy]
        for storage in idle[:-_MOST_BATCHES]:
            self._pools.pop(storage).shutdown(wait=False)

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)


class Pump:
    """One drain of the ledger; ends when nothing is due and nothing is under way."""

    def __init__(self, *, worker: str, threads: int) -> None:
        self.worker = worker
        self.threads = threads
        self.flying: dict[int, Assignment] = {}
        self.inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self.renewed_at = monotonic()
        self.is_closing = False
        self.is_a_thread_lost = False  # it could not say what came of its copy
        self.flew = 0  # copies under way after the last claim
        self.has_called = False  # another process
        self.has_renamed = False  # a copy goes on under another key (keep both)
        self.claimed_at = self.suspects_minded_at = float("-inf")

    def run(self) -> int:
        """Make all that is due; how many attempts ended."""
        n_ended = 0
        with self._pools() as pools:
            while not _stopping.is_set():
                self._mind_suspects()
                self._claim(pools)
                if not self.flying:
                    return n_ended
                n_ended += self._collect()
                self._renew_leases()
            self._give_back()
        return n_ended

    def finish(self, jobs: list[CopyJob]) -> None:
        """Make these claimed copies and no other."""
        with self._pools() as pools:
            self._start(pools, jobs)
            while self.flying and not _stopping.is_set():
                self._collect()
                self._renew_leases()
            self._give_back()

    def _give_back(self) -> None:
        """The process is asked to end: free the leases, so that others go on at once.

        What a thread still sends is harmless: the fence has moved on.
        """
        if not self.flying:
            return
        n_ended = self._collect()
        with transaction.atomic():
            for pk, assignment in self.flying.items():
                CopyJob.objects.held(pk=pk, fence=assignment.job.fence).wait_again(
                    fence=F("fence") + 1, attempts=Greatest(F("attempts") - 1, Value(0))
                )
        log.info("Ending: %s copies finished, %s given back.", n_ended, len(self.flying))
        self.flying.clear()

    def abandon(self) -> None:
        """This pump goes on no more, for whatever reason: its copies are tried again, in time.

        Best effort; a copy that could not be written down waits until its lease is over.
        """
        ended = Outcome(State.RETRY_WAIT, Reason.INTERNAL, "The worker had to end; see its log.")
        with suppress(Exception):
            settle([Finished(assignment, ended) for assignment in list(self.flying.values())])

    @contextmanager
    def _pools(self) -> Iterator[_Pools]:
        pools = _Pools(self.threads)
        _at_work.append(self)
        try:
            yield pools
        except BaseException as error:
            shortage.note(error)
            self.abandon()
            raise
        finally:
            self.is_closing = True
            _at_work.remove(self)
            self._refuse_waiting_commits()
            pools.close()

    def _refuse_waiting_commits(self) -> None:
        while not self.inbox.empty():
            message = self.inbox.get()
            if isinstance(message, _CommitRequest):
                message.answer(is_held=False)

    # --- claiming ---------------------------------------------------------------------------

    def _claim(self, pools: _Pools) -> None:
        """Claim for every storage that keeps less than half of its threads at work here.

        A storage has its next batch while threads still have the last one, but not sooner: what
        a claim costs is shared by all that it finds.
        """
        now = monotonic()
        is_soon = now - self.claimed_at < _CLAIM_EVERY_S
        if is_soon and len(self.flying) > max(self.threads // 2, self.flew - 3 * self.threads // 2):
            return
        self.claimed_at = now
        while len(self.flying) < _MOST_BATCHES * self.threads:
            held = Counter(one.job.custom_storage_id for one in self.flying.values())
            pools.keep(held)
            claim = partial(claim_batch, worker=self.worker, limit=2 * self.threads, held=held)
            jobs = persist(claim)
            if not jobs:
                break
            self._call_another(n_found=len(jobs))
            self._start(pools, jobs)
        self.flew = len(self.flying)

    def _call_another(self, *, n_found: int) -> None:
        """One wake-up reaches one process; where there is more than it takes, it wakes the next."""
        if n_found == 2 * self.threads and not self.has_called:
            self.has_called = True
            wake("copying.drain")

    def _mind_suspects(self) -> None:
        now = monotonic()
        if now - self.suspects_minded_at > _MIND_SUSPECTS_EVERY_S:
            self.suspects_minded_at = now
            persist(suspects.make_apart)

    def _start(self, pools: _Pools, jobs: list[CopyJob]) -> None:
        crashpoint("copy_claimed")
        assignments = [_assignment(job) for job in jobs]
        # All of them, before the first may meet a limit of the machine: see `abandon`.
        self.flying |= {one.job.pk: one for one in assignments}
        doors: dict[UUID, _Door] = {}
        for one in assignments:
            if refusal := _refusal(one.job) or _bring_others(one):
                self.inbox.put(Finished(one, refusal))
                continue
            door = doors.setdefault(one.job.custom_storage_id, _Door(one.storage))
            pools.of(one.job.custom_storage_id).submit(self._work, one, door)

    # --- in a thread ------------------------------------------------------------------------

    def _work(self, assignment: Assignment, door: _Door) -> None:
        try:
            self.inbox.put(self._attempt(assignment, door))
        except BaseException:  # out of memory, at a place where nothing can be said any more
            self.is_a_thread_lost = True
            raise

    def _attempt(self, assignment: Assignment, door: _Door) -> Finished | _Lost:
        found = door.open()
        if isinstance(found, Outcome):
            return Finished(assignment, found)
        assignment.store = found
        try:
            commit = partial(self._commit_from_thread, assignment)
            return Finished(assignment, make_copy(assignment, commit))
        except LostJob:
            return _Lost(assignment)

    def _commit_from_thread(self, assignment: Assignment, values: dict[str, Any]) -> bool:
        if self.is_closing:
            return False
        request = _CommitRequest(assignment.job.pk, assignment.job.fence, values)
        self.inbox.put(request)
        while not request.answered.wait(timeout=1) and not self.is_closing:
            pass
        assignment.touch()
        return request.is_held

    # --- writing the ledger -----------------------------------------------------------------

    def _collect(self) -> int:
        """Take messages for a moment; commits are answered at once, outcomes written together."""
        if self.is_a_thread_lost:
            raise MemoryError("A thread could not say what came of its copy.")
        ends_at = monotonic() + _FLUSH_EVERY_S
        finished: list[Finished] = []
        while self.flying and len(finished) < self.threads:
            try:
                message = self.inbox.get(timeout=max(0.0, ends_at - monotonic()))
            except queue.Empty:
                break
            if isinstance(message, _CommitRequest):
                held = CopyJob.objects.held(pk=message.pk, fence=message.fence)
                message.answer(is_held=bool(persist(partial(held.update, **message.values))))
                continue
            self.flying.pop(message.assignment.job.pk, None)
            if isinstance(message, Finished):
                finished.append(message)
            else:
                persist(partial(report_late, message.assignment.job))
        self._write(finished)
        return len(finished)

    def _write(self, finished: list[Finished]) -> None:
        try:
            held = persist(partial(settle, finished))
        except _NOT_TAKEN:
            held = [held for one in finished for held in _write_alone(one)]
        self.has_renamed = any(one.outcome.new_key for one in held)

    def _renew_leases(self) -> None:
        now = monotonic()
        if now - self.renewed_at < settings.LEASE.total_seconds() / 3:
            return
        self.renewed_at = now
        moving = {
            pk: assignment.job.fence
            for pk, assignment in self.flying.items()
            if now - assignment.moved_at < _STUCK_AFTER_S
        }
        persist(partial(CopyJob.renew_leases, fences=moving, lease=settings.LEASE))


_NO_STORE: Any = None
_NOT_TAKEN = (DataError, IntegrityError, ValueError)  # by the database: not its failure


def _write_alone(one: Finished) -> list[Finished]:
    """Whatever a bucket has answered, it harms no copy into another."""
    try:
        return persist(partial(settle, [one]))
    except _NOT_TAKEN:
        log.exception("What came of copy job %s could not be written.", one.assignment.job.pk)
    unwritable = Outcome(State.RETRY_WAIT, Reason.INTERNAL, "An unforeseen fault; see the log.")
    return persist(partial(settle, [Finished(one.assignment, unwritable)]))


def _assignment(job: CopyJob) -> Assignment:
    made = Assignment(job, _NO_STORE, settings.MULTIPART_THRESHOLD, settings.MULTIPART_PART_SIZE)
    if made.storage.identity == CustomStorage.Identity.ROLE:
        made.renew_store = partial(open_store, made.storage)
    return made


def _refusal(job: CopyJob) -> Outcome | None:
    """Why a claimed copy is not begun."""
    if job.file.is_removed:  # while an attempt was under way, or its worker dead
        return Outcome(State.CANCELLED, Reason.FILE_DELETED, "The file was deleted.")
    if job.crashes >= MAX_CRASHES:
        detail = f"{job.crashes} workers died while they made this copy."
        return Outcome(State.FAILED, Reason.WORKER_CRASHED, detail)
    return None


def _bring_others(assignment: Assignment) -> Outcome | None:
    """Look for the files that its image is made with, or say that one cannot be had."""
    try:
        assignment.others = persist(partial(sources.find_others, assignment.job))
    except BadEffects as error:
        return Outcome(State.FAILED, Reason.PROCESSING_FAILED, error.message)
    return None


# --- what a worker process runs --------------------------------------------------------------

_stopping = threading.Event()
_one_drain_a_process = threading.Lock()
_asked_again = threading.Event()
_at_work: list[Pump] = []


def drain() -> int:
    """Make all due copies; a second call in the same process only says that there is more."""
    _asked_again.set()
    circuit.settle_states()
    n_ended = 0
    while _is_wanted() and _one_drain_a_process.acquire(blocking=False):
        try:
            _asked_again.clear()
            cancel_orphans()
            n_ended += Pump(worker=worker_name(), threads=settings.COPY_THREADS).run()
            _wait_for_a_rate()
        finally:
            _one_drain_a_process.release()
    return n_ended


def _is_wanted() -> bool:
    return _asked_again.is_set() and not _stopping.is_set()


def _wait_for_a_rate() -> None:
    """A storage that takes so many copies a second is served at once when it takes the next."""
    pause_s = seconds_until_next()
    if pause_s is not None and pause_s < settings.POLL_EVERY_S:
        # A rest that is over does not hold the copies back: they wait for others to end.
        _asked_again.wait(pause_s or _CLAIM_EVERY_S)
        _asked_again.set()


def stop(*, wait_s: float = 5) -> None:
    """End the drain of this process and give its leases back; returns when that is done."""
    _stopping.set()
    _asked_again.set()  # whoever waits for a rate waits no longer
    suspects.stop()
    if _one_drain_a_process.acquire(timeout=wait_s):
        _one_drain_a_process.release()
    else:
        abandon()
    suspects.wait_for_end(wait_s=wait_s)


def abandon() -> None:
    """This process ends, and waits for none of its pumps: one of them hangs."""
    for pump in _at_work:
        pump.abandon()


def make_one(*, copy_job_id: int) -> CopyJob | None:
    """Make one copy here and now; how this process left it, or None if it was not claimed."""
    worker = worker_name()
    made = None
    while jobs := claim_one(pk=copy_job_id, worker=worker):
        (made,) = jobs
        pump = Pump(worker=worker, threads=1)
        pump.finish(jobs)
        if not pump.has_renamed:
            return made
    if made is None:
        CopyJob.objects.filter(pk=copy_job_id, run_after=None).note_duplicate()
    return made


def make_suspects() -> None:
    """Make the copies over which workers have died, one after the other, until none is left."""
    worker = worker_name()
    while not _stopping.is_set() and (jobs := claim_suspect(worker=worker)):
        Pump(worker=worker, threads=1).finish(jobs)
