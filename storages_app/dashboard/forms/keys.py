"""Forms about a project's secret keys."""

import uuid
from datetime import timedelta
from typing import Any

from django import forms

from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import SecretKey

_HOUR, _DAY = 3600, 86_400
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
_LONGEST_SIGNATURE = 24 * 60


class KeyLabelForm(DashboardForm):
    label = forms.CharField(
        max_length=60,
        help_text="Where the key will live, such as “shop server”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class SecretKeyForm(KeyLabelForm):
    scope = forms.ChoiceField(
        choices=[(SecretKey.Scope.FULL, "Full"), (SecretKey.Scope.READ, "Read only")],
        initial=SecretKey.Scope.FULL,
        help_text="A read-only key may list and look, never change.",
    )
    once = forms.UUIDField(required=False, initial=uuid.uuid4, widget=forms.HiddenInput)


class RollKeyForm(DashboardForm):
    seconds = forms.TypedChoiceField(
        label="The old secret works on for",
        coerce=int,
        choices=[
            (0, "No longer: it ends at once"),
            (_HOUR, "1 hour"),
            (_DAY, "24 hours"),
            (3 * _DAY, "3 days"),
            (7 * _DAY, "7 days"),
            (30 * _DAY, "30 days"),
        ],
        initial=_DAY,
        error_messages={"required": "Choose how long the old secret works on."},
        help_text="Long enough to give the new one to all of your programs. It ends by itself.",
    )
    once = forms.UUIDField(required=False, initial=uuid.uuid4, widget=forms.HiddenInput)

    @property
    def works_on_for(self) -> timedelta:
        return timedelta(seconds=self.cleaned_data["seconds"])


class DeleteKeyForm(DashboardForm):
    """The label has to be typed, so that nobody deletes the wrong key."""

    label = forms.CharField(label="Type the label of the key", widget=forms.TextInput(attrs=_PLAIN))

    def __init__(self, *args: Any, key: SecretKey, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = key

    def clean_label(self) -> str:
        typed = str(self.cleaned_data["label"]).strip()
        if typed != self.key.label:
            raise forms.ValidationError(f"That is not “{self.key.label}”. Nothing was changed.")
        return typed


class SignatureForm(DashboardForm):
    minutes = forms.IntegerField(
        label="Valid for, in minutes",
        min_value=1,
        max_value=_LONGEST_SIGNATURE,
        initial=30,
        error_messages={"required": "Enter a number of minutes."},
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )

    @property
    def life(self) -> timedelta:
        return timedelta(minutes=self.cleaned_data["minutes"])
