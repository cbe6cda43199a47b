"""The lease and the fence of a run: whoever holds it works, everybody else keeps away."""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet

from storages_app.models import RestoreRun
from storages_app.models.fields import db_now

RunState = RestoreRun.State
AT_WORK = (RunState.READING, RunState.THAWING, RunState.RESTORING)


Tell = Callable[[RestoreRun], None]  # somebody watches from this process


class LostRun(Exception):
    """Somebody else holds this run now, or it was cancelled: stop, and write nothing more."""


class Hold:
    """A claimed run; `write` and `renew` raise LostRun as soon as it is not ours any more."""

    def __init__(self, run: RestoreRun, *, tell: Tell | None = None) -> None:
        self.run = run
        self._tell = tell
        self._renewed = monotonic()

    def write(self, **values: Any) -> None:
        """Change the run under its fence, in the caller's transaction if there is one."""
        if not self._row().update(**values):
            raise LostRun
        for name, value in values.items():
            setattr(self.run, name, value)

    def add(self, **numbers: int) -> None:
        """Count on, in the database, since the row in memory may be old."""
        if not self._row().update(**{name: F(name) + n for name, n in numbers.items()}):
            raise LostRun
        for name, number in numbers.items():
            setattr(self.run, name, getattr(self.run, name) + number)
        if self._tell:
            self._tell(self.run)

    def renew(self) -> None:
        """Prolong the lease, at most every third of it."""
        if monotonic() - self._renewed < settings.LEASE.total_seconds() / 3:
            return
        self._renewed = monotonic()
        if not self._row().update(lease_until=db_now() + settings.LEASE):
            raise LostRun

    def give_back(self, *, wait: timedelta = timedelta(0)) -> None:
        """Let the next worker have it, after a while."""
        self._row().update(lease_until=db_now() + wait)

    def _row(self) -> QuerySet[RestoreRun]:
        return RestoreRun.objects.filter(
            pk=self.run.pk, fence=self.run.fence, state__in=AT_WORK, finished_at=None
        )


def claim(*, pk: int | None = None, tell: Tell | None = None) -> Hold | None:
    """Take a run that has work to do and that no living worker holds."""
    free = RestoreRun.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=db_now()), state__in=AT_WORK, finished_at=None
    )
    if pk is not None:
        free = free.filter(pk=pk)
    for row in free.order_by("lease_until", "pk"):
        n_claimed = free.filter(pk=row.pk, fence=row.fence).update(
            lease_until=db_now() + settings.LEASE, fence=F("fence") + 1
        )
        if n_claimed:
            run = RestoreRun.objects.select_related("project", "custom_storage__project").get(
                pk=row.pk
            )
            return Hold(run, tell=tell)
    return None
