"""What becomes of uploads that were never finished?"""

from storages_app.custom_storages.checklist_rows import checklist_row
from storages_app.objectstores.base import ObjectStore


@checklist_row("lifecycle")
def lifecycle(store: ObjectStore, prefix: str) -> object:
    """Read when unfinished uploads under the prefix are removed."""
    return store.settings.unfinished_uploads_removed_after(prefix)
