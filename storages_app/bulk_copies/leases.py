"""Who works on a job: one worker at a time, and every write under its fence."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import F, Q

from storages_app.models import BulkJob
from storages_app.models.fields import db_now


class LostJob(Exception):
    """Another worker has this job now, or it has ended: whatever was begun here must stop."""


def claim_each() -> Iterator[BulkJob]:
    """Take every job for workers that no living worker holds, one after the other."""
    free = BulkJob.objects.for_workers().filter(Q(lease_until=None) | Q(lease_until__lt=db_now()))
    for pk, fence in free.order_by("pk").values_list("pk", "fence"):
        n_claimed = free.filter(pk=pk, fence=fence).update(
            lease_until=db_now() + settings.LEASE, fence=F("fence") + 1
        )
        if n_claimed:
            yield BulkJob.objects.select_related("project", "custom_storage").get(pk=pk)


def hold(job: BulkJob, **values: Any) -> None:
    """Write `values`, and go on holding the job; raises LostJob if it is held no more."""
    values = {"lease_until": db_now() + settings.LEASE} | values
    mine = BulkJob.objects.open().filter(pk=job.pk, fence=job.fence)
    if not mine.update(**values):
        raise LostJob
    for name, value in values.items():
        if not hasattr(value, "resolve_expression"):
            setattr(job, name, value)


def release(job: BulkJob, *, has_moved: bool) -> None:
    """Let the next worker have it; who has moved forgets the faults behind the cursor."""
    clean = {"cursor": job.cursor} if has_moved else {}
    BulkJob.objects.filter(pk=job.pk, fence=job.fence).update(lease_until=None, **clean)
