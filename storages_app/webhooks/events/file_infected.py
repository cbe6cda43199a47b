"""file.infected: known to clients of Uploadcare, and never sent."""

from storages_app.models import File
from storages_app.webhooks.registry import Told, event
from storages_app.webhooks.telling import of_file


@event("file.infected")
def tell(file: File) -> Told:
    """Never sent here: files are not scanned. It can be subscribed, because clients do."""
    return of_file(file)
