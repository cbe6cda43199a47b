"""Copying what was counted: a window of copies in the ledger, filled up as they end.

The window bounds what pausing and cancelling have to wait for, and what stands in the way of
other jobs of the same storage; memory does not grow with the job.
"""

from collections import Counter
from functools import partial
from time import time
from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, Subquery

from storages_app.bulk_copies import ending, names, orders
from storages_app.bulk_copies.leases import hold
from storages_app.copying import orders as copies
from storages_app.lib.crashpoints import crashpoint
from storages_app.models import BulkItem, BulkJob, CopyJob, Reason
from storages_app.models.copy_jobs import TERMINAL_STATES, CopyJobQuerySet
from storages_app.models.copy_jobs import State as CopyState
from ucdash.celery import wake

State, ItemState = BulkJob.State, BulkItem.State

WINDOW = 500
_REFILL = 50  # fewer new copies are not worth the questions
_CHUNK = 5000
_PACE_POINTS = 12
_PACE_EVERY_S = 2.0


def copy_on(job: BulkJob) -> bool:
    """Take the job as far as it goes now; whether anything has changed. Raises LostJob."""
    n_settled = _settle(job)
    n_open = job.items.filter(state=ItemState.ORDERED).count()
    if job.ended_by:
        return ending.stop(job, n_open) or n_settled > 0
    if job.custom_storage.removed_at or job.project.removed_at:
        return ending.give_up(job, n_open) or n_settled > 0
    n_ordered = _fill(job, _room(job, n_open))
    if not n_open and not n_ordered and not job.items.filter(state=ItemState.WAITING).exists():
        ending.finish(job)
        return True
    return bool(n_settled or n_ordered)


# --- What has ended ------------------------------------------------------------------------------


def _settle(job: BulkJob) -> int:
    """Write down what became of the copies of the window; how many have ended."""
    ended = job.items.filter(state=ItemState.ORDERED, copy_job__state__in=TERMINAL_STATES)
    rows = list(
        ended.values_list("pk", "copy_job__state", "copy_job__reason", "file__size")[:_CHUNK]
    )
    groups: dict[tuple[str, str], list[int]] = {}
    n_bytes = 0
    sums: Counter[str] = Counter()
    gaps = Counter(job.gaps)
    for pk, copy_state, copy_reason, size in rows:
        state, reason, counts_as = _outcome(copy_state, copy_reason)
        groups.setdefault((state, reason), []).append(pk)
        sums[counts_as] += 1
        n_bytes += size
        if reason:
            gaps[reason] += 1
    pace = _pace(job, n_files=len(rows), n_bytes=n_bytes)
    if not rows and pace == job.pace:
        return 0
    with transaction.atomic():
        added = {name: F(name) + n for name, n in sums.items()}
        hold(job, n_bytes_ended=F("n_bytes_ended") + n_bytes, gaps=dict(gaps), pace=pace, **added)
        for (state, reason), pks in groups.items():
            job.items.filter(pk__in=pks).update(state=state, reason=reason)
    crashpoint("bulk_settled")
    return len(rows)


def _outcome(copy_state: str, reason: str) -> tuple[str, str, str]:
    """How the end of a copy counts: the item's state, the reason of a gap, and the sum."""
    if copy_state == CopyState.DONE:
        if reason == Reason.ALREADY_THERE:
            return ItemState.ALREADY, "", "n_found"
        return ItemState.COPIED, "", "n_copied"
    if copy_state in {CopyState.SKIPPED, CopyState.CANCELLED}:
        return ItemState.SKIPPED, reason, "n_skipped"
    return ItemState.FAILED, reason or Reason.DEST_UNVERIFIABLE, "n_failed"


def _pace(job: BulkJob, *, n_files: int, n_bytes: int) -> list[list[float]]:
    """The latest points of the job's curve; from them pages tell speed and time left."""
    now = round(time(), 3)
    if job.pace and now - job.pace[-1][0] < _PACE_EVERY_S:
        return list(job.pace)
    point = [now, job.n_ended + n_files, job.n_bytes_ended + n_bytes]
    return [*job.pace, point][-_PACE_POINTS:]


# --- What comes next -----------------------------------------------------------------------------


def _room(job: BulkJob, n_open: int) -> int:
    """How many copies may be ordered now."""
    state = job.custom_storage.state
    if job.paused_at or state not in {"connected", "broken"}:
        return 0
    if state == "broken":
        return 0 if n_open else 1  # the trial that shows when it works again
    n_free = WINDOW - n_open
    return n_free if n_free >= _REFILL else 0


