"""file.stored: a file is kept."""

from storages_app.models import File
from storages_app.webhooks.registry import Told, event
from storages_app.webhooks.telling import of_file


@event("file.stored")
def tell(file: File) -> Told:
    """A file is kept from now on."""
    return of_file(file)
