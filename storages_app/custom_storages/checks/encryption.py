"""How does the bucket encrypt by itself?"""

from storages_app.custom_storages.checklist_rows import checklist_row
from storages_app.objectstores.base import ObjectStore


@checklist_row("encryption")
def encryption(store: ObjectStore, prefix: str) -> object:
    """Read the default encryption."""
    return store.settings.encryption()
