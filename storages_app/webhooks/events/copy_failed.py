"""copy.failed: a file did not get into a custom storage."""

from storages_app.models import CopyJob
from storages_app.webhooks.registry import Told, event
from storages_app.webhooks.telling import of_copy


@event("copy.failed")
def tell(job: CopyJob) -> Told:
    """A copy of a file has failed, and is not tried again by itself."""
    return of_copy(job)
