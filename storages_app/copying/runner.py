"""The pump: claims due copies in batches, lets threads make them, writes the ledger.

Only the pump's own thread touches the database. The threads hand it messages; it commits what has
to be durable, writes outcomes many at a time, and renews leases of copies whose bytes still move.
"""

import logging
import os
import queue
import random
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Value
from django.db.models.functions import Greatest

from storages_app.copying.making import Assignment, LostJob, Outcome, health_of, make_copy
from storages_app.custom_storages import circuit
from storages_app.custom_storages.connect import open_store
from storages_app.lib.crashpoints import crashpoint
from storages_app.lib.crypto import CannotUnseal
from storages_app.models import CopyJob, CustomStorage, Event, Reason
from storages_app.models.copy_jobs import MAX_CRASHES, CopyJobQuerySet, State
from storages_app.models.custom_storages import CustomStorageQuerySet
from storages_app.models.fields import db_now, read_db_now

log = logging.getLogger(__name__)

_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 900.0
_GIVE_UP_AFTER = timedelta(hours=24)
_STUCK_AFTER_S = 120  # no byte moved and no step changed: the lease is not renewed
_FLUSH_EVERY_S = 0.2
_ASK_FOR_SUSPECTS_EVERY_S = 5.0


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
class _Finished:
    assignment: Assignment
    outcome: Outcome


@dataclass(frozen=True)
class _Lost:
    """The job belongs to another worker by now."""

    assignment: Assignment


_Message = _CommitRequest | _Finished | _Lost


