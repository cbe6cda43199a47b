"""Does the bucket keep versions?"""

from storages_app.custom_storages.checklist_rows import checklist_row
from storages_app.objectstores.base import ObjectStore


@checklist_row("versioning", any_is_right=True)
def versioning(store: ObjectStore, prefix: str) -> object:
    """Read whether versions are kept."""
    return store.settings.versioning()
