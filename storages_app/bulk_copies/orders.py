"""What the services and the runner of this room both need."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import transaction

from storages_app.models import BulkJob, Event, File, Project, Reason
from storages_app.models.files import FileQuerySet
from ucdash.celery import wake

SELECTION_LIMIT = 10_000
OPEN_JOBS_LIMIT = 50
# Trying again changes nothing about these.
FINAL_REASONS = frozenset(
    {Reason.TOO_LARGE_5GB, Reason.PROCESSED_TOO_LARGE_100MB, Reason.FILE_DELETED}
)


def asker_of(job: BulkJob) -> str:
    """What the ledger says of the copies that this job ordered."""
    return f"bulk copy {job.pk} by {job.asked_by}"[:200]


def files_of(project: Project, filter_by: Mapping[str, str]) -> FileQuerySet:
    """The live files of a project that a cleaned filter finds."""
    files = File.objects.live().filter(project=project)
    return files.matching(text=filter_by.get("q", ""), stored=filter_by.get("stored", ""))


def wake_workers() -> None:
    """Tell a worker after the commit that a job can go on."""
    transaction.on_commit(partial(wake, "bulk_copies.drain"))


def record(kind: str, job: BulkJob, *, actor: str, **data: Any) -> None:
    """Write into the project's activity what happened to the job."""
    Event.objects.record(
        kind,
        actor=actor,
        subject=f"Copy to {job.custom_storage.name}",
        subject_id=job.pk,
        project=job.project,
        data={"storage": job.custom_storage.name, **data},
    )
