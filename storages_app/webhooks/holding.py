"""Which deliveries come next, who holds one, and how attempts end: a lease, a fence, a schedule."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from storages_app.models import Event, Webhook, WebhookDelivery
from storages_app.models.fields import db_now
from storages_app.models.webhooks import WebhookDeliveryQuerySet
from storages_app.webhooks.sending import Answer, Message
from storages_app.webhooks.shapes import timestamp

State = WebhookDelivery.State
# After each attempt but the last: 75 hours and 35 minutes in all (spec/RELIABILITY 5.13).
PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
MAX_ATTEMPTS: Final = len(PAUSES) + 1
_LOOKED_AT = 64  # rows of the queue that one claim reads
_GONE = 410
_LONGEST_ERROR = 300  # the width of the column
_LONGEST_LOG = 50  # a delivery may be sent again by hand, again and again


@dataclass
class Hold:
    """A claimed delivery, and what its thread sends."""

    delivery: WebhookDelivery
    message: Message = field(init=False)

    def __post_init__(self) -> None:
        webhook = self.delivery.webhook
        self.message = Message(
            target_url=webhook.target_url,
            message_id=self.delivery.message_id,
            body=self.delivery.body.encode(),
            secrets=webhook.secrets_at(timezone.now()),
        )

    def rows(self) -> WebhookDeliveryQuerySet:
        return WebhookDelivery.objects.held(pk=self.delivery.pk, fence=self.delivery.fence)


# --- Claiming ----------------------------------------------------------------------------------


def claim(*, at_most: int) -> list[Hold]:
    """Take due deliveries, whatever waits longest first; no webhook gets more than its share.

    So a receiver that answers nobody, with a hundred thousand events waiting for it, holds up
    none but itself (F83).
    """
    deliveries = WebhookDelivery.objects.all()
    if not deliveries.due().exists():
        return []  # without a transaction, which on SQLite would hold up all who write
    with transaction.atomic():
        taken = [
            pk
            for pk, fence in _choose(at_most)
            if deliveries.take(pk=pk, fence=fence, lease=settings.LEASE)
        ]
        rows = deliveries.filter(pk__in=taken)
        return [Hold(row) for row in rows.select_related("webhook").order_by("created_at", "pk")]


def _choose(at_most: int) -> list[tuple[UUID, int]]:
    """Number and fence of those that come next: what a worker died over before what is new."""
    running = WebhookDelivery.objects.filter(lease_until__gte=db_now()).order_by()
    n_running = Counter(running.values_list("webhook", flat=True))
    lapsed = WebhookDelivery.objects.filter(lease_until__lt=db_now()).order_by("lease_until")
    new = WebhookDelivery.objects.filter(run_after__lte=db_now()).order_by("run_after")
    chosen: dict[UUID, int] = {}
    for waiting in (lapsed, new):  # apart, so that each is read from its index in its order
        _add_of(waiting, chosen, n_running, at_most)
    return list(chosen.items())


def _add_of(
    waiting: QuerySet[WebhookDelivery],
    chosen: dict[UUID, int],
    n_running: Counter[int],
    at_most: int,
) -> None:
    share = max(settings.WEBHOOK_THREADS // 2, 1)
    while len(chosen) < at_most:
        full = [webhook for webhook, n in n_running.items() if n >= share]
        rest = waiting.exclude(webhook__in=full).exclude(pk__in=list(chosen))
        found = list(rest.values_list("pk", "fence", "webhook")[:_LOOKED_AT])
        for pk, fence, webhook in found:
            if n_running[webhook] < share and len(chosen) < at_most:
                n_running[webhook] += 1
                chosen[pk] = fence
        if len(found) < _LOOKED_AT:
            return  # one round has looked at all


# --- Holding -----------------------------------------------------------------------------------


def renew(holds: Iterable[Hold]) -> None:
    with transaction.atomic():
        for hold in holds:
            hold.rows().renew(settings.LEASE)


# --- Ending ------------------------------------------------------------------------------------


@transaction.atomic
def settle(ended: Iterable[tuple[Hold, Answer]]) -> None:
    """Write what came of attempts, each under its fence; one that is somebody else's is dropped."""
    for hold, answer in ended:
        delivery = hold.delivery
        values = _outcome(delivery, answer)
        if hold.rows().update(**values, **_told(delivery, answer)):
            if answer.status == _GONE:
                switch_off(delivery.webhook, why="The receiver answered 410: it wants no more.")
            elif values["state"] == State.DEAD and not delivery.is_test:
                switch_off(delivery.webhook, why=_why_dead(answer))


def _outcome(delivery: WebhookDelivery, answer: Answer) -> dict[str, Any]:
    ended = {"run_after": None, "finished_at": timezone.now()}
    if answer.is_success:
        return {"state": State.DELIVERED, **ended}
    if answer.status == _GONE:
        return {"state": State.DISABLED, **ended}
    if delivery.is_test or delivery.attempts >= MAX_ATTEMPTS:
        return {"state": State.DEAD, **ended}
    pause = pause_after(delivery.attempts) * settings.TIME_SCALE
    asked_for = timedelta(seconds=answer.retry_after_s)
    return {"state": State.RETRY_WAIT, "run_after": db_now() + max(pause, asked_for)}


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts, of which the last has failed."""
    return PAUSES[min(max(attempts, 1), len(PAUSES)) - 1]


def _told(delivery: WebhookDelivery, answer: Answer) -> dict[str, Any]:
    attempt = {
        "at": timestamp(timezone.now()),
        "status": answer.status,
        "error": answer.error or None,
        "duration_ms": answer.duration_ms,
    }
    return {
        "lease_until": None,
        "status": answer.status,
        "error": answer.error[:_LONGEST_ERROR],
        "response": answer.body,
        "duration_ms": answer.duration_ms,
        "log": [*delivery.log, attempt][-_LONGEST_LOG:],
    }


def _why_dead(answer: Answer) -> str:
    last = f"The last answer was {answer.status}." if answer.status else answer.error
    return f"An event was not taken for three days. {last}"


def switch_off(webhook: Webhook, *, why: str) -> None:
    """Send it nothing more, and tell the owner once; what waits for it can be sent again later."""
    if (
        not Webhook.objects.listening()
        .filter(pk=webhook.pk)
        .update(is_active=False, updated_at=timezone.now())
    ):
        return
    cancel_waiting(webhook)
    Event.objects.record(
        "webhook.disabled",
        project=webhook.project,
        actor="system",
        subject=str(webhook),
        subject_id=webhook.pk,
        data={"reason": why},
    )


def cancel_waiting(webhook: Webhook) -> None:
    WebhookDelivery.objects.filter(webhook=webhook, run_after__isnull=False).update(
        state=State.DISABLED, run_after=None, finished_at=timezone.now()
    )


def forget(*, before: datetime) -> int:
    """Drop deliveries that ended long ago."""
    old = WebhookDelivery.objects.filter(finished_at__lt=before).values("pk")[:10_000]
    n_forgotten, _ = WebhookDelivery.objects.filter(
        pk__in=list(old.values_list("pk", flat=True))
    ).delete()
    return n_forgotten
