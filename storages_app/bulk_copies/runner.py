"""What a worker does for copies of many files: a step of each open job, again and again."""

import threading
from datetime import timedelta
from time import monotonic

from django.utils import timezone

from storages_app.bulk_copies import ending, faults, planning, window
from storages_app.bulk_copies.leases import LostJob, claim_each, release
from storages_app.lib.errors import UcdashError
from storages_app.models import BulkItem, BulkJob

_PAGES_AT_ONCE = 20  # then the other jobs have their turn
_BREATH_S = 0.2
_KEEP_LISTS = timedelta(days=90)
_FORGET_AT_ONCE = 2000
_GAPS = (BulkItem.State.FAILED, BulkItem.State.SKIPPED)

_stopping = threading.Event()
_one_drain_a_process = threading.Lock()


def drain(*, for_s: float = float("inf")) -> bool:
    """Advance the open jobs in turn while one of them moves; True if it ended before that."""
    if not _one_drain_a_process.acquire(blocking=False):
        return False
    ends_at = monotonic() + for_s
    try:
        while _round():
            if monotonic() >= ends_at:
                return True
            if _stopping.wait(_BREATH_S if _is_copying() else 0):
                return False
        return False
    finally:
        _one_drain_a_process.release()


def _round() -> bool:
    n_moved = 0
    for job in claim_each():
        n_moved += advance(job)
    return n_moved > 0


def _is_copying() -> bool:
    """Copies take their time; a count can go on at once."""
    counting = BulkJob.objects.for_workers().filter(state=BulkJob.State.COUNTING, paused_at=None)
    return not counting.exists()


def advance(job: BulkJob) -> bool:
    """Take a claimed job one step on; whether it moved."""
    n_faults, before = faults.take_count(job), job.cursor
    try:
        moved = _count(job) if job.state == BulkJob.State.COUNTING else window.copy_on(job)
    except LostJob:
        return False
    except Exception as error:  # noqa: BLE001 - the edge of a worker
        faults.count(job, error, n_before=n_faults if job.cursor == before else 0)
        return False
    release(job, has_moved=moved)
    return moved


def _count(job: BulkJob) -> bool:
    if job.paused_at:
        return False
    if job.custom_storage.removed_at or job.project.removed_at:
        ending.fail(job, f"Storage “{job.custom_storage.name}” was disconnected.")
        return True
    try:
        for _ in range(_PAGES_AT_ONCE):
            planning.count_on(job)
            if job.state != BulkJob.State.COUNTING:
                break
    except UcdashError as error:  # a pattern or an operation that this version does not know
        ending.fail(job, error.message)
    return True


def forget_lists() -> int:
    """Drop the lists of files of jobs that ended long ago, all but their gaps; how many lines."""
    old = BulkJob.objects.filter(finished_at__lt=timezone.now() - _KEEP_LISTS)
    told = BulkItem.objects.filter(bulk_job__in=old).exclude(state__in=_GAPS)
    n_forgotten = 0
    while pks := list(told.values_list("pk", flat=True)[:_FORGET_AT_ONCE]):
        n_forgotten += BulkItem.objects.filter(pk__in=pks).delete()[0]
    return n_forgotten


def stop() -> None:
    """The process ends: begin no further step."""
    _stopping.set()
