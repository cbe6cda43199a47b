"""Something happened: a delivery for each webhook that listens, in the transaction it happened in.

So what was undone is told to nobody, and what was committed is told at least once.
"""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from django.db import transaction

from storages_app.lib import origins
from storages_app.models import Webhook, WebhookDelivery
from storages_app.models.fields import read_db_now
from storages_app.webhooks.registry import Told, by_name
from storages_app.webhooks.shapes import timestamp
from ucdash.celery import wake

DRAIN = "webhooks.drain"


def announce(
    event: str,
    subjects: Iterable[Any],
    *,
    project_id: int,
    previous_values: Mapping[str, Any] | None = None,
) -> None:
    """Order that `event` is told of each of `subjects`; one query where nobody listens.

    To be called inside the transaction that makes it true. The subjects are told as they are now.
    """
    listening = Webhook.objects.listening().filter(event=event, project_id=project_id)
    webhooks = list(listening.select_related("project"))
    if not webhooks:
        return
    build = by_name()[event].build
    more = {} if previous_values is None else {"previous_values": previous_values}
    order(
        [
            (webhook, told, more)
            for told in [build(subject) for subject in subjects]
            for webhook in webhooks
        ]
    )


def order(
    told: Iterable[tuple[Webhook, Told, Mapping[str, Any]]], *, is_test: bool = False
) -> None:
    """Write deliveries, and wake a worker when they are committed."""
    now = read_db_now()
    deliveries = [
        WebhookDelivery(
            webhook=webhook,
            event=webhook.event,
            subject_id=what.subject_id[:64],
            is_test=is_test,
            body=_body(webhook, what, more),
            run_after=now,
        )
        for webhook, what, more in told
    ]
    WebhookDelivery.objects.bulk_create(deliveries, batch_size=100)
    wake_workers()


def wake_workers() -> None:
    """Once what was written is committed."""
    transaction.on_commit(partial(wake, DRAIN))


def _body(webhook: Webhook, told: Told, more: Mapping[str, Any]) -> str:
    """As recorded (spec/UPLOADCARE 6), without a blank: this text is what gets signed."""
    payload = {
        "initiator": _initiator(),
        "hook": {
            "id": webhook.pk,
            "project_id": webhook.project_id,
            "project_pub_key": webhook.project.public_key,
            "target": webhook.target_url,
            "event": webhook.event,
            "is_active": webhook.is_active,
            "version": webhook.version,
            "created_at": timestamp(webhook.created_at),
            "updated_at": timestamp(webhook.updated_at),
        },
        "data": told.data,
        "file": told.file,
        **more,
    }
    return json.dumps(payload, separators=(",", ":"))


def _initiator() -> dict[str, Any]:
    request_id = origins.request_id()
    detail: dict[str, Any] = {"request_id": request_id, "addon_name": None}
    if source := origins.source_file_uuid():
        detail["source_file_uuid"] = source
    return {"type": "api" if request_id else "system", "detail": detail}
