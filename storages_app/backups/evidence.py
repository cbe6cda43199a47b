"""What is in the backup, told by the ledger's evidence and by nothing else."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Sum
from django.db.models.functions import Coalesce

from storages_app.models import BackupPlan, CopyJob, File
from storages_app.models.copy_jobs import RUNNING_STATES, CopyJobQuerySet, State
from storages_app.models.files import FileQuerySet

_MOVING = (State.PENDING, State.RETRY_WAIT, *RUNNING_STATES)
_N_SAMPLE_FILES = 5


def stored_files(plan: BackupPlan, *, until: datetime | None = None) -> FileQuerySet:
    """The files that the backup covers: stored, not removed, up to a moment."""
    files = File.objects.stored().filter(project_id=plan.project_id)
    return files.filter(stored_at__lte=until) if until else files


def backup_jobs(plan: BackupPlan) -> CopyJobQuerySet:
    return CopyJob.objects.filter(custom_storage_id=plan.custom_storage_id, is_backup=True)


def proved(plan: BackupPlan) -> CopyJobQuerySet:
    """Copies of live stored files that are done, with evidence."""
    return backup_jobs(plan).filter(
        state=State.DONE, file__removed_at=None, file__stored_at__isnull=False
    )


def missing_files(plan: BackupPlan, *, until: datetime | None = None) -> FileQuerySet:
    """Stored files with no proof that they are in the backup bucket."""
    return stored_files(plan, until=until).filter(~Exists(_proof_of("pk", plan)))


# --- What a run need not ask again ------------------------------------------------------------


def unseen_files(plan: BackupPlan, *, until: datetime | None = None) -> FileQuerySet:
    """Stored files whose row in the ledger no run has seen: every file without one is of these.

    However a file comes to be stored, it is unseen at first. So a run looks at what is new, and at
    rows that prove nothing, and never again at all that exists.
    """
    return stored_files(plan, until=until).filter(is_backup_ordered=False)


def mark_seen(plan: BackupPlan, pks: Collection[UUID]) -> None:
    """Note of these files that the ledger has their row; of those that have one."""
    has_row = Exists(backup_jobs(plan).filter(file=OuterRef("pk")))
    File.objects.filter(has_row, pk__in=pks).update(is_backup_ordered=True)


def forget_seen(plan: BackupPlan) -> None:
    """Let the next run look at every file: its rows are others, or somebody has taken some away."""
    File.objects.filter(project_id=plan.project_id, is_backup_ordered=True).update(
        is_backup_ordered=False
    )


def has_lost_rows(plan: BackupPlan) -> bool:
    """Whether rows of seen files are gone, which nobody here takes away.

    By two counts along an index. Rows of removed files may hide it for a while; the page and the
    doctor ask for each file.
    """
    n_seen = stored_files(plan).count() - unseen_files(plan).count()
    return n_seen > backup_jobs(plan).count()


@dataclass(frozen=True)
class Standing:
    """How many files are covered, how many lack their proof, and since when one is late."""

    n_files: int
    n_bytes: int
    n_missing: int
    late_since: datetime | None


def standing(
    plan: BackupPlan, *, until: datetime | None = None, settled: datetime | None = None
) -> Standing:
    """Ask for every file once, by the indexes alone; those stored after `settled` are not late."""
    found = stored_files(plan, until=until).aggregate(
        n_files=Count("pk"),
        n_bytes=Coalesce(Sum("size"), 0),
        n_missing=Count("pk", filter=~Exists(_proof_of("pk", plan))),
    )
    late_since = None
    if found["n_missing"] and settled:
        late = missing_files(plan, until=settled).order_by("stored_at")
        late_since = late.values_list("stored_at", flat=True).first()
    return Standing(**found, late_since=late_since)


def standing_of_run(plan: BackupPlan, *, until: datetime | None) -> Standing:
    """The same figures as `standing`, at the cost of what is new or missing.

    A file without a row is unseen; one whose rows prove nothing has a row that says so. What
    follows the number of files is one count along an index, some tens of nanoseconds a file.
    """
    found = stored_files(plan, until=until).aggregate(
        n_files=Count("pk"), n_bytes=Coalesce(Sum("size"), 0)
    )
    has_row = Exists(backup_jobs(plan).filter(file=OuterRef("pk")))
    n_rowless = unseen_files(plan, until=until).filter(~has_row).count()
    n_unproved = gap_jobs(plan, until=until).aggregate(n=Count("file", distinct=True))["n"]
    return Standing(**found, n_missing=n_rowless + n_unproved, late_since=None)


def _proof_of(field: str, plan: BackupPlan) -> CopyJobQuerySet:
    return backup_jobs(plan).filter(file=OuterRef(field), state=State.DONE)


def gap_jobs(plan: BackupPlan, *, until: datetime | None = None) -> CopyJobQuerySet:
    """The copies that would be in the backup, and are not: of files with no proof at all."""
    unproved = [state for state in State if state != State.DONE]
    of_snapshot = {"file__stored_at__lte": until} if until else {}
    jobs = backup_jobs(plan).filter(
        state__in=unproved, file__removed_at=None, file__stored_at__isnull=False, **of_snapshot
    )
    return jobs.filter(~Exists(_proof_of("file", plan)))


def is_moving(plan: BackupPlan, *, until: datetime | None = None) -> bool:
    """Whether a missing copy may still end by itself, with nobody's help."""
    return gap_jobs(plan, until=until).filter(state__in=_MOVING).exists()


def gaps_by_reason(plan: BackupPlan, *, until: datetime | None = None) -> list[dict[str, Any]]:
    """What is missing, grouped by state and reason, most first, each with some of its files."""
    jobs = gap_jobs(plan, until=until)
    groups = jobs.order_by().values("state", "reason").annotate(n=Count("pk")).order_by("-n")
    return [
        group
        | {
            "files": [
                {"uuid": str(job.file_id), "name": job.file.original_filename, "copy": job.pk}
                for job in jobs.filter(state=group["state"], reason=group["reason"])
                .select_related("file")
                .order_by("pk")[:_N_SAMPLE_FILES]
            ]
        }
        for group in groups
    ]
