"""How a job ends: done or with gaps by evidence, cancelled, or failed."""

from collections import Counter

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from storages_app.bulk_copies import orders
from storages_app.bulk_copies.leases import hold
from storages_app.models import BulkItem, BulkJob, CopyJob, CustomStorage, Reason
from storages_app.models.copy_jobs import State as CopyState
from storages_app.models.fields import db_now

State, ItemState = BulkJob.State, BulkItem.State

_CHUNK = 5000
FAULTS = (
    "Something went wrong on our side, again and again (internal). The operator finds it in the "
    "log; then retry, or copy again: what is there is not copied twice."
)
SUMS = ["n_to_copy", "n_clashes", "n_already", "n_copied", "n_found", "n_failed", "n_skipped"]


def finish(job: BulkJob) -> None:
    """End the job by what the ledger proves now, not by what was written down on the way."""
    if _reopen_what_was_lost(job):
        return
    job.refresh_from_db(fields=SUMS)  # and not the fence, which may be another's by now
    now = timezone.now()
    state = State.GAPS if job.n_gaps else State.DONE
    with transaction.atomic():
        hold(job, state=state, finished_at=now, lease_until=None, paused_at=None)
        _tell(job)


def _reopen_what_was_lost(job: BulkJob) -> int:
    """Items whose proof is gone by now: their copies are looked at once more; how many."""
    proved = job.items.filter(state__in=[ItemState.COPIED, ItemState.ALREADY])
    lost = list(
        proved.exclude(copy_job__state=CopyState.DONE).values_list(
            "pk", "state", "plan", "copy_job__reason", "file__size"
        )[:_CHUNK]
    )
    if not lost:
        return 0
    sums: Counter[str] = Counter()
    for _, state, plan, _, size in lost:
        if plan == BulkItem.Plan.ALREADY:  # from now on it is one that has to be copied
            sums["n_already"] -= 1
            sums["n_to_copy"] += 1
            sums["n_bytes_to_copy"] += size
        else:
            sums["n_copied" if state == ItemState.COPIED else "n_found"] -= 1
            sums["n_bytes_ended"] -= size
    with transaction.atomic():
        hold(job, **{name: F(name) + n for name, n in sums.items() if n})
        job.items.filter(pk__in=[row[0] for row in lost]).update(
            state=ItemState.ORDERED, plan=BulkItem.Plan.COPY
        )
    return len(lost)


def stop(job: BulkJob, n_open: int) -> bool:
    """Cancelled: drop what still waits, let end what runs, then say how far it came."""
    n_dropped = _drop_waiting(job) if n_open else 0
    if n_open - n_dropped > 0:
        return bool(n_dropped)
    hold(job, state=State.CANCELLED, finished_at=timezone.now(), paused_at=None, lease_until=None)
    return True


def _drop_waiting(job: BulkJob) -> int:
    """Cancel the waiting copies that this job alone wanted, and let go of those of others."""
    others = BulkItem.objects.filter(copy_job=OuterRef("pk"), state=ItemState.ORDERED).exclude(
        bulk_job=job
    )
    open_items = job.items.filter(state=ItemState.ORDERED)
    waiting = CopyJob.objects.filter(pk__in=open_items.values("copy_job")).waiting()
    pks = list(waiting.values_list("pk", flat=True))
    if not pks:
        return 0
    with transaction.atomic():
        hold(job)
        own = CopyJob.objects.filter(
            ~Exists(others),
            pk__in=pks,
            asked_by=orders.asker_of(job),
            lane=CopyJob.Lane.BULK,
            is_backup=False,
        )
        own.waiting().update(
            state=CopyState.CANCELLED,
            reason=Reason.CANCELLED_BY_USER,
            detail=f"Cancelled by {job.ended_by}."[:1000],
            run_after=None,
            finished_at=db_now(),
        )
        still_running = CopyJob.objects.filter(pk__in=pks).running()
        dropped = open_items.filter(copy_job__in=pks).exclude(copy_job__in=still_running)
        return dropped.update(state=ItemState.WAITING)


def give_up(job: BulkJob, n_open: int) -> bool:
    """The storage is gone: what has not ended never will."""
    storage: CustomStorage = job.custom_storage
    open_items = BulkItem.objects.filter(bulk_job=job, state=ItemState.ORDERED)
    if n_open and CopyJob.objects.filter(bulk_items__in=open_items).running().exists():
        return False
    _end_the_rest(
        job, reason=Reason.STORAGE_DELETED, said=f"Storage “{storage.name}” was disconnected."
    )
    return True


def give_up_after_faults(job: BulkJob) -> None:
    """Our own faults do not pass: a count has failed; files that wait are gaps to be retried."""
    if job.state == State.COUNTING:
        fail(job, FAULTS)
    else:
        _end_the_rest(job, reason=Reason.INTERNAL, said=FAULTS)


def _end_the_rest(job: BulkJob, *, reason: Reason, said: str) -> None:
    open_states = [ItemState.WAITING, ItemState.ORDERED]
    while rows := list(
        job.items.filter(state__in=open_states).values_list("pk", "file__size")[:_CHUNK]
    ):
        gaps = Counter(job.gaps)
        gaps[reason] += len(rows)
        with transaction.atomic():
            hold(
                job,
                gaps=dict(gaps),
                n_failed=F("n_failed") + len(rows),
                n_bytes_ended=F("n_bytes_ended") + sum(size for _, size in rows),
            )
            job.items.filter(pk__in=[pk for pk, _ in rows]).update(
                state=ItemState.FAILED, reason=reason
            )
    job.refresh_from_db(fields=SUMS)
    nothing_began = not (job.n_copied or job.n_found)
    with transaction.atomic():
        hold(
            job,
            state=State.FAILED if nothing_began else State.GAPS,
            reason=said[:200],
            finished_at=timezone.now(),
            lease_until=None,
            paused_at=None,
        )
        _tell(job)


def fail(job: BulkJob, reason: str) -> None:
    """End a job that could not begin."""
    with transaction.atomic():
        hold(
            job,
            state=State.FAILED,
            reason=reason[:200],
            finished_at=timezone.now(),
            lease_until=None,
            paused_at=None,
        )
        _tell(job)


def _tell(job: BulkJob) -> None:
    orders.record(
        "bulk_copy.finished",
        job,
        actor=job.asked_by,
        state=State(job.state).label,
        copied=job.n_copied,
        already=job.n_there,
        gaps=job.n_gaps,
    )
