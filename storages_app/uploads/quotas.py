"""How many files and bytes a project may keep at once; the operator says so in the admin (S097).

What was removed does not count. Restoring a backup is not stopped by it.
"""

from typing import NamedTuple

from storages_app.models import Project, Tally
from storages_app.uploads.errors import QuotaReached


class Quota(NamedTuple):
    """None is no limit."""

    max_files: int | None
    max_bytes: int | None

    @property
    def is_limited(self) -> bool:
        return self.max_files is not None or self.max_bytes is not None


def hold(project: Project) -> None:
    """Until the transaction ends no other upload is counted: none goes over by coming beside it."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)


def require_room(project: Project, quota: Quota, *, n_files: int = 0, n_bytes: int = 0) -> None:
    """QuotaReached if what the project keeps, and so much more, is over its quota.

    After `hold` this is exact. Without it, as before a long upload, it spares the way.
    """
    tally = Tally.objects.of(project)
    kept = tally["n_stored"] + tally["n_unstored"] + n_files
    size = tally["n_bytes"] + n_bytes
    for number, limit, what in (
        (kept, quota.max_files, "files"),
        (size, quota.max_bytes, "bytes in all its files"),
    ):
        if limit is not None and number > limit:
            raise QuotaReached(
                hint=f"The project may keep {limit} {what}, and would have {number}. Remove some, "
                "or ask the operator for more."
            )
