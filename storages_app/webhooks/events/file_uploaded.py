"""file.uploaded: a new file."""

from storages_app.models import File
from storages_app.webhooks.registry import Told, event
from storages_app.webhooks.telling import of_file


@event("file.uploaded")
def tell(file: File) -> Told:
    """A file was uploaded, or made from another one, and is ready."""
    return of_file(file)
