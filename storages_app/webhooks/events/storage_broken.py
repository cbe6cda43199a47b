"""storage.broken: copies into a custom storage wait for its owner."""

from storages_app.models import CustomStorage
from storages_app.webhooks.registry import Told, event
from storages_app.webhooks.telling import of_storage


@event("storage.broken")
def tell(custom_storage: CustomStorage) -> Told:
    """A custom storage stopped working; its copies wait."""
    return of_storage(custom_storage)