def _fill(job: BulkJob, n_free: int) -> int:
    """Order the copies of the next files; how many items have moved."""
    if not n_free:
        return 0
    # With the reason, which is empty, the index bulk_item_next gives them in their order.
    waiting = job.items.filter(state=ItemState.WAITING, reason="").order_by("pk")
    page = list(waiting.select_related("file")[:n_free])
    if not page:
        return 0
    with transaction.atomic():
        hold(job)  # nothing is ordered twice: whoever has lost the job stops here
        deleted = [item for item in page if item.file.removed_at]
        _leave_out(job, deleted, reason=Reason.FILE_DELETED)
        _order(job, [item for item in page if not item.file.removed_at])
    crashpoint("bulk_window_ordered")
    return len(page)


def _leave_out(job: BulkJob, items: list[BulkItem], *, reason: str) -> None:
    if not items:
        return
    gaps = Counter(job.gaps)
    gaps[reason] += len(items)
    n_bytes = sum(item.file.size for item in items)
    hold(
        job,
        gaps=dict(gaps),
        n_skipped=F("n_skipped") + len(items),
        n_bytes_ended=F("n_bytes_ended") + n_bytes,
    )
    job.items.filter(pk__in=[item.pk for item in items]).update(
        state=ItemState.SKIPPED, reason=reason
    )


def _order(job: BulkJob, items: list[BulkItem]) -> None:
    """Put the copies into the ledger. One that is there is joined: all askers have one copy."""
    rows = list(_copies_of(job, items))
    kept_beside = names.find_kept_beside(
        job, items, (row for row in rows if row.state not in orders.FREE_AGAIN)
    )
    BulkItem.objects.bulk_update(kept_beside, ["key"])
    known = {(row.file_id, row.key): row for row in rows}
    done = [item for item in items if _is_done(known.get(_name(item)))]
    items = [item for item in items if not _is_done(known.get(_name(item)))]
    other = {item for item in done if orders.has_other_access(job, known[_name(item)])}
    _leave_out(job, list(other), reason=orders.OTHER_ACCESS)
    _count_as_found(job, [item for item in done if item not in other])
    asker = orders.asker_of(job)
    copies.place_new(
        [_order_of(job, item) for item in items if _name(item) not in known],
        lane=CopyJob.Lane.BULK,
        asked_by=asker,
    )
    joined = CopyJob.objects.filter(
        pk__in=[known[_name(item)].pk for item in items if _name(item) in known]
    )
    copies.reopen(
        joined,
        lane=CopyJob.Lane.BULK,
        asked_by=asker,
        is_public=job.is_public,
        on_clash=job.on_clash,
    )
    joined.waiting().filter(lane__gt=CopyJob.Lane.BULK).update(lane=CopyJob.Lane.BULK)
    _link(job, items, ItemState.ORDERED)
    transaction.on_commit(partial(wake, "copying.drain"))


def _name(item: BulkItem) -> tuple[UUID, str]:
    return item.file_id, item.key


def _is_done(row: CopyJob | None) -> bool:
    return row is not None and row.state == CopyState.DONE


def _order_of(job: BulkJob, item: BulkItem) -> copies.Order:
    return copies.Order(
        file=item.file,
        custom_storage=job.custom_storage,
        key=item.key,
        effects=job.effects,
        is_public=job.is_public,
        on_clash=job.on_clash,
    )


def _copies_of(job: BulkJob, items: list[BulkItem]) -> CopyJobQuerySet:
    """The copies of these files, in this form, that the ledger has for the storage."""
    return CopyJob.objects.filter(
        custom_storage=job.custom_storage,
        effects=job.effects,
        file__in=[item.file_id for item in items],
    ).only("pk", "file_id", "key", "effects", "state", "is_public")


def _count_as_found(job: BulkJob, items: list[BulkItem]) -> None:
    """Somebody else has copied these since the count."""
    if not items:
        return
    n_bytes = sum(item.file.size for item in items)
    hold(job, n_found=F("n_found") + len(items), n_bytes_ended=F("n_bytes_ended") + n_bytes)
    _link(job, items, ItemState.ALREADY)


def _link(job: BulkJob, items: list[BulkItem], state: str) -> None:
    """Give each item its row of the ledger, in one statement."""
    row = CopyJob.objects.filter(
        file=OuterRef("file"),
        custom_storage=job.custom_storage,
        effects=job.effects,
        key=OuterRef("key"),
    )
    job.items.filter(pk__in=[item.pk for item in items]).update(
        state=state, copy_job=Subquery(row.values("pk")[:1])
    )
