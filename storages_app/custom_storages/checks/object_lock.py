"""Does the bucket keep objects from being removed?"""

from storages_app.custom_storages.checklist_rows import checklist_row
from storages_app.objectstores.base import ObjectStore


@checklist_row("object_lock", any_is_right=True)
def object_lock(store: ObjectStore, prefix: str) -> object:
    """Read the Object Lock."""
    return store.settings.object_lock()