class Pump:
    """One drain of the ledger; ends when nothing is due and nothing is under way."""

    def __init__(self, *, worker: str, threads: int) -> None:
        self.worker = worker
        self.threads = threads
        self.flying: dict[int, Assignment] = {}
        self.inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self.renewed_at = monotonic()
        self.is_closing = False
        self.has_renamed = False  # a copy goes on under another key (keep both)
        self.suspects_wait = False
        self.suspects_asked_at = float("-inf")

    def run(self, *, only: int | None = None) -> int:
        """Make what is due (or the one job `only`); how many attempts ended."""
        n_ended = 0
        with self._pool() as pool:
            while not _stopping.is_set():
                self._claim(pool, only=only)
                if not self.flying:
                    return n_ended
                n_ended += self._collect()
                self._renew_leases()
                if only is not None and not (self.flying or self.has_renamed):
                    return n_ended
            self._give_back()
        return n_ended

    def _give_back(self) -> None:
        """The process is asked to end: free the leases, so that others go on at once.

        What a thread still sends is harmless: the fence has moved on.
        """
        n_ended = self._collect()
        with transaction.atomic():
            for pk, assignment in self.flying.items():
                CopyJob.objects.held(pk=pk, fence=assignment.job.fence).update(
                    state=State.PENDING,
                    run_after=db_now(),
                    lease_until=None,
                    fence=F("fence") + 1,
                    attempts=Greatest(F("attempts") - 1, Value(0)),
                )
        log.info("Ending: %s copies finished, %s given back.", n_ended, len(self.flying))
        self.flying.clear()

    @contextmanager
    def _pool(self) -> Iterator[ThreadPoolExecutor]:
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="copy")
        try:
            yield pool
        finally:
            self.is_closing = True
            self._refuse_waiting_commits()
            pool.shutdown(wait=False, cancel_futures=True)

    def _refuse_waiting_commits(self) -> None:
        while not self.inbox.empty():
            message = self.inbox.get()
            if isinstance(message, _CommitRequest):
                message.answer(is_held=False)

    # --- claiming ---------------------------------------------------------------------------

    def _claim(self, pool: ThreadPoolExecutor, *, only: int | None) -> None:
        if only is not None:
            if not self.flying:
                jobs = CopyJob.objects.filter(pk=only).claim(
                    limit=1, worker=self.worker, lease=settings.LEASE
                )
                self._start(pool, jobs)
            return
        if self._has_suspects():
            jobs = [] if self.flying else claim_batch(worker=self.worker, limit=1, suspects=True)
            self._start(pool, jobs)
            if self.flying:
                return
            self.suspects_wait = False  # another worker has them, or may not claim them now
        # A second batch is claimed while the first is under way, so that no thread waits for it.
        while len(self.flying) <= self.threads:
            jobs = claim_batch(worker=self.worker, limit=settings.COPY_BATCH)
            if not jobs:
                return
            self._start(pool, jobs)

    def _has_suspects(self) -> bool:
        """Whether a copy that killed workers waits; asked now and then, and after each of them."""
        now = monotonic()
        if self.suspects_wait or now - self.suspects_asked_at > _ASK_FOR_SUSPECTS_EVERY_S:
            self.suspects_asked_at = now
            self.suspects_wait = _waiting_storages(suspects=True).exists()
        return self.suspects_wait

    def _start(self, pool: ThreadPoolExecutor, jobs: list[CopyJob]) -> None:
        crashpoint("copy_claimed")
        for job in jobs:
            if job.crashes >= MAX_CRASHES:
                detail = f"{job.crashes} workers died while they made this copy."
                outcome = Outcome(State.FAILED, Reason.WORKER_CRASHED, detail)
                self._write([_Finished(Assignment(job, _NO_STORE, 0, 0), outcome)])
                continue
            assignment = self._assign(job)
            if assignment:
                self.flying[job.pk] = assignment
                pool.submit(self._work, assignment)

    def _assign(self, job: CopyJob) -> Assignment | None:
        try:
            store = open_store(job.custom_storage)
        except CannotUnseal as error:
            outcome = Outcome(State.RETRY_WAIT, Reason.AUTH_DENIED, error.message)
            self._write([_Finished(Assignment(job, _NO_STORE, 0, 0), outcome)])
            return None
        return Assignment(job, store, settings.MULTIPART_THRESHOLD, settings.MULTIPART_PART_SIZE)

    # --- in a thread ------------------------------------------------------------------------

    def _work(self, assignment: Assignment) -> None:
        try:
            outcome = make_copy(
                assignment, lambda values: self._commit_from_thread(assignment, values)
            )
        except LostJob:
            self.inbox.put(_Lost(assignment))
        else:
            self.inbox.put(_Finished(assignment, outcome))

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
        ends_at = monotonic() + _FLUSH_EVERY_S
        finished: list[_Finished] = []
        while self.flying and len(finished) < settings.COPY_BATCH:
            try:
                message = self.inbox.get(timeout=max(0.0, ends_at - monotonic()))
            except queue.Empty:
                break
            if isinstance(message, _CommitRequest):
                held = CopyJob.objects.held(pk=message.pk, fence=message.fence)
                message.answer(is_held=bool(held.update(**message.values)))
                continue
            self.flying.pop(message.assignment.job.pk, None)
            if isinstance(message, _Finished):
                finished.append(message)
        self._write(finished)
        return len(finished)

    def _write(self, finished: list[_Finished]) -> None:
        if not finished:
            return
        with transaction.atomic():
            held = _settle_done([one for one in finished if one.outcome.state == State.DONE])
            held += [one for one in finished if one.outcome.state != State.DONE and _settle(one)]
        self.has_renamed = any(one.outcome.new_key for one in held)
        crashpoint("copy_outcomes_committed")
        health: dict[CustomStorage, list[_Finished]] = defaultdict(list)
        for one in held:
            health[one.assignment.storage].append(one)
        for custom_storage, those in health.items():
            _report_health(custom_storage, those)

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
        with transaction.atomic():
            CopyJob.renew_leases(fences=moving, lease=settings.LEASE)


_NO_STORE: Any = None


def _claimable(*, suspects: bool) -> CopyJobQuerySet:
    return CopyJob.objects.suspect() if suspects else CopyJob.objects.fresh()


def _waiting_storages(*, suspects: bool = False) -> CustomStorageQuerySet:
    """Working storages with something to claim, the longest unserved first."""
    jobs = _claimable(suspects=suspects).filter(custom_storage=OuterRef("pk"))
    waiting = CustomStorage.objects.working().filter(Exists(jobs.due()) | Exists(jobs.lapsed()))
    return waiting.order_by(F("last_served_at").asc(nulls_first=True))


