"""How a storage's auto-copy stands, told from the ledger and its events; nothing is estimated."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from storages_app.copying import auto_copy
from storages_app.custom_storages.auto_copy_rules import Rule
from storages_app.models import CopyJob, CustomStorage, Event
from storages_app.models.copy_jobs import RUNNING_STATES, WAITING_STATES, State

USUAL_TYPES = {
    "image/*": "Images",
    "video/*": "Videos",
    "audio/*": "Audio",
    "application/pdf": "PDF",
    "text/*": "Text",
}
_IS_NEWS_FOR = timedelta(days=1)
_EVENTS_LOOKED_AT = 1_000
_UNFINISHED = (*WAITING_STATES, *RUNNING_STATES)


@dataclass(frozen=True)
class CaughtUp:
    """What became of the copies that waited while a storage was broken."""

    n_files: int
    n_left: int
    n_failed: int
    seconds: float


@dataclass(frozen=True)
class Standing:
    """What waits for a storage now, and what has just been caught up."""

    storage: CustomStorage
    n_files: int
    oldest_at: datetime | None
    caught_up: CaughtUp | None

    @property
    def lag_seconds(self) -> float | None:
        if self.oldest_at is None:
            return None
        return (timezone.now() - self.oldest_at).total_seconds()

    @property
    def is_busy(self) -> bool:
        """Whether another look will soon find something else."""
        return bool(self.n_files) or self.storage.is_broken

    @property
    def version(self) -> str:
        """Changes when the page would look different; the lag is told in minutes by then."""
        seen = (self.storage.state, self.n_files, self.caught_up, int((self.lag_seconds or 0) / 60))
        return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def standing(storage: CustomStorage) -> Standing:
    """Two queries over what is unfinished, and one or two for what was broken lately."""
    waiting = CopyJob.objects.filter(
        custom_storage=storage, lane=CopyJob.Lane.AUTO_COPY, state__in=_UNFINISHED
    ).aggregate(n=Count("file", distinct=True), oldest=Min("created_at"))
    return Standing(storage, waiting["n"], waiting["oldest"], _caught_up(storage))


def _caught_up(storage: CustomStorage) -> CaughtUp | None:
    """By the last time that it recovered, for a day; None while it is broken again."""
    if storage.is_broken:
        return None
    newest = Event.objects.filter(project=storage.project_id).order_by("-pk")
    recovered = Event.objects.filter(
        pk__in=newest.values("pk")[:_EVENTS_LOOKED_AT],
        kind="storage.recovered",
        subject_id=str(storage.pk),
        created_at__gte=timezone.now() - _IS_NEWS_FOR,
    ).last()
    return _after(storage, recovered) if recovered else None


def _after(storage: CustomStorage, recovered: Event) -> CaughtUp | None:
    broken_at = recovered.data.get("broken_at")
    if not broken_at:
        return None
    parked = CopyJob.objects.filter(
        custom_storage=storage,
        pk__gte=recovered.data.get("first_copy") or 0,
        # Copies that are ordered again by hand leave this lane.
        lane=CopyJob.Lane.AUTO_COPY,
        created_at__lt=recovered.created_at,
    )
    ended = Q(finished_at__gte=datetime.fromisoformat(broken_at))
    done = ended & Q(state=State.DONE)
    sums = parked.aggregate(
        n_files=Count("file", filter=done, distinct=True),
        n_left=Count("file", filter=Q(state__in=_UNFINISHED), distinct=True),
        n_failed=Count("file", filter=ended & Q(state=State.FAILED), distinct=True),
        last=Max("finished_at", filter=done),
    )
    if not (sums["n_files"] or sums["n_left"]):
        return None
    last = sums.pop("last") or recovered.created_at
    return CaughtUp(**sums, seconds=max(0.0, (last - recovered.created_at).total_seconds()))


class Gaps:
    """Files that have no copy: missed since auto-copy is on, or older than that."""

    at_most = auto_copy.LOOKED_AT

    def __init__(self, storage: CustomStorage) -> None:
        self._storage = storage

    @cached_property
    def n_missed(self) -> int:
        return auto_copy.missed(self._storage).count()

    @cached_property
    def n_older(self) -> int:
        return auto_copy.older(self._storage).count()


def types_in_words(rule: Rule) -> str:
    """`Images, font/* and PDF`."""
    types = [USUAL_TYPES.get(type_, type_) for type_ in rule.types] or ["All files"]
    *first, last = types
    return f"{', '.join(first)} and {last}" if first else last
