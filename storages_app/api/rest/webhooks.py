"""/webhooks/, /webhooks/<id>/ and /webhooks/unsubscribe/ (spec/UPLOADCARE 1.10)."""

from collections.abc import Callable
from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from storages_app.api import webhook_schema as schema
from storages_app.api.parsers import BOOLEANS, StrictFormParser, StrictJSONParser
from storages_app.api.refusals import NoSuchThing
from storages_app.api.rest.base import RestView
from storages_app.api.wire import timestamp
from storages_app.models import SecretKey, Webhook
from storages_app.webhooks import services as webhooks
from storages_app.webhooks.errors import FieldInvalid, FieldMissing


class WebhookBase(RestView):
    """Official clients send forms, others JSON."""

    parser_classes = [StrictJSONParser, StrictFormParser]

    def shown(self, webhook: Webhook) -> dict[str, Any]:
        """As recorded. The wire shows the secret, but not to a key that may only read."""
        key: Any = self.request.auth
        may_see = key.scope == SecretKey.Scope.FULL
        return {
            "id": webhook.pk,
            "project": webhook.project_id,
            "created": timestamp(webhook.created_at),
            "updated": timestamp(webhook.updated_at),
            "event": webhook.event,
            "target_url": webhook.target_url,
            "is_active": webhook.is_active,
            "version": webhook.version,
            "signing_secret": webhook.unseal_secret() if may_see else "",
        }

    def fields(self) -> "Fields":
        data = self.request.data
        if not hasattr(data, "get"):
            raise FieldInvalid("non_field_errors", "Invalid data. Expected a dictionary.")
        return Fields(data)


class Fields:
    """The body of a request; forms hold texts, JSON may hold anything."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def text(self, name: str) -> str | None:
        value = self._data.get(name)
        if value is not None and not isinstance(value, str):
            raise FieldInvalid(name, "Not a valid string.")
        if value and "\0" in value:
            raise FieldInvalid(name, "Null characters are not allowed.")
        return value

    def needed(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise FieldMissing(name)
        return value

    def boolean(self, name: str) -> bool | None:
        value = self._data.get(name)
        if value is None or isinstance(value, bool):
            return value
        try:
            return BOOLEANS[str(value).strip().lower()]
        except KeyError as error:
            raise FieldInvalid(name, "Must be a valid boolean.") from error


class WebhooksView(WebhookBase):
    """All webhooks of the project, and one more."""

    @schema.list_webhooks
    def get(self, request: Request) -> Response:
        kept = Webhook.objects.kept().filter(project=self.project).order_by("pk")
        return Response([self.shown(webhook) for webhook in kept])

    @schema.create_webhook
    def post(self, request: Request) -> Response:
        fields = self.fields()
        is_active = fields.boolean("is_active")
        version = fields.text("version")
        webhook = webhooks.create(
            project=self.project,
            target_url=fields.needed("target_url"),
            event=fields.needed("event"),
            is_active=True if is_active is None else is_active,
            signing_secret=fields.text("signing_secret") or "",
            version=webhooks.DEFAULT_VERSION if version is None else version,
            actor=self.caller.name,
        )
        return Response(self.shown(webhook), status=HTTP_201_CREATED)


class WebhookView(WebhookBase):
    """One webhook."""

    @schema.get_webhook
    def get(self, request: Request, webhook_id: str) -> Response:
        return Response(self.shown(self.get_webhook(webhook_id)))

    @schema.change_webhook
    def put(self, request: Request, webhook_id: str) -> Response:
        webhook, fields = self.get_webhook(webhook_id), self.fields()
        values: dict[str, Any] = {}
        readers: dict[str, Callable[[str], Any]] = {
            "target_url": fields.text,
            "event": fields.text,
            "is_active": fields.boolean,
        }
        for name, read in readers.items():
            if (value := read(name)) is not None:
                values[name] = value
        changed = webhooks.change(
            webhook=webhook,
            values=values,
            signing_secret=fields.text("signing_secret"),
            actor=self.caller.name,
        )
        return Response(self.shown(changed))

    @schema.change_webhook_as_before
    def post(self, request: Request, webhook_id: str) -> Response:
        """As old clients do it."""
        return self.put(request, webhook_id)

    @schema.delete_webhook
    def delete(self, request: Request, webhook_id: str) -> Response:
        webhooks.remove(webhook=self.get_webhook(webhook_id), actor=self.caller.name)
        return Response(status=HTTP_204_NO_CONTENT)


class UnsubscribeView(WebhookBase):
    """All webhooks of one address are deleted."""

    @schema.unsubscribe
    def delete(self, request: Request) -> Response:
        self._unsubscribe()
        return Response(status=HTTP_204_NO_CONTENT)

    @schema.unsubscribe_as_before
    def post(self, request: Request) -> Response:
        """As clients of version 0.5 do it."""
        if self.version != "0.5":
            raise MethodNotAllowed("POST")
        self._unsubscribe()
        return Response({"detail": "Webhook deleted"})

    def _unsubscribe(self) -> None:
        target_url = self.fields().needed("target_url")
        if not webhooks.unsubscribe(
            project=self.project, target_url=target_url, actor=self.caller.name
        ):
            raise NoSuchThing