def claim_batch(*, worker: str, limit: int, suspects: bool = False) -> list[CopyJob]:
    """The next due copies of one storage, storages in turn; or the trial copy of a broken one."""
    for custom_storage in _waiting_storages(suspects=suspects):
        n_free = (
            settings.STORAGE_CONCURRENCY * 2
            - custom_storage.copy_jobs.running().filter(lease_until__gte=db_now()).count()
        )
        if n_free <= 0:
            continue
        CustomStorage.objects.filter(pk=custom_storage.pk).update(last_served_at=db_now())
        claimed = (
            _claimable(suspects=suspects)
            .filter(custom_storage=custom_storage)
            .claim(limit=min(limit, n_free), worker=worker, lease=settings.LEASE)
        )
        if claimed:
            return claimed
    broken = None if suspects else circuit.claim_probe()
    if broken:
        return CopyJob.objects.filter(custom_storage=broken).claim(
            limit=1, worker=worker, lease=settings.LEASE
        )
    return []


def _settle_done(done: list[_Finished]) -> list[_Finished]:
    """Write the proved copies of one batch together; those that were still ours."""
    if not done:
        return []
    for one in done:
        for name, value in _final_values(one.outcome).items():
            setattr(one.assignment.job, name, value)
    held = CopyJob.finish_done([one.assignment.job for one in done])
    for one in done:
        if one.assignment.job.pk not in held:
            _warn_of_lost_lease(one.assignment.job)
    return [one for one in done if one.assignment.job.pk in held]


def _warn_of_lost_lease(job: CopyJob) -> None:
    log.warning("The lease of copy job %s was lost; its outcome is dropped.", job.pk)


def _settle(one: _Finished) -> bool:
    """Write one outcome under the job's fence; False if the job is not ours any more."""
    job, outcome = one.assignment.job, one.outcome
    held = CopyJob.objects.held(pk=job.pk, fence=job.fence)
    if outcome.new_key:
        return _rename(job, outcome.new_key)
    values = _final_values(outcome)
    if _asker_was_told(job, outcome):
        values["state"] = State.FAILED
    if values["state"] == State.RETRY_WAIT:
        values |= _waiting_values(job, outcome)
    if not held.update(**values):
        _warn_of_lost_lease(job)
        return False
    if values["state"] == State.FAILED:
        _tell_failure(job, values)
    return True


def _rename(job: CopyJob, key: str) -> bool:
    """Keep both: the same job again under the next key; a key in use is skipped next time."""
    held = CopyJob.objects.held(pk=job.pk, fence=job.fence)
    try:
        with transaction.atomic():
            return bool(
                held.update(key=key, state=State.PENDING, run_after=db_now(), lease_until=None)
            )
    except IntegrityError:
        return bool(
            held.update(
                state=State.FAILED,
                reason=Reason.KEY_CONFLICT,
                detail=f"Another copy of this file has the key {key}.",
                finished_at=db_now(),
                lease_until=None,
            )
        )


def _final_values(outcome: Outcome) -> dict[str, Any]:
    error, proof, expected = outcome.error, outcome.evidence, outcome.expected
    values: dict[str, Any] = {
        "state": outcome.state,
        "reason": outcome.reason,
        "detail": outcome.detail[:1000],
        "error_code": (error.provider_code if error else "")[:80],
        "http_status": error.http_status if error else None,
        "request_id": (error.request_id if error else "")[:200],
        "lease_until": None,
        "finished_at": db_now(),
    }
    if outcome.state in {State.DONE, State.UNVERIFIED}:
        values["upload_id"] = ""
    if expected:
        values |= {
            "size": expected.size,
            "sha256": expected.sha256,
            "content_type": outcome.content_type,
        }
    if proof:
        values |= {
            "evidence": proof.method,
            "evidence_checksum": proof.checksum[:120],
            "etag": proof.etag[:200],
            "version_id": proof.version_id,
            "verified_at": db_now(),
        }
    return values


def _asker_was_told(job: CopyJob, outcome: Outcome) -> bool:
    """Whoever waits for a REST answer hears an owner's fault as a failure: nothing comes later."""
    is_owners = outcome.error is not None and outcome.error.kind == "owner"
    return is_owners and job.lane == CopyJob.Lane.INTERACTIVE


