"""How a storage stands, and whether somebody is looking right now: for rows and heads of pages."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from storages_app.models import ConnectionTest, CustomStorage

# A test ends after 30 s. Who waits longer than this waits for a worker that is not there.
_IS_READ_WITHIN = timedelta(minutes=2)


@dataclass(frozen=True)
class StorageState:
    """The last word about a storage, which stays while it is looked at anew."""

    storage: CustomStorage
    read_at: datetime | None = None  # when a test of it last ended
    asked_at: datetime | None = None  # the test that is under way, if one is

    @property
    def word(self) -> str:
        return storage_word(self.storage)

    @property
    def since(self) -> datetime | None:
        """When this state began."""
        row = self.storage
        if row.is_paused:
            return row.paused_at
        return row.circuit_opened_at or row.connected_at

    @property
    def known_at(self) -> datetime | None:
        """How old the word is."""
        return self.read_at or self.since

    @property
    def is_checking(self) -> bool:
        return self.asked_at is not None and not self.is_unread

    @property
    def is_unread(self) -> bool:
        """Whether it was asked for and nobody came to read it."""
        return self.asked_at is not None and timezone.now() - self.asked_at > _IS_READ_WITHIN

    @property
    def version(self) -> str:
        """Changes when a page would show something else."""
        return f"{self.word}-{'unread' if self.is_unread else 'checking'}".replace(" ", "-")


def storage_word(storage: CustomStorage) -> str:
    return "needs attention" if storage.is_broken and not storage.is_paused else storage.state


def states_of(storages: "QuerySet[CustomStorage]") -> list[StorageState]:
    """Each with its newest test and the last that ended, in one query."""
    tests = ConnectionTest.objects.filter(
        custom_storage=OuterRef("pk"), kind=ConnectionTest.Kind.TEST, access_change=None
    ).order_by("-pk")
    # One of older settings will count for nothing.
    newest = tests.filter(created_at__gte=OuterRef("access_changed_at"))
    rows = storages.annotate(
        read_at=Subquery(tests.over().values("finished_at")[:1]),
        newest_asked_at=Subquery(newest.values("created_at")[:1]),
        newest_ended_at=Subquery(newest.values("finished_at")[:1]),
    )
    return [_state_of(row) for row in rows]


def state_of(storage: CustomStorage) -> StorageState:
    (found,) = states_of(CustomStorage.objects.filter(pk=storage.pk))
    return found


def _state_of(row: Any) -> StorageState:
    is_open = row.newest_ended_at is None
    return StorageState(row, row.read_at, row.newest_asked_at if is_open else None)
