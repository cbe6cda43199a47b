"""copy.done: a file is in a custom storage, proved."""

from storages_app.models import CopyJob
from storages_app.webhooks.registry import Told, event
from storages_app.webhooks.telling import of_copy


@event("copy.done")
def tell(job: CopyJob) -> Told:
    """A copy of a file is in a custom storage, and the right bytes are there."""
    return of_copy(job)