def _waiting_values(job: CopyJob, outcome: Outcome) -> dict[str, Any]:
    """When to try again: full jitter from 1 s to 15 min, for 24 h; an owner's fault has no end."""
    is_owners = outcome.error is not None and outcome.error.kind == "owner"
    started = job.first_attempt_at
    if not is_owners and started and read_db_now() - started > _GIVE_UP_AFTER:
        return {"state": State.FAILED, "reason": Reason.ATTEMPTS_EXHAUSTED}
    wait_s = backoff_s(attempts=job.attempts, chance=random.random())  # noqa: S311 - jitter
    if outcome.error and outcome.error.retry_after:
        wait_s = max(wait_s, min(outcome.error.retry_after, _LONGEST_WAIT_S))
    values: dict[str, Any] = {
        "run_after": db_now() + timedelta(seconds=wait_s),
        "finished_at": None,
        "crashes": 0,  # the attempt has ended without killing its worker
    }
    if is_owners:  # no attempt is used up
        values["attempts"] = Greatest(F("attempts") - 1, Value(0))
    return values


def backoff_s(*, attempts: int, chance: float) -> float:
    """Seconds until the next attempt; `chance` from 0 to 1 is the jitter."""
    ceiling = min(_FIRST_WAIT_S * 2.0 ** min(attempts, 20), _LONGEST_WAIT_S)
    return _FIRST_WAIT_S * 0.2 + ceiling * chance


def _tell_failure(job: CopyJob, values: dict[str, Any]) -> None:
    Event.objects.record(
        "copy.failed",
        actor=job.asked_by,
        subject=job.file.original_filename,
        subject_id=job.pk,
        project=job.project,
        data={"reason": values["reason"], "storage": job.custom_storage.name, "url": job.url},
    )


def _report_health(custom_storage: CustomStorage, finished: list[_Finished]) -> None:
    signs = {"success": circuit.SUCCESS, "transient": circuit.TRANSIENT, "owner": circuit.OWNER}
    told = [(health_of(one.outcome), one.outcome) for one in finished]
    outcomes = "".join(signs[kind] for kind, _ in told if kind)
    if not outcomes:
        return
    is_all_well = set(outcomes) == {circuit.SUCCESS}
    if is_all_well and not custom_storage.is_broken and not custom_storage.recent_outcomes:
        return  # the record would only say what an empty one says: nothing is wrong
    reason = next((o.reason for kind, o in reversed(told) if kind != "success"), "")
    circuit.report(custom_storage, outcomes, reason=reason)


# --- what a worker process runs --------------------------------------------------------------

_stopping = threading.Event()
_one_drain_a_process = threading.Lock()
_asked_again = threading.Event()


def drain() -> int:
    """Make all due copies; a second call in the same process only says that there is more."""
    _asked_again.set()
    n_ended = 0
    while _asked_again.is_set() and _one_drain_a_process.acquire(blocking=False):
        try:
            _asked_again.clear()
            cancel_orphans()
            worker = worker_name()
            n_ended += Pump(worker=worker, threads=settings.COPY_THREADS).run()
        finally:
            _one_drain_a_process.release()
    return n_ended


def stop(*, wait_s: float = 5) -> None:
    """End the drain of this process and give its leases back; returns when that is done."""
    _stopping.set()
    if _one_drain_a_process.acquire(timeout=wait_s):
        _one_drain_a_process.release()


def cancel_orphans() -> int:
    """End jobs whose worker died and whose storage is gone: nobody will take them over."""
    orphans = CopyJob.objects.lapsed().filter(custom_storage__removed_at__isnull=False)
    return CopyJob.objects.filter(pk__in=list(orphans.values_list("pk", flat=True))).update(
        state=State.CANCELLED,
        reason=Reason.STORAGE_DELETED,
        lease_until=None,
        finished_at=db_now(),
    )


def make_one(*, copy_job_id: int) -> None:
    """Make one copy here and now, if nobody else has claimed it."""
    Pump(worker=worker_name(), threads=1).run(only=copy_job_id)
