"""/api/v1/webhooks/<id>/…: what was sent, and sending it again."""

from typing import Any
from uuid import UUID

from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_202_ACCEPTED

from storages_app.api import webhook_schema as schema
from storages_app.api.parsers import choice, number, single
from storages_app.api.refusals import NoSuchThing, ParameterInvalid
from storages_app.api.v1.base import V1View
from storages_app.api.wire import parse_uuid, timestamp
from storages_app.models import WebhookDelivery
from storages_app.webhooks import services as webhooks

_PER_PAGE = 20
_AT_MOST = 100


class WebhookView(V1View):
    def get_delivery(self, webhook_id: str, delivery_id: str) -> WebhookDelivery:
        deliveries = self.get_webhook(webhook_id).deliveries.select_related("webhook__project")
        delivery = deliveries.filter(pk=parse_uuid(delivery_id)).first()
        if delivery is None:
            raise NoSuchThing
        return delivery


class DeliveriesView(WebhookView):
    """What was sent, the newest first."""

    @schema.list_deliveries
    def get(self, request: Request, webhook_id: str) -> Response:
        rows = self.get_webhook(webhook_id).deliveries.order_by("-created_at", "-pk")
        if state := single("state", request.query_params):
            rows = rows.filter(state=choice("state", state, WebhookDelivery.State.values))
        if before := single("before", request.query_params):
            mark = rows.filter(pk=_mark(before)).first()
            if mark is None:
                raise ParameterInvalid("`before` parameter should be a `next_before` of this list.")
            older = Q(created_at__lt=mark.created_at)
            rows = rows.filter(older | Q(created_at=mark.created_at, pk__lt=mark.pk))
        limit = single("limit", request.query_params)
        n_shown = number("limit", limit, at_least=1, at_most=_AT_MOST) if limit else _PER_PAGE
        found = list(rows.defer("body", "response", "log")[: n_shown + 1])
        return Response(
            {
                "results": [delivery_object(row) for row in found[:n_shown]],
                "next_before": str(found[n_shown - 1].pk) if len(found) > n_shown else None,
            }
        )


class DeliveryView(WebhookView):
    """One delivery: what was sent, what came back, and each attempt."""

    @schema.get_delivery
    def get(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        return Response(delivery_whole(self.get_delivery(webhook_id, delivery_id)))


class SendAgainView(WebhookView):
    """The same body under the same id, from the first attempt on."""

    @schema.send_again
    def post(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        delivery = webhooks.send_again(
            delivery=self.get_delivery(webhook_id, delivery_id), actor=self.caller.name
        )
        return Response(delivery_whole(delivery), status=HTTP_202_ACCEPTED)


class SendFailedAgainView(WebhookView):
    """All that the receiver has not taken."""

    @schema.send_failed_again
    def post(self, request: Request, webhook_id: str) -> Response:
        n_again = webhooks.send_failed_again(
            webhook=self.get_webhook(webhook_id), actor=self.caller.name
        )
        return Response({"sent_again": n_again}, status=HTTP_202_ACCEPTED)


class SendTestView(WebhookView):
    """An event without a subject that says it is a test; it is sent once."""

    @schema.send_test
    def post(self, request: Request, webhook_id: str) -> Response:
        delivery = webhooks.send_test(webhook=self.get_webhook(webhook_id), actor=self.caller.name)
        where = f"/api/v1/webhooks/{delivery.webhook_id}/deliveries/{delivery.pk}/"
        return Response(
            delivery_whole(delivery), status=HTTP_202_ACCEPTED, headers={"Location": where}
        )


def _mark(text: str) -> UUID:
    try:
        return parse_uuid(text)
    except NoSuchThing as error:
        raise ParameterInvalid("`before` parameter should be a `next_before`.") from error


def delivery_object(delivery: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": str(delivery.pk),
        "message_id": delivery.message_id,
        "webhook": delivery.webhook_id,
        "event": delivery.event,
        "is_test": delivery.is_test,
        "subject": delivery.subject_id or None,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "created_at": timestamp(delivery.created_at),
        "next_attempt_at": timestamp(delivery.run_after),
        "finished_at": timestamp(delivery.finished_at),
        "status": delivery.status,
        "error": delivery.error or None,
        "duration_ms": delivery.duration_ms,
    }


def delivery_whole(delivery: WebhookDelivery) -> dict[str, Any]:
    return delivery_object(delivery) | {
        "body": delivery.body,
        "response": delivery.response,
        "log": delivery.log,
    }
