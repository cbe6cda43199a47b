"""Forms about the channels that hear of what is wrong."""

import uuid
from typing import Any, cast

from django import forms

from storages_app.dashboard.forms.base import DashboardForm, message_of
from storages_app.lib.errors import UcdashError
from storages_app.models import Incident, NotificationChannel
from storages_app.notifications import services
from storages_app.webhooks import signing

Kind = NotificationChannel.Kind
_DAILY_HELP = "All of a day in one mail, at 07:00 UTC. Otherwise each is sent at once."


class _ChannelForm(DashboardForm):
    topics = forms.MultipleChoiceField(
        label="Tell it when",
        choices=Incident.Kind.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text="Each is told once, and its end once.",
    )
    is_daily = forms.BooleanField(
        label="Once a day, in one mail", required=False, help_text=_DAILY_HELP
    )

    def refuse_field(self, error: UcdashError) -> None:
        """Where the service blames a field of its own, the one of the form that stands for it."""
        field = getattr(error, "field", "")
        self.add_error(field if field in self.fields else None, message_of(error))


class NewChannelForm(_ChannelForm):
    kind = forms.ChoiceField(
        label="How",
        choices=[
            (Kind.EMAIL, "Email: one mail for each"),
            (Kind.WEBHOOK, "Webhook: a POST with JSON, which Slack and Mattermost can show"),
            (Kind.PING, "Ping URL: a monitor such as healthchecks.io gets red and green"),
        ],
        initial=Kind.EMAIL,
        widget=forms.RadioSelect,
    )
    address = forms.CharField(
        label="Address",
        max_length=255,
        help_text="An email address, or the URL of your server or monitor. A mailbox of somebody "
        "who is not a member is asked first.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    is_signed = forms.BooleanField(
        label="Sign each message (webhook only)",
        required=False,
        help_text="Your server checks that a message is ours. We make the secret and show it "
        "once. Chats such as Slack check none.",
    )
    field_order = ("kind", "address", "topics", "is_daily", "is_signed")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["topics"].initial = list(Incident.Kind)
        self.fields["topics"].help_text = (
            "Each is told once, and its end once. A monitor hears nothing of jobs: one that failed "
            "stays failed, and it would never get green again."
        )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        possible = services.topics_of(values.get("kind", ""))
        if "topics" in values:
            values["topics"] = [topic for topic in values["topics"] if topic in possible]
        return values


class SecretForm(DashboardForm):
    """Made by us or entered."""

    secret = forms.CharField(
        label="Signing secret",
        required=False,
        max_length=signing.LONGEST,
        help_text="Empty: we make one and show it once.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}
        ),
    )
    once = forms.UUIDField(initial=uuid.uuid4, widget=forms.HiddenInput)


class ChannelForm(_ChannelForm):
    is_active = forms.BooleanField(
        label="Switched on",
        required=False,
        help_text="Switched off, nothing is sent, and what waits is cancelled.",
    )
    field_order = ("is_active", "topics", "is_daily")

    def __init__(self, data: Any = None, *, channel: NotificationChannel) -> None:
        initial = {
            "topics": channel.topics,
            "is_daily": channel.is_daily,
            "is_active": channel.is_active,
        }
        super().__init__(data, initial=initial)
        topics = cast("forms.MultipleChoiceField", self.fields["topics"])
        topics.choices = list(services.topics_of(channel.kind).items())
        if channel.kind != Kind.EMAIL:
            del self.fields["is_daily"]
