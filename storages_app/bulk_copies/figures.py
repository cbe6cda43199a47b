"""The figures of a job, for pages and programs."""

from dataclasses import dataclass
from time import time

from django.db.models import Q

from storages_app.bulk_copies import estimate
from storages_app.bulk_copies.orders import FINAL_REASONS
from storages_app.models import BulkItem, BulkJob

ItemState = BulkItem.State


@dataclass(frozen=True)
class Progress:
    """How far the copies of a job are."""

    n_files: int
    n_ended: int
    n_bytes: int
    n_bytes_ended: int
    files_per_s: float | None
    bytes_per_s: float | None
    seconds_left: float | None

    @property
    def percent(self) -> int:
        """By files, rounded down: 100 only when everything has ended."""
        return 100 * self.n_ended // self.n_files if self.n_files else 0


_FRESH_S = 30


def progress(bulk_job: BulkJob) -> Progress:
    """Where the job stands, how fast it goes, and how long it may take; None where it stands."""
    files_per_s = bytes_per_s = seconds_left = None
    fresh = [point for point in bulk_job.pace if time() - point[0] < _FRESH_S]
    if len(fresh) > 1 and bulk_job.word == "Running" and not bulk_job.is_stopping:
        span_s = max(fresh[-1][0] - fresh[0][0], 0.001)
        files_per_s = (fresh[-1][1] - fresh[0][1]) / span_s
        bytes_per_s = (fresh[-1][2] - fresh[0][2]) / span_s
    n_bytes_left = max(bulk_job.n_bytes_to_copy - bulk_job.n_bytes_ended, 0)
    if files_per_s and bytes_per_s:
        seconds_left = max(bulk_job.n_waiting / files_per_s, n_bytes_left / bytes_per_s)
    return Progress(
        n_files=bulk_job.n_to_do,
        n_ended=bulk_job.n_ended,
        n_bytes=bulk_job.n_bytes_to_copy,
        n_bytes_ended=bulk_job.n_bytes_ended,
        files_per_s=files_per_s or None,
        bytes_per_s=bytes_per_s or None,
        seconds_left=seconds_left,
    )


def seconds_needed(bulk_job: BulkJob) -> float:
    """How long copying what was counted may take, by the latest copies to this storage."""
    pace = estimate.pace_of(bulk_job.custom_storage)
    return pace.seconds_for(n_files=bulk_job.n_to_order, n_bytes=bulk_job.n_bytes_to_copy)


@dataclass(frozen=True)
class Gap:
    """Files that ended without a copy for one reason, with some of them."""

    reason: str
    n_files: int
    samples: list[BulkItem]
    may_retry: bool


def gaps_of(bulk_job: BulkJob, *, n_samples: int = 3) -> list[Gap]:
    """What went wrong, by reason, the most frequent first."""
    ended = Q(state__in=[ItemState.FAILED, ItemState.SKIPPED])
    may_retry = reasons_to_retry(bulk_job)
    return [
        Gap(
            reason=reason,
            n_files=n_files,
            samples=list(
                bulk_job.items.filter(ended, reason=reason)
                .select_related("file", "copy_job")
                .order_by("pk")[:n_samples]
            ),
            may_retry=reason in may_retry,
        )
        for reason, n_files in sorted(bulk_job.gaps.items(), key=lambda gap: (-gap[1], gap[0]))
    ]


def reasons_to_retry(bulk_job: BulkJob) -> set[str]:
    """For which reasons files of an ended job may be tried again."""
    if not bulk_job.is_over or bulk_job.state == BulkJob.State.CANCELLED:
        return set()
    return set(bulk_job.gaps) - FINAL_REASONS


def n_jobs_before(bulk_job: BulkJob) -> int:
    """Other jobs that workers were asked for earlier and that have not ended."""
    return BulkJob.objects.for_workers().filter(pk__lt=bulk_job.pk).count()
