"""How much a project may have REST copy: a number an hour, and bytes a day (S056).

Auto-copy, backups and jobs that people order in the dashboard are not counted: an upload is never
refused for what it causes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from storages_app.copying.errors import TooManyCopies
from storages_app.models import CopyAllowance, Project

Kind = CopyAllowance.Kind


@dataclass(frozen=True)
class _Limit:
    kind: CopyAllowance.Kind
    at_most: int
    window: timedelta

    def began_at(self, now: datetime) -> datetime:
        return now - (now - datetime(2000, 1, 1, tzinfo=UTC)) % self.window


def charge(*, project: Project, n_bytes: int) -> None:
    """Count one copy of so many bytes; TooManyCopies where the hour's or the day's share is used.

    Belongs at the end of the transaction that orders the copy: the counters are held from here to
    the commit. Who has anything left may have one more copy, however large, so that no file is
    refused for ever.
    """
    for limit, amount in zip(_limits(), (1, n_bytes), strict=True):
        if limit.at_most:
            _take(project, limit, amount, timezone.now())


def _limits() -> tuple[_Limit, _Limit]:
    return (
        _Limit(Kind.COPIES, settings.REMOTE_COPIES_PER_HOUR, timedelta(hours=1)),
        _Limit(Kind.BYTES, settings.REMOTE_COPY_BYTES_PER_DAY, timedelta(days=1)),
    )


def _take(project: Project, limit: _Limit, amount: int, now: datetime) -> None:
    began_at = limit.began_at(now)
    counters = CopyAllowance.objects.filter(project=project, kind=limit.kind)
    left = counters.filter(began_at=began_at, used__lt=limit.at_most)
    if left.update(used=F("used") + amount):
        return
    if not counters.filter(began_at=began_at).exists():
        counters.filter(began_at__lt=began_at).delete()
        # Another request may begin the window at the same moment.
        CopyAllowance.objects.bulk_create(
            [CopyAllowance(project=project, kind=limit.kind, began_at=began_at)],
            ignore_conflicts=True,
        )
        if left.update(used=F("used") + amount):
            return
    raise TooManyCopies(retry_after=ceil((began_at + limit.window - now).total_seconds()))
