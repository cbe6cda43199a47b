"""Channels are added, changed, confirmed and removed; tests are sent."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from storages_app.models import (
    Event,
    Incident,
    NotificationChannel,
    NotificationDelivery,
    Project,
)
from storages_app.notifications import errors, links, messages, ordering
from storages_app.webhooks import errors as webhook_errors
from storages_app.webhooks import signing, targets

Kind, Moment = NotificationChannel.Kind, NotificationDelivery.Moment
_CONFIRMATIONS_A_DAY = 10  # of a project: mails to people who have not agreed
_TESTS_AN_HOUR = 10  # of a channel
# A job that failed stays failed, so a monitor would never get green again.
NOT_FOR_PINGS = {Incident.Kind.JOB}


def add(
    *,
    project: Project,
    kind: str,
    address: str,
    topics: Sequence[str],
    is_daily: bool,
    actor: str,
) -> NotificationChannel:
    """Tell `address` from now on; a mailbox of nobody in the project is asked by a link first."""
    address = clean_address(kind, address)
    _check_topics(kind, topics)
    with transaction.atomic():
        _check_room(project)
        is_known = kind != Kind.EMAIL or _is_members(project, address)
        channel = NotificationChannel(
            project=project,
            kind=kind,
            address=address,
            topics=list(topics),
            is_daily=is_daily and kind == Kind.EMAIL,
            added_by=actor,
            confirmed_at=timezone.now() if is_known else None,
        )
        if kind != Kind.EMAIL:
            channel.conceal(address)
        _save(channel)
        if kind != Kind.EMAIL:
            channel.seal_address(address)
            channel.save(update_fields=["sealed_address"])
        if not is_known:
            _ask(channel)
        _record("notification.added", channel, actor)
    return channel


@transaction.atomic
def change(
    *,
    channel: NotificationChannel,
    topics: Sequence[str],
    is_daily: bool,
    is_active: bool,
    actor: str,
) -> NotificationChannel:
    """The address stays: another one is another channel."""
    _check_topics(channel.kind, topics)
    channel = NotificationChannel.objects.kept().select_for_update().get(pk=channel.pk)
    channel.topics, channel.is_active = list(topics), is_active
    channel.is_daily = is_daily and channel.kind == Kind.EMAIL
    channel.save(update_fields=["topics", "is_active", "is_daily"])
    ordering.cancel_unwanted()
    _record("notification.changed", channel, actor)
    return channel


@transaction.atomic
def remove(*, channel: NotificationChannel, actor: str) -> None:
    """Tell it nothing more. What was told stays in the history."""
    kept = NotificationChannel.objects.kept().filter(pk=channel.pk)
    if kept.update(removed_at=timezone.now()):
        ordering.cancel_unwanted()
        _record("notification.removed", channel, actor)


@transaction.atomic
def send_test(*, channel: NotificationChannel, actor: str) -> NotificationDelivery:
    """One message that says that it is a test; it is tried once."""
    if channel.confirmed_at is None:
        raise errors.NotConfirmed
    if not channel.is_active:
        raise errors.ChannelOff
    an_hour_ago = timezone.now() - timedelta(hours=1)
    tests = channel.deliveries.filter(moment=Moment.TEST, created_at__gt=an_hour_ago)
    if tests.count() >= _TESTS_AN_HOUR:
        raise errors.TooManyTests
    _record("notification.test_sent", channel, actor)
    return ordering.order(channel, Moment.TEST, messages.a_test(channel).as_json())


# --- Signing -----------------------------------------------------------------------------------


@transaction.atomic
def sign(*, channel: NotificationChannel, actor: str, secret: str = "") -> str:
    """Sign from now on, with `secret` or a new one of ours, and for a day with the old one too.

    What is returned nobody is shown a second time.
    """
    if channel.kind != Kind.WEBHOOK:
        raise errors.CannotBeSigned
    secret = secret or signing.new_secret()
    if not signing.can_sign(secret):
        raise errors.SecretInvalid
    _replace_secret(channel, secret)
    _record("notification.secret_made", channel, actor)
    return secret


@transaction.atomic
def stop_signing(*, channel: NotificationChannel, actor: str) -> None:
    """Nothing is signed any more; both secrets are forgotten."""
    _replace_secret(channel, "")
    _record("notification.secret_removed", channel, actor)


def _replace_secret(channel: NotificationChannel, secret: str) -> None:
    """Of two at once the later one holds, and the earlier one is its old one."""
    kept = NotificationChannel.objects.kept().select_for_update().get(pk=channel.pk)
    kept.replace_secret(secret, now=timezone.now(), overlap=signing.OVERLAP)
    kept.save(update_fields=["sealed_secret", "sealed_old_secret", "old_secret_until"])


# --- Confirming --------------------------------------------------------------------------------


@transaction.atomic
def ask_again(*, channel: NotificationChannel, actor: str) -> None:
    """Send the link once more, to somebody who has not said yes."""
    if channel.confirmed_at is None:
        _lock(channel.project)
        _ask(channel)
        _record("notification.asked_again", channel, actor)


@transaction.atomic
def confirm(*, token: str) -> NotificationChannel:
    """Whoever reads the mailbox has said yes; to say so twice is no fault."""
    channel = links.channel_of(links.CONFIRM, token)
    waiting = NotificationChannel.objects.kept().filter(pk=channel.pk, confirmed_at=None)
    if waiting.update(confirmed_at=timezone.now(), is_active=True):
        _record("notification.confirmed", channel, channel.masked_address)
    return channel


@transaction.atomic
def stop(*, token: str) -> NotificationChannel:
    """Whoever reads there wants no more; only a new yes of theirs brings it back."""
    channel = links.channel_of(links.STOP, token)
    confirmed = NotificationChannel.objects.kept().filter(pk=channel.pk, confirmed_at__isnull=False)
    if confirmed.update(confirmed_at=None):
        ordering.cancel_unwanted()
        _record("notification.stopped", channel, channel.masked_address)
    return channel


def _ask(channel: NotificationChannel) -> None:
    """Under a lock of the project, so that nobody can have a stranger mailed again and again."""
    asked = NotificationDelivery.objects.filter(
        channel__project=channel.project_id,
        moment=Moment.CONFIRM,
        created_at__gt=timezone.now() - timedelta(days=1),
    )
    if asked.count() >= _CONFIRMATIONS_A_DAY:
        raise errors.TooManyConfirmations
    message = messages.confirmation(channel, link=links.confirm_link(channel))
    ordering.order(channel, Moment.CONFIRM, message.as_json())


# --- Checks ------------------------------------------------------------------------------------


def clean_address(kind: str, address: str) -> str:
    """As it is kept, or why it cannot be."""
    address = address.strip()
    if kind != Kind.EMAIL:
        _check_url(address)
        return address
    try:
        validate_email(address)
    except ValidationError as error:
        raise errors.AddressInvalid from error
    if len(address) > 254:
        raise errors.AddressInvalid
    return address.lower()


def _check_url(address: str) -> None:
    """By the rules of webhooks, and through the same guard."""
    try:
        targets.check(address)
    except webhook_errors.TargetForbidden as error:
        raise errors.UrlForbidden from error
    except webhook_errors.TargetInvalid as error:
        raise errors.UrlInvalid from error


def _check_topics(kind: str, topics: Sequence[str]) -> None:
    possible = topics_of(kind)
    if not topics or not set(topics) <= set(possible):
        raise errors.TopicUnknown


def topics_of(kind: str) -> Mapping[str, str]:
    """What such a channel can hear of, in words."""
    return {
        topic.value: topic.label
        for topic in Incident.Kind
        if kind != Kind.PING or topic not in NOT_FOR_PINGS
    }


def _check_room(project: Project) -> None:
    _lock(project)
    kept = NotificationChannel.objects.kept().filter(project=project)
    if kept.count() >= settings.CHANNELS_OF_A_PROJECT:
        raise errors.TooManyChannels


def _lock(project: Project) -> None:
    """So that requests side by side do not make one too many (S070)."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)


def _is_members(project: Project, address: str) -> bool:
    return project.memberships.filter(user__email__iexact=address, user__is_active=True).exists()


def _save(channel: NotificationChannel) -> None:
    try:
        with transaction.atomic():
            channel.save()
    except IntegrityError as error:
        raise errors.AlreadyThere from error


def _record(kind: str, channel: NotificationChannel, actor: str) -> None:
    data: dict[str, Any] = {"topics": channel.topics, "is_active": channel.is_active}
    Event.objects.record(
        kind,
        project=channel.project,
        actor=actor,
        subject=f"{channel.get_kind_display()} {channel.masked_address}",
        subject_id=channel.pk,
        data=data,
    )
