"""Messages become deliveries, in the transaction of what they tell."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from storages_app.models import (
    Event,
    Incident,
    Membership,
    NotificationChannel,
    NotificationDelivery,
    User,
)
from storages_app.models.fields import db_now, read_db_now
from storages_app.notifications import messages
from storages_app.notifications.messages import Message
from ucdash.celery import wake

DRAIN = "notifications.drain"
DIGEST_HOUR = 7  # in UTC
Moment, State = NotificationDelivery.Moment, NotificationDelivery.State
Kind = NotificationChannel.Kind


def tell(incident: Incident, moment: NotificationDelivery.Moment, message: Message) -> None:
    """Order it for each channel that wants it; an end for those that were told of the beginning."""
    channels = [
        channel
        for channel in NotificationChannel.objects.listening().filter(project=incident.project_id)
        if incident.kind in channel.topics
    ]
    if moment == Moment.ENDED:
        begun = incident.deliveries.filter(moment=Moment.BEGAN)
        told = set(begun.values_list("channel", flat=True))
        channels = [channel for channel in channels if channel.pk in told]
    for channel in channels:
        order(channel, moment, _for(channel, message), incident=incident)


def order(
    channel: NotificationChannel,
    moment: NotificationDelivery.Moment,
    message: dict[str, Any],
    *,
    incident: Incident | None = None,
) -> NotificationDelivery:
    """Write one delivery, and wake a worker when it is committed."""
    is_gathered = channel.is_daily and incident is not None
    delivery = NotificationDelivery.objects.create(
        channel=channel,
        incident=incident,
        moment=moment,
        message=message,
        state=State.GATHERED if is_gathered else State.PENDING,
        run_after=None if is_gathered else read_db_now(),
    )
    if not is_gathered:
        transaction.on_commit(partial(wake, DRAIN))
    return delivery


def _for(channel: NotificationChannel, message: Message) -> dict[str, Any]:
    """A monitor is green or red: it stays red while anything else that it heard of is open."""
    told = message.as_json()
    if channel.kind == Kind.PING and not message.is_problem:
        others = Incident.objects.open().filter(
            deliveries__channel=channel, deliveries__moment=Moment.BEGAN
        )
        told["is_problem"] = others.exists()
    return told


# --- Digests -----------------------------------------------------------------------------------


def send_digests(*, now: datetime) -> None:
    """Put together what was gathered before seven o'clock (UTC), one message a channel."""
    gathered = _gathered_before(_last_digest(now))
    for channel in NotificationChannel.objects.filter(
        pk__in=gathered.order_by().values("channel")
    ).select_related("project"):
        _send_digest(channel, now)


def _last_digest(now: datetime) -> datetime:
    today = now.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def _gathered_before(moment: datetime) -> QuerySet[NotificationDelivery]:
    return NotificationDelivery.objects.filter(state=State.GATHERED, created_at__lt=moment)


@transaction.atomic
def _send_digest(channel: NotificationChannel, now: datetime) -> None:
    NotificationChannel.objects.select_for_update(no_key=True).get(pk=channel.pk)
    rows = list(_gathered_before(_last_digest(now)).filter(channel=channel).order_by("pk"))
    if not rows:
        return
    message = messages.digest(channel.project, [row.message for row in rows])
    digest = order(channel, Moment.DIGEST, message.as_json())
    NotificationDelivery.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=State.IN_DIGEST, digest=digest, finished_at=timezone.now()
    )


# --- Cancelling --------------------------------------------------------------------------------


def cancel_unwanted() -> None:
    """Drop what waits for channels that are removed, switched off, or not confirmed any more.

    A test that was just sent and a link to confirm by are dropped with a removed channel alone.
    """
    gone = ~Q(channel__removed_at=None) | ~Q(channel__project__removed_at=None)
    silent = Q(channel__is_active=False) | Q(channel__confirmed_at=None)
    asked_for = Q(moment__in=[Moment.TEST, Moment.CONFIRM])
    waiting = Q(run_after__isnull=False) | Q(state=State.GATHERED)
    unwanted = NotificationDelivery.objects.filter(waiting, gone | (silent & ~asked_for))
    NotificationDelivery.objects.filter(pk__in=unwanted.order_by().values("pk")).filter(
        waiting
    ).update(state=State.CANCELLED, run_after=None, finished_at=db_now())


def silence_former_members() -> None:
    """A mailbox that was let in as a member's hears no more when its person has left (S040).

    It can say yes by the link, as any other mailbox.
    """
    people = User.objects.filter(email__iexact=OuterRef("address"))
    members = Membership.objects.filter(
        project=OuterRef("project"), user__email__iexact=OuterRef("address"), user__is_active=True
    )
    mailboxes = NotificationChannel.objects.listening().filter(Exists(people), kind=Kind.EMAIL)
    for channel in mailboxes.exclude(Exists(members)).select_related("project"):
        said_yes = Event.objects.filter(
            project=channel.project, kind="notification.confirmed", subject_id=str(channel.pk)
        )
        if not said_yes.exists():
            NotificationChannel.objects.filter(pk=channel.pk).update(confirmed_at=None)
            Event.objects.record(
                "notification.stopped",
                project=channel.project,
                actor="system",
                subject=f"{channel.get_kind_display()} {channel.masked_address}",
                subject_id=channel.pk,
            )
