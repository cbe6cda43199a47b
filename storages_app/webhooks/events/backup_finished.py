"""backup.finished: a backup run has ended."""

from storages_app.models import BackupRun
from storages_app.webhooks.registry import Told, event
from storages_app.webhooks.telling import of_backup_run


@event("backup.finished")
def tell(run: BackupRun) -> Told:
    """A backup run has ended, well or not: its state says how."""
    return of_backup_run(run)
