"""storage.recovered: a custom storage works again."""

from storages_app.models import CustomStorage
from storages_app.webhooks.registry import Told, event
from storages_app.webhooks.telling import of_storage


@event("storage.recovered")
def tell(custom_storage: CustomStorage) -> Told:
    """A custom storage works again; its copies go on."""
    return of_storage(custom_storage)
