"""Webhooks are made, changed and deleted; deliveries are sent again, and tests are sent."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from storages_app.models import Event, Project, Webhook, WebhookDelivery
from storages_app.models.fields import db_now
from storages_app.models.webhooks import ENDED_STATES, FAILED_STATES
from storages_app.webhooks import announcing, errors, holding, signing, targets
from storages_app.webhooks.registry import Told, by_name

DEFAULT_VERSION = "0.7"
_VERSIONS = ("", "0.5", "0.6", DEFAULT_VERSION)
_CHANGEABLE = ("event", "target_url", "is_active")


def create(
    *,
    project: Project,
    event: str,
    target_url: str,
    actor: str,
    is_active: bool = True,
    signing_secret: str = "",
    version: str = DEFAULT_VERSION,
) -> Webhook:
    """Tell `target_url` of each `event` from now on; without a secret nothing is signed."""
    _check_event(event)
    _check_secret(signing_secret)
    if version not in _VERSIONS:
        raise errors.VersionUnknown(version)
    targets.check(target_url)
    with transaction.atomic():
        _check_room(project)
        webhook = Webhook(
            project=project,
            event=event,
            target_url=target_url,
            is_active=is_active,
            version=version,
        )
        _save(webhook)
        if signing_secret:  # sealed to its number, which it has now
            webhook.seal_secret(signing_secret)
            webhook.save(update_fields=["sealed_secret"])
        _record("webhook.created", webhook, actor)
    return webhook


def change(
    *, webhook: Webhook, values: Mapping[str, Any], actor: str, signing_secret: str | None = None
) -> Webhook:
    """Change `event`, `target_url` or `is_active`; a new secret replaces the old one in a day.

    An empty secret ends signing at once. Another address gets a test, so that its owner hears of
    it before anything else comes.
    """
    if "event" in values:
        _check_event(values["event"])
    if signing_secret is not None:
        _check_secret(signing_secret)
    if values.get("target_url", webhook.target_url) != webhook.target_url:
        targets.check(values["target_url"])
    with transaction.atomic():
        webhook = Webhook.objects.kept().select_for_update().get(pk=webhook.pk)
        has_moved = values.get("target_url", webhook.target_url) != webhook.target_url
        for name in _CHANGEABLE:
            setattr(webhook, name, values.get(name, getattr(webhook, name)))
        if signing_secret is not None:
            webhook.replace_secret(signing_secret, now=timezone.now(), overlap=signing.OVERLAP)
        webhook.updated_at = timezone.now()
        _save(webhook)
        if not webhook.is_active:
            holding.cancel_waiting(webhook)
        elif has_moved:
            _order_test(webhook)
        _record("webhook.changed", webhook, actor)
    return webhook


@transaction.atomic
def remove(*, webhook: Webhook, actor: str) -> None:
    """Send it nothing more. The log of what was sent stays for a while."""
    if Webhook.objects.kept().filter(pk=webhook.pk).update(removed_at=timezone.now()):
        holding.cancel_waiting(webhook)
        _record("webhook.deleted", webhook, actor)


@transaction.atomic
def unsubscribe(*, project: Project, target_url: str, actor: str) -> int:
    """Delete all webhooks of that address; how many there were."""
    found = list(Webhook.objects.kept().filter(project=project, target_url=target_url))
    for webhook in found:
        remove(webhook=webhook, actor=actor)
    return len(found)


@transaction.atomic
def send_test(*, webhook: Webhook, actor: str) -> WebhookDelivery:
    """Send an event of its kind without a subject, once; it says that it is a test."""
    if not webhook.is_active:
        raise errors.WebhookInactive
    _record("webhook.test_sent", webhook, actor)
    return _order_test(webhook)


def _order_test(webhook: Webhook) -> WebhookDelivery:
    told = Told(data={}, subject_id="")
    announcing.order([(webhook, told, {"is_test": True})], is_test=True)
    newest = WebhookDelivery.objects.filter(webhook=webhook, is_test=True)
    return newest.order_by("-created_at").select_related("webhook")[0]


@transaction.atomic
def send_again(*, delivery: WebhookDelivery, actor: str) -> WebhookDelivery:
    """The same body under the same id, from the first attempt on."""
    if not delivery.webhook.is_active:
        raise errors.WebhookInactive
    if not _send_again(WebhookDelivery.objects.filter(pk=delivery.pk)):
        raise errors.StillUnderWay
    _record("webhook.sent_again", delivery.webhook, actor, deliveries=1)
    delivery.refresh_from_db()
    return delivery


@transaction.atomic
def send_failed_again(*, webhook: Webhook, actor: str) -> int:
    """All that the receiver has not taken; how many there are."""
    if not webhook.is_active:
        raise errors.WebhookInactive
    n_again = _send_again(webhook.deliveries.filter(state__in=FAILED_STATES, is_test=False))
    if n_again:
        _record("webhook.sent_again", webhook, actor, deliveries=n_again)
    return n_again


def _send_again(deliveries: QuerySet[WebhookDelivery]) -> int:
    n_again = deliveries.filter(state__in=ENDED_STATES).update(
        state=WebhookDelivery.State.PENDING, attempts=0, run_after=db_now(), finished_at=None
    )
    announcing.wake_workers()
    return n_again


# --- Checks ------------------------------------------------------------------------------------


def _check_event(event: str) -> None:
    if event not in by_name():
        raise errors.EventUnknown(event)


def _check_secret(secret: str) -> None:
    if not signing.can_sign(secret):
        raise errors.SecretInvalid


def _check_room(project: Project) -> None:
    """Under a lock, so that requests side by side do not make one too many (S070)."""
    if not settings.WEBHOOKS_OF_A_PROJECT:
        raise errors.WebhooksOff
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if Webhook.objects.kept().filter(project=project).count() >= settings.WEBHOOKS_OF_A_PROJECT:
        raise errors.TooManyWebhooks


def _save(webhook: Webhook) -> None:
    try:
        with transaction.atomic():
            webhook.save()
    except IntegrityError as error:
        raise errors.AlreadySubscribed from error


def _record(kind: str, webhook: Webhook, actor: str, **data: int) -> None:
    """Of the address only the host: the rest may hold a token."""
    host = urlsplit(webhook.target_url).hostname or ""
    Event.objects.record(
        kind,
        project=webhook.project,
        actor=actor,
        subject=f"{webhook.event} to {host}",
        subject_id=webhook.pk,
        data=data or {"is_active": webhook.is_active},
    )
