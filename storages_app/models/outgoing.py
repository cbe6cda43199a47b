"""What a message to somebody outside is as a row: it waits, a worker holds it, or it is over."""

from datetime import timedelta
from typing import Self, TypeVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from storages_app.models.fields import db_now

_Row_co = TypeVar("_Row_co", bound=models.Model, covariant=True)


class OutgoingQuerySet(models.QuerySet[_Row_co]):
    def due(self) -> Self:
        """Its time has come, or its worker has let the lease run out."""
        return self.filter(Q(run_after__lte=db_now()) | Q(lease_until__lt=db_now()))

    def held(self, *, pk: object, fence: int) -> Self:
        """The row, as long as it is still whoever's that has taken it with this fence."""
        return self.filter(pk=pk, fence=fence, state="leased")

    def take(self, *, pk: object, fence: int, lease: timedelta) -> bool:
        """Claim one that is due, as an attempt; False if another worker was quicker."""
        n_taken = self.due().filter(pk=pk, fence=fence).update(
            state="leased",
            run_after=None,
            lease_until=db_now() + lease,
            fence=F("fence") + 1,
            attempts=F("attempts") + 1,
        )  # fmt: skip
        return bool(n_taken)

    def renew(self, lease: timedelta) -> None:
        self.update(lease_until=db_now() + lease)

    def give_back(self) -> None:
        """The process ends: somebody else begins anew, and it was nobody's failure."""
        self.update(
            state="pending",
            run_after=db_now(),
            lease_until=None,
            fence=F("fence") + 1,
            attempts=F("attempts") - 1,
        )


class Outgoing(models.Model):
    """`run_after` is set exactly while it waits, `lease_until` exactly while it is held."""

    attempts = models.PositiveSmallIntegerField(default=0)
    run_after = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True, help_text="Why no answer came.")
    duration_ms = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        abstract = True
