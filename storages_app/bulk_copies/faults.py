"""Faults of our own in the steps of a job: tried again a few times, then the job ends.

How often in a row stands behind the cursor, so that it outlives a worker, and every step that
writes the cursor anew begins to count from nothing.
"""

import logging
from datetime import timedelta

from django.conf import settings

from storages_app.bulk_copies import ending
from storages_app.bulk_copies.leases import LostJob
from storages_app.lib import shortage
from storages_app.models import BulkJob
from storages_app.models.fields import db_now

log = logging.getLogger(__name__)

MOST_IN_A_ROW = 5
_FIRST_PAUSE = timedelta(seconds=30)  # doubled each time; less than ten minutes in all
_MARK = "~"


def take_count(job: BulkJob) -> int:
    """How often in a row the steps of this job have failed; its cursor is clean afterwards."""
    job.cursor, _, n_faults = job.cursor.partition(_MARK)
    return int(n_faults or 0)


def count(job: BulkJob, error: Exception, *, n_before: int) -> None:
    """Let the job wait and be tried again, or end it if it was tried often enough."""
    shortage.note(error)
    n_faults = n_before + 1
    log.error("A step of bulk copy %s failed (%s in a row)", job.pk, n_faults, exc_info=error)
    try:
        if n_faults >= MOST_IN_A_ROW:
            _end(job)
            return
    except LostJob:
        return
    pause = _FIRST_PAUSE * 2 ** (n_faults - 1) * settings.TIME_SCALE
    BulkJob.objects.open().filter(pk=job.pk, fence=job.fence).update(
        cursor=f"{job.cursor}{_MARK}{n_faults}", lease_until=db_now() + pause
    )


def _end(job: BulkJob) -> None:
    try:
        ending.give_up_after_faults(job)
    except LostJob:
        raise
    except Exception:  # what fails may be the very list of files
        log.exception("The open files of bulk copy %s could not be written down", job.pk)
        ending.fail(job, ending.FAULTS)
