"""Are ACLs on in the bucket?"""

from storages_app.custom_storages.checklist_rows import checklist_row
from storages_app.objectstores.base import ObjectStore


@checklist_row("ownership")
def ownership(store: ObjectStore, prefix: str) -> object:
    """Read Object Ownership."""
    return store.settings.ownership()
