"""Why a webhook is not made, or a delivery not sent again."""

from storages_app.lib.errors import UcdashError


class WebhookRefused(UcdashError):
    """A webhook cannot be like this."""

    code = "webhook_invalid"
    hint = "Nothing was changed."
    field = ""  # of the body, where one is to blame


class FieldInvalid(WebhookRefused):
    """A field has a value that cannot be used."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class FieldMissing(UcdashError):
    """A field is missing."""

    code = "webhook_field_missing"
    hint = "`target_url` and `event` have to be given."

    def __init__(self, name: str) -> None:
        super().__init__(f"`{name}` is missing.")


class TargetInvalid(WebhookRefused):
    """Enter a valid URL."""

    hint = "Write it like https://www.example.com/hooks, without user name and password."
    field = "target_url"


class TargetTooLong(TargetInvalid):
    """Ensure this field has no more than 255 characters."""


class TargetForbidden(TargetInvalid):
    """This instance does not send anything to this address."""

    code = "webhook_target_forbidden"
    hint = "The operator can let a host of the own network in: UCDASH_ALLOWED_PRIVATE_HOSTS."


class EventUnknown(WebhookRefused):
    """There is no such event."""

    code = "webhook_event_unknown"
    field = "event"

    def __init__(self, event: str) -> None:
        super().__init__(f'"{event[:100]}" is not a valid choice.')


class SecretInvalid(WebhookRefused):
    """Ensure this field has no more than 32 characters, none of them invisible."""

    code = "webhook_secret_invalid"
    field = "signing_secret"


class VersionUnknown(WebhookRefused):
    """There is no such version."""

    field = "version"

    def __init__(self, version: str) -> None:
        super().__init__(f'"{version[:100]}" is not a valid choice.')


class AlreadySubscribed(WebhookRefused):
    """This project is already subscribed on this event"""

    code = "webhook_exists"
    hint = "Change the webhook that is there."


class TooManyWebhooks(WebhookRefused):
    """This project has as many webhooks as it may have."""

    code = "webhooks_too_many"
    hint = "Delete one that nobody needs any more."


class WebhooksOff(UcdashError):
    """You can't use webhooks"""

    code = "webhooks_off"
    hint = "The operator of this instance has switched them off."


class StillUnderWay(UcdashError):
    """This delivery has not ended yet."""

    code = "webhook_delivery_under_way"
    hint = "Wait for its outcome; it is tried again by itself."


class WebhookInactive(UcdashError):
    """This webhook is switched off, so nothing is sent."""

    code = "webhook_inactive"
    hint = "Switch it on first."
