"""What the services and the runner of this room both need."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import transaction

from storages_app.bulk_copies.errors import FilterInvalid
from storages_app.library.filters import FileFilter
from storages_app.models import BulkJob, CopyJob, CustomStorage, Event, Project, Reason
from storages_app.models.copy_jobs import State as CopyState
from ucdash.celery import wake

SELECTION_LIMIT = 10_000
OPEN_JOBS_LIMIT = 50
# Ends of a copy after which its name in the bucket is nobody's.
FREE_AGAIN = (CopyState.FAILED, CopyState.SKIPPED, CopyState.CANCELLED)
# The ledger proves the copy, but it was made public and is to be private, or the other way round.
OTHER_ACCESS = "other_access"
# Trying again changes nothing about these.
FINAL_REASONS = frozenset(
    {Reason.TOO_LARGE_5GB, Reason.PROCESSED_TOO_LARGE_100MB, Reason.FILE_DELETED, OTHER_ACCESS}
)


def asker_of(job: BulkJob) -> str:
    """What the ledger says of the copies that this job ordered."""
    return f"bulk copy {job.pk} by {job.asked_by}"[:200]


def filter_of(project: Project, filter_by: Mapping[str, Any]) -> FileFilter:
    """The filter of the list of files; FilterInvalid for what the list would leave out.

    A filter that lost a part would find more files than the list has shown.
    """
    unknown = sorted(set(filter_by) - set(FileFilter.base_filters))
    if unknown:
        raise FilterInvalid(f"There is no filter `{unknown[0][:40]}`.")
    if not all(isinstance(value, str) for value in filter_by.values()):
        raise FilterInvalid("The values of a filter are texts.")
    filters = FileFilter(filter_by, project=project)
    if filters.problem:
        raise FilterInvalid(filters.problem)
    return filters


def has_other_access(job: BulkJob, row: CopyJob) -> bool:
    """Whether a copy that is there can be read by others than the job wants.

    Only where each copy has an ACL of its own. It is told and not changed: nothing writes ACLs
    afterwards, and no storage was asked for the right to.
    """
    has_acls = job.custom_storage.public_mode == CustomStorage.PublicMode.ACL
    return has_acls and row.is_public != job.is_public


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
