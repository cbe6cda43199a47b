"""One claimed job as a thread of the pump gets it; the thread knows no database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

from storages_app.models import CopyJob, CustomStorage, File
from storages_app.objectstores.base import ObjectStore

# What has to be durable before the next step; False when the job is another worker's by now.
Commit = Callable[[dict[str, Any]], bool]


class LostJob(Exception):
    """Another worker holds this job now; whatever was begun here must stop."""


@dataclass
class Assignment:
    """One claimed job with all that its making needs."""

    job: CopyJob
    store: ObjectStore
    multipart_threshold: int
    part_size: int
    may_overwrite: bool = False  # what is there is a damaged copy of our own
    replaces: str = ""  # the ETag of what is there and is to be overwritten
    moved_at: float = field(default_factory=monotonic)  # when bytes last moved or a step changed
    # A role's credentials may end while a large file is on its way: whose come next.
    renew_store: Callable[[], ObjectStore] | None = None
    others: Mapping[UUID, File] = field(default_factory=dict)  # that the image is made with

    @property
    def file(self) -> File:
        return self.job.file

    @property
    def storage(self) -> CustomStorage:
        return self.job.custom_storage

    @property
    def is_verified_by_provider(self) -> bool:
        return self.storage.can("verifies_checksum")

    def touch(self) -> None:
        self.moved_at = monotonic()

    def allow_s(self, seconds: float) -> None:
        """The step that begins moves no bytes of ours, and may take so long."""
        self.moved_at = monotonic() + seconds

    def refresh_store(self) -> None:
        """Have credentials that last for another step, however long the copy has taken by now."""
        if self.renew_store:
            self.store = self.renew_store()


def must(is_held: bool) -> None:
    if not is_held:
        raise LostJob
