"""What is in the backup, told by the ledger's evidence and by nothing else."""

from datetime import datetime

from django.db.models import Exists, OuterRef

from storages_app.models import BackupPlan, CopyJob, File
from storages_app.models.copy_jobs import CopyJobQuerySet, State
from storages_app.models.files import FileQuerySet


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
    there = backup_jobs(plan).filter(file=OuterRef("pk"), state=State.DONE)
    return stored_files(plan, until=until).filter(~Exists(there))
