"""file.deleted: a file is gone."""

from storages_app.models import File
from storages_app.webhooks.registry import Told, event
from storages_app.webhooks.telling import of_file


@event("file.deleted")
def tell(file: File) -> Told:
    """A file was deleted, or was not stored in time."""
    return of_file(file)
