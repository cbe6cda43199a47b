"""What the generated documentation says about webhooks and their deliveries."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers

from storages_app.api.schema import Detail, Problem, Shape, limit
from storages_app.webhooks.registry import by_name
from storages_app.webhooks.targets import LONGEST

_EVENTS = list(by_name())


class Webhook(Shape):
    id = serializers.IntegerField()
    project = serializers.IntegerField()
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()
    event = serializers.CharField()
    target_url = serializers.CharField()
    is_active = serializers.BooleanField()
    version = serializers.CharField()
    signing_secret = serializers.CharField(
        allow_blank=True, help_text="Empty without one, and for keys that may only read."
    )


class WebhookChange(Shape):
    target_url = serializers.CharField(required=False, max_length=LONGEST)
    event = serializers.ChoiceField(_EVENTS, required=False)
    is_active = serializers.BooleanField(required=False)
    signing_secret = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=32,
        help_text="The one before it signs beside it for a day.",
    )


class WebhookOrder(WebhookChange):
    target_url = serializers.CharField(max_length=LONGEST)
    event = serializers.ChoiceField(_EVENTS)
    version = serializers.ChoiceField(["", "0.5", "0.6", "0.7"], required=False, allow_blank=True)


class WebhookTarget(Shape):
    target_url = serializers.CharField()


_READ = {401: Detail, 404: Detail}
_WRITE = {**_READ, 403: Detail}
# A field that cannot be used: its name with a list of texts, or `detail`.
_CHANGE = {**_WRITE, 400: OpenApiTypes.OBJECT}

list_webhooks = extend_schema(
    operation_id="webhooks_list", responses={200: Webhook(many=True), 401: Detail}
)
create_webhook = extend_schema(
    operation_id="webhook_create",
    request=WebhookOrder,
    responses={201: Webhook, 400: OpenApiTypes.OBJECT, 401: Detail, 403: Detail},
)
get_webhook = extend_schema(operation_id="webhook_get", responses={200: Webhook, **_READ})
change_webhook = extend_schema(
    operation_id="webhook_change", request=WebhookChange, responses={200: Webhook, **_CHANGE}
)
change_webhook_as_before = extend_schema(
    operation_id="webhook_change_by_post",
    request=WebhookChange,
    responses={200: Webhook, **_CHANGE},
)
delete_webhook = extend_schema(operation_id="webhook_delete", responses={204: None, **_WRITE})
unsubscribe = extend_schema(
    operation_id="webhook_unsubscribe",
    request=WebhookTarget,
    responses={204: None, 400: Detail, **_WRITE},
)
unsubscribe_as_before = extend_schema(
    operation_id="webhook_unsubscribe_by_post",
    description="Before version 0.6 only.",
    request=WebhookTarget,
    responses={200: Detail, 400: Detail, 405: Detail, **_WRITE},
)


class Attempt(Shape):
    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    duration_ms = serializers.IntegerField()


class Delivery(Shape):
    id = serializers.UUIDField()
    message_id = serializers.CharField(help_text="As `webhook-id`: the same with each attempt.")
    webhook = serializers.IntegerField()
    event = serializers.CharField()
    is_test = serializers.BooleanField()
    subject = serializers.CharField(allow_null=True, help_text="Such as the UUID of a file.")
    state = serializers.CharField(
        help_text="pending, leased, retry_wait, delivered, dead or disabled."
    )
    attempts = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True)


class DeliveryWhole(Delivery):
    body = serializers.CharField(help_text="What is sent.")
    response = serializers.CharField(help_text="The beginning of the last answer.")
    log = Attempt(many=True)


class Deliveries(Shape):
    results = Delivery(many=True)
    next_before = serializers.CharField(
        allow_null=True, help_text="Pass it as `before` for older ones."
    )


class SentAgain(Shape):
    sent_again = serializers.IntegerField()


_V1_READ = {401: Problem, 404: Problem}
_V1_WRITE = {**_V1_READ, 403: Problem, 409: Problem}

list_deliveries = extend_schema(
    operation_id="webhook_deliveries_list",
    parameters=[
        OpenApiParameter("state", OpenApiTypes.STR, description="Only those."),
        limit(most=100, usual=20),
        OpenApiParameter("before", OpenApiTypes.STR, description="A `next_before`."),
    ],
    responses={200: Deliveries, 400: Problem, **_V1_READ},
)
get_delivery = extend_schema(
    operation_id="webhook_delivery_get", responses={200: DeliveryWhole, **_V1_READ}
)
send_again = extend_schema(
    operation_id="webhook_delivery_send_again",
    request=None,
    responses={202: DeliveryWhole, **_V1_WRITE},
)
send_failed_again = extend_schema(
    operation_id="webhook_send_failed_again",
    request=None,
    responses={202: SentAgain, **_V1_WRITE},
)
send_test = extend_schema(
    operation_id="webhook_test", request=None, responses={202: DeliveryWhole, **_V1_WRITE}
)
