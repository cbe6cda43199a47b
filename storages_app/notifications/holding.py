"""Which messages come next, who holds one, and how attempts end: a lease, a fence, a schedule."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from storages_app.models import Event, Incident, NotificationDelivery
from storages_app.models.fields import db_now
from storages_app.models.notifications import NotificationDeliveryQuerySet
from storages_app.notifications import links
from storages_app.notifications.sending import Letter
from storages_app.webhooks.sending import Answer

State, Moment = NotificationDelivery.State, NotificationDelivery.Moment
# After each attempt but the last: 41 hours and 42 minutes in all.
PAUSES: Final = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (1, 4, 12, 24)),
)
MAX_ATTEMPTS: Final = len(PAUSES) + 1
_ONCE = (Moment.TEST, Moment.CONFIRM)  # somebody waits for the answer, and can ask again
_LONGEST_ERROR = 300  # the width of the column


@dataclass
class Hold:
    """A claimed delivery, and what its thread sends."""

    delivery: NotificationDelivery
    letter: Letter = field(init=False)

    def __post_init__(self) -> None:
        channel = self.delivery.channel
        self.letter = Letter(
            kind=channel.kind,
            address=channel.unseal_address(),
            message_id=self.delivery.message_id,
            message=self.delivery.message,
            stop_link="" if self.delivery.moment == Moment.CONFIRM else links.stop_link(channel),
            secrets=channel.secrets_at(timezone.now()),
        )

    def rows(self) -> NotificationDeliveryQuerySet:
        return NotificationDelivery.objects.held(pk=self.delivery.pk, fence=self.delivery.fence)


def claim(*, at_most: int) -> list[Hold]:
    """Take what is due, of each channel one after the other."""
    deliveries = NotificationDelivery.objects.all()
    if not deliveries.due().exists():
        return []  # without a transaction, which on SQLite would hold up all who write
    with transaction.atomic():
        due = deliveries.due().first_of_channel().order_by("pk")
        chosen = list(due.values_list("pk", "fence")[:at_most])
        taken = [
            pk for pk, fence in chosen if deliveries.take(pk=pk, fence=fence, lease=settings.LEASE)
        ]
        rows = deliveries.filter(pk__in=taken).order_by("pk")
        return [Hold(row) for row in rows.select_related("channel")]


def renew(holds: Iterable[Hold]) -> None:
    with transaction.atomic():
        for hold in holds:
            hold.rows().renew(settings.LEASE)


@transaction.atomic
def settle(ended: Iterable[tuple[Hold, Answer]]) -> None:
    """Write what came of attempts, each under its fence; one that is somebody else's is dropped."""
    for hold, answer in ended:
        values = _outcome(hold.delivery, answer)
        is_written = hold.rows().update(
            **values,
            lease_until=None,
            status=answer.status,
            error=answer.error[:_LONGEST_ERROR],
            duration_ms=answer.duration_ms,
        )
        if is_written and values["state"] == State.DEAD:
            _record_failure(hold.delivery, answer)


def _outcome(delivery: NotificationDelivery, answer: Answer) -> dict[str, Any]:
    ended = {"run_after": None, "finished_at": timezone.now()}
    if _is_taken(answer):
        return {"state": State.DELIVERED, **ended}
    if delivery.moment in _ONCE or delivery.attempts >= MAX_ATTEMPTS:
        return {"state": State.DEAD, **ended}
    pause = PAUSES[delivery.attempts - 1] * settings.TIME_SCALE
    asked_for = timedelta(seconds=answer.retry_after_s)
    return {"state": State.RETRY_WAIT, "run_after": db_now() + max(pause, asked_for)}


def _is_taken(answer: Answer) -> bool:
    """By a mail server without a fault, by all others with a 2xx."""
    return answer.is_success or (answer.status is None and not answer.error)


def _record_failure(delivery: NotificationDelivery, answer: Answer) -> None:
    if delivery.moment in _ONCE:
        return  # whoever asked for it sees it on the page
    channel = delivery.channel
    Event.objects.record(
        "notification.failed",
        project=channel.project,
        actor="system",
        subject=f"{channel.get_kind_display()} {channel.masked_address}",
        subject_id=channel.pk,
        data={"status": answer.status, "error": answer.error},
    )


def forget(*, before: datetime) -> None:
    """Drop what ended long ago: deliveries first, then incidents that none is left of."""
    old = NotificationDelivery.objects.filter(finished_at__lt=before).order_by()
    NotificationDelivery.objects.filter(
        pk__in=list(old.values_list("pk", flat=True)[:10_000])
    ).delete()
    over = Incident.objects.filter(ended_at__lt=before, deliveries=None).order_by()
    Incident.objects.filter(pk__in=list(over.values_list("pk", flat=True)[:10_000])).delete()
