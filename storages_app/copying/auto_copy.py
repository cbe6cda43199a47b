"""Which custom storages, and the backup, want a new or stored file."""

from storages_app.copying import orders
from storages_app.copying.orders import Order
from storages_app.models import BackupPlan, CustomStorage, File

BACKUP_PATTERN = "${uuid}/${filename}${ext}"


def orders_for_new_file(file: File) -> list[Order]:
    """One order for each storage with auto-copy on, also for those that are paused or broken."""
    if not _can_be_copied(file):
        return []
    wanted = CustomStorage.objects.live().filter(project_id=file.project_id, auto_copy=True)
    return [orders.order_for(file=file, custom_storage=storage) for storage in wanted]


def orders_for_stored_file(file: File) -> list[Order]:
    """The order of the project's backup, which covers stored files only."""
    if not (_can_be_copied(file) and file.is_stored):
        return []
    plans = BackupPlan.objects.filter(
        project_id=file.project_id, is_on=True, custom_storage__removed_at=None
    )
    return [
        backup_order(file=file, custom_storage=plan.custom_storage)
        for plan in plans.select_related("custom_storage")
    ]


def backup_order(*, file: File, custom_storage: CustomStorage) -> Order:
    """A backup's layout is fixed: ``<prefix>/<uuid>/<name>``, never public by ACL."""
    return orders.order_for(
        file=file,
        custom_storage=custom_storage,
        pattern=BACKUP_PATTERN,
        is_public=False,
        is_backup=True,
    )


def _can_be_copied(file: File) -> bool:
    return file.is_ready and not file.is_removed
