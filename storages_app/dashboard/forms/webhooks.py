"""Forms about webhooks and their deliveries."""

from typing import Any, cast

from django import forms

from storages_app.dashboard.forms.base import DashboardForm, message_of
from storages_app.lib.errors import UcdashError
from storages_app.models import Webhook
from storages_app.webhooks import errors, targets
from storages_app.webhooks.registry import by_name

_SECRET = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"})

_FOR_PEOPLE: dict[type[UcdashError], str] = {
    errors.TargetInvalid: "Enter an address like https://www.example.com/hooks, without user name "
    "and password.",
    errors.SecretInvalid: "Enter at most 32 characters, none of them invisible.",
}


class _WebhookForm(DashboardForm):
    target_url = forms.CharField(
        label="Address",
        max_length=targets.LONGEST,
        help_text="Your server's, such as https://www.example.com/hooks. It gets a POST with JSON.",
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def refuse_field(self, error: UcdashError) -> None:
        """Where the service blames a field of its own, the one of the form that stands for it."""
        field = getattr(error, "field", "")
        field = {"event": "events"}.get(field, field)
        # What the API says stays as Uploadcare says it.
        text = _FOR_PEOPLE.get(type(error)) or message_of(error)
        self.add_error(field if field in self.fields else None, text)


class NewWebhookForm(_WebhookForm):
    events = forms.MultipleChoiceField(
        label="Tell it when",
        widget=forms.CheckboxSelectMultiple,
        help_text="Each is a webhook of its own, which you can switch off by itself.",
    )
    signing_secret = forms.CharField(
        label="Signing secret",
        required=False,
        max_length=32,
        help_text="Your server checks with it that a request is ours. Nobody sees it again.",
        widget=_SECRET,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        events = cast("forms.MultipleChoiceField", self.fields["events"])
        events.choices = [(name, f"{name}: {kind.meaning}") for name, kind in by_name().items()]


class WebhookForm(_WebhookForm):
    is_active = forms.BooleanField(
        label="Switched on",
        required=False,
        help_text="Switched off, nothing is sent, and what waits is cancelled.",
    )
    signing_secret = forms.CharField(
        label="New signing secret",
        required=False,
        max_length=32,
        help_text="Empty keeps the one that is there. For a day both sign.",
        widget=_SECRET,
    )
    is_unsigned = forms.BooleanField(
        label="Sign nothing any more", required=False, help_text="The secret is forgotten at once."
    )

    def __init__(self, data: Any = None, *, webhook: Webhook) -> None:
        initial = {"target_url": webhook.target_url, "is_active": webhook.is_active}
        super().__init__(data, initial=initial)
        if not webhook.sealed_secret:
            del self.fields["is_unsigned"]
            self.fields["signing_secret"].label = "Signing secret"
            self.fields["signing_secret"].help_text = "Requests are not signed yet."

    @property
    def secret(self) -> str | None:
        """None leaves the one that is there."""
        if self.cleaned_data.get("is_unsigned"):
            return ""
        return self.cleaned_data["signing_secret"] or None
