"""Which copies a worker takes next: storages in turn, within their limits; broken ones by trial."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Min, OuterRef, Q, Subquery

from storages_app.custom_storages import circuit
from storages_app.models import CopyJob, CustomStorage, Reason, WorkerHeartbeat
from storages_app.models.copy_jobs import ClaimableRow, CopyJobQuerySet, State, taken_whole
from storages_app.models.custom_storages import CustomStorageQuerySet
from storages_app.models.fields import db_now, read_db_now
from storages_app.models.prepared import Bound, Prepared

Rows: TypeAlias = "models.QuerySet[Any, tuple[Any, ...]]"
_ORPHANS_COME_WITHIN = timedelta(days=1)
# Copies that dead workers left come first, then lane by lane.
_LANES = (None, *CopyJob.Lane.values)
# The names under which a query tells when the first of each may be claimed.
_FIRSTS = {f"first_of_lane_{lane}": lane for lane in _LANES}


def claim_batch(
    *, worker: str, limit: int, held: Mapping[UUID, int] | None = None
) -> list[CopyJob]:
    """The next due copies of one storage, storages in turn; or the trial copy of a broken one.

    `held` says how many copies of which storage the worker has already: at most `limit` of one,
    and those with more than a quarter of that are passed over.
    """
    held = held or {}
    for pk, *firsts in _OPEN_STORAGES.rows():
        if held.get(pk, 0) > limit // 4:
            continue
        claimed = _claim_of(
            lock=partial(_LOCKED.rows, storage=pk),
            read=partial(_CLAIMABLE.rows, storage=pk),
            worker=worker,
            limit=limit - held.get(pk, 0),
            lanes=[lane for lane, first in zip(_LANES, firsts, strict=True) if first],
        )
        if claimed:
            return claimed
    if broken := circuit.claim_probe():
        trial = broken.copy_jobs.without_suspects()
        return trial.claim(limit=1, worker=worker, lease=settings.LEASE)
    return []


def claim_one(*, pk: int, worker: str) -> list[CopyJob]:
    """This copy, unless another worker has it, its storage takes no more at this moment, or it has
    killed a worker: whoever asks has other requests to answer.
    """
    job = CopyJob.objects.without_suspects().filter(pk=pk)
    storage = CustomStorage.objects.live().filter(pk=Subquery(job.values("custom_storage")))
    return _claim_of(
        lock=partial(_locked, storage), read=job.claimable, worker=worker, limit=1, lanes=_LANES
    )


def seconds_until_next() -> float | None:
    """How long the first storage rests that has due copies and is held back by its rate."""
    soonest = _waiting_storages().aggregate(soonest=Min("next_claim_at"))["soonest"]
    return max(0.0, (soonest - read_db_now()).total_seconds()) if soonest else None


def _may_begin() -> Q:
    return Q(next_claim_at=None) | Q(next_claim_at__lte=db_now())


def _waiting_storages() -> CustomStorageQuerySet:
    """Working storages with something to claim, the longest unserved first."""
    # The first of a lane in the order of its index, and not EXISTS: for that the database may
    # read the whole ledger, hoping to meet a row soon.
    jobs = CopyJob.objects.filter(custom_storage=OuterRef("pk"))
    firsts = {
        name: _first(jobs.without_suspects().lapsed(), "lease_until")
        if lane is None
        else _first(jobs.filter(lane=lane, run_after__isnull=False), "run_after")
        for name, lane in _FIRSTS.items()
    }
    is_due = Q()
    for name in firsts:
        is_due |= Q(**{f"{name}__lte": db_now()})
    waiting = CustomStorage.objects.working().annotate(**firsts).filter(is_due)
    return waiting.order_by(F("last_served_at").asc(nulls_first=True))


def _first(jobs: CopyJobQuerySet, column: str) -> Subquery:
    return Subquery(jobs.order_by(column).values(column)[:1])


def _claim_of(
    *,
    lock: Callable[[], Iterable[tuple[UUID, int | None]]],
    read: Callable[[int | None, int], Iterable[ClaimableRow]],
    worker: str,
    limit: int,
    lanes: Iterable[int | None],
) -> list[CopyJob]:
    """Claim the jobs of one storage that `read` finds, as far as it takes more copies now.

    `lock` holds its row meanwhile: so its limits hold however many workers there are. Others wait
    for it, so the claimed rows are read when it is free again.
    """

    def take(limit: int) -> list[int]:
        for pk, max_rate in lock():
            n_free = min(limit, settings.STORAGE_CONCURRENCY - _n_running(pk), _n_at_once(max_rate))
            if n_free <= 0:
                break
            pks = CopyJob.take(read, n_free, worker=worker, lease=settings.LEASE, lanes=lanes)
            if pks:
                _note_served(pk, rests_s=len(pks) / max_rate if max_rate else 0)
            return pks
        return []

    return CopyJob.objects.taken(taken_whole(take, limit))


def _note_served(pk: UUID, *, rests_s: float) -> None:
    next_claim_at = {"next_claim_at": db_now() + timedelta(seconds=rests_s)} if rests_s else {}
    CustomStorage.objects.filter(pk=pk).update(last_served_at=db_now(), **next_claim_at)
    WorkerHeartbeat.note_claim()


def _n_running(pk: UUID) -> int:
    return int(_RUNNING.rows(storage=pk)[0][0])


def _n_at_once(max_rate: int | None) -> int:
    """A tenth of a second's copies at most, so that a rate is kept within each second."""
    return max(1, max_rate // 10) if max_rate else settings.STORAGE_CONCURRENCY


# --- Queries of each claim ---------------------------------------------------------------------

_STORAGE = Bound("storage", CustomStorage._meta.pk)


def _open_storages() -> Rows:
    return _waiting_storages().filter(_may_begin()).values_list("pk", *_FIRSTS)


def _locked(storages: CustomStorageQuerySet) -> Rows:
    found = storages.filter(_may_begin()).order_by()
    return found.select_for_update(of=("self",), no_key=True).values_list("pk", "max_rate")


def _running() -> Rows:
    # Not Count, which Django would group by each row.
    count = Func("pk", function="COUNT", output_field=models.IntegerField())
    running = CopyJob.objects.filter(custom_storage=_STORAGE, lease_until__gte=db_now())
    return running.order_by().values_list(count)


def _claimable(lane: int | None, limit: int) -> Rows:
    jobs = CopyJob.objects.filter(custom_storage=_STORAGE)
    return jobs.without_suspects().claimable(lane, limit)


_OPEN_STORAGES = Prepared(_open_storages)
_LOCKED = Prepared(lambda: _locked(CustomStorage.objects.working().filter(pk=_STORAGE)))
_RUNNING = Prepared(_running)
_CLAIMABLE = Prepared(_claimable)


# --- Copies over which workers have died ------------------------------------------------------


def _suspects() -> CopyJobQuerySet:
    working = CustomStorage.objects.working()
    return CopyJob.objects.suspect().filter(custom_storage__in=working)


def has_suspects() -> bool:
    return _suspects().exists()


def claim_suspect(*, worker: str) -> list[CopyJob]:
    """One of them; whoever takes it makes no other copy beside it."""
    return _suspects().claim(limit=1, worker=worker, lease=settings.LEASE)


def cancel_orphans() -> int:
    """End jobs of storages that are gone: those of dead workers, and what waits all the same.

    Disconnecting cancels what waits; an attempt that was under way may have ended after it.
    """
    gone = CustomStorage.objects.filter(removed_at__isnull=False)
    just_gone = gone.filter(removed_at__gte=db_now() - _ORPHANS_COME_WITHIN)
    left = [
        *CopyJob.objects.lapsed().filter(custom_storage__in=gone).values_list("pk", flat=True),
        *CopyJob.objects.filter(
            run_after__isnull=False, custom_storage__in=list(just_gone)
        ).values_list("pk", flat=True),
    ]
    return CopyJob.objects.filter(pk__in=left, custom_storage__in=gone).update(
        state=State.CANCELLED,
        reason=Reason.STORAGE_DELETED,
        run_after=None,
        lease_until=None,
        finished_at=db_now(),
    )
