"""file.info_updated: what is known of a file is another."""

from storages_app.models import File
from storages_app.webhooks.registry import Told, event
from storages_app.webhooks.telling import of_file


@event("file.info_updated")
def tell(file: File) -> Told:
    """Metadata or application data of a file were changed."""
    return of_file(file)
