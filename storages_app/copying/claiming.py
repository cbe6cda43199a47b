"""Which copies a worker takes next: storages in turn, within their limits; broken ones by trial."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Min, OuterRef, Q, Subquery

from storages_app.custom_storages import circuit
from storages_app.models import CopyJob, CustomStorage, Reason, WorkerHeartbeat
from storages_app.models.copy_jobs import CopyJobQuerySet, State
from storages_app.models.custom_storages import CustomStorageQuerySet
from storages_app.models.fields import db_now, read_db_now

_ORPHANS_COME_WITHIN = timedelta(days=1)
# The name under which a query tells when the first copy of a lane is due.
_FIRSTS = {f"first_of_lane_{lane}": lane for lane in CopyJob.Lane.values}


def claim_batch(
    *, worker: str, limit: int, held: Mapping[UUID, int] | None = None
) -> list[CopyJob]:
    """The next due copies of one storage, storages in turn; or the trial copy of a broken one.

    `held` says how many copies of which storage the worker has already: at most `limit` of one,
    and those with more than a quarter of that are passed over.
    """
    held = held or {}
    busy = [pk for pk, n in held.items() if n > limit // 4]
    waiting = _waiting_storages().filter(_may_begin()).exclude(pk__in=busy)
    for pk, *firsts in waiting.values_list("pk", *_FIRSTS):
        lanes = [lane for lane, first in zip(_FIRSTS.values(), firsts, strict=True) if first]
        storage = CustomStorage.objects.working().filter(pk=pk)
        jobs = CopyJob.objects.without_suspects()
        rest = limit - held.get(pk, 0)
        if claimed := _claim_of(storage, jobs, worker=worker, limit=rest, lanes=lanes):
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
    return _claim_of(storage, job, worker=worker, limit=1)


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
    firsts = {name: _first_run_after(lane) for name, lane in _FIRSTS.items()}
    is_due = Q(pk__in=CopyJob.objects.without_suspects().lapsed().values("custom_storage"))
    for name in firsts:
        is_due |= Q(**{f"{name}__lte": db_now()})
    waiting = CustomStorage.objects.working().annotate(**firsts).filter(is_due)
    return waiting.order_by(F("last_served_at").asc(nulls_first=True))


def _first_run_after(lane: int) -> Subquery:
    jobs = CopyJob.objects.filter(
        custom_storage=OuterRef("pk"), lane=lane, run_after__isnull=False
    ).order_by("run_after")
    return Subquery(jobs.values("run_after")[:1])


def _claim_of(
    storage: CustomStorageQuerySet,
    jobs: CopyJobQuerySet,
    *,
    worker: str,
    limit: int,
    lanes: list[int] | None = None,
) -> list[CopyJob]:
    """Claim `jobs` of one storage as far as it takes more copies now.

    Its row is locked meanwhile: so its limits hold however many workers there are. Others wait for
    it, so the claimed rows are read when it is free again.
    """
    with transaction.atomic():
        found = storage.filter(_may_begin()).select_related("project").order_by()
        row = found.select_for_update(of=("self",), no_key=True).first()
        if row is None:
            return []
        n_free = min(limit, settings.STORAGE_CONCURRENCY - _n_running(row), _n_at_once(row))
        if n_free <= 0:
            return []
        wanted = jobs.filter(custom_storage=row)
        pks = wanted.take(limit=n_free, worker=worker, lease=settings.LEASE, lanes=lanes)
        if pks:
            row.last_served_at = db_now()
            if row.max_rate:
                row.next_claim_at = db_now() + timedelta(seconds=len(pks) / row.max_rate)
            row.save(update_fields=["last_served_at", "next_claim_at"])
            WorkerHeartbeat.note_claim()
    return CopyJob.objects.taken(pks, row)


def _n_running(custom_storage: CustomStorage) -> int:
    return custom_storage.copy_jobs.filter(lease_until__gte=db_now()).count()


def _n_at_once(custom_storage: CustomStorage) -> int:
    """A tenth of a second's copies at most, so that a rate is kept within each second."""
    rate = custom_storage.max_rate
    return max(1, rate // 10) if rate else settings.STORAGE_CONCURRENCY


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
