"""Which of the four switches are on?"""

from storages_app.custom_storages.checklist_rows import checklist_row
from storages_app.objectstores.base import ObjectStore


@checklist_row("block_public_access")
def block_public_access(store: ObjectStore, prefix: str) -> object:
    """Read the bucket's Block Public Access."""
    return store.settings.public_access_block()
