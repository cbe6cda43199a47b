"""Forms of accounts: codes of a second factor, and what people choose for themselves."""

from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from allauth.core import context as allauth_context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django import forms

from storages_app.dashboard.forms.sign_in import Bare
from storages_app.dashboard.forms.words import InOwnWords
from storages_app.models import User
from storages_app.projects import recovery_codes
from storages_app.projects.accounts import take_a_try

_TIME_ZONES = sorted({"UTC", *available_timezones()} - {"localtime", "Factory"})


class _CountedCode(Bare):
    """Wrong codes are counted with wrong passwords, by all web processes together (S106).

    Of recovery codes only hashes are there, so that is what allauth is asked for.
    """

    user: User

    def clean_code(self) -> str:
        tries = take_a_try(allauth_context.request, account=f"code of {self.user.email}")
        typed = self.cleaned_data["code"]
        self.cleaned_data["code"] = recovery_codes.as_kept(user=self.user, code=typed)
        clean: Callable[[], str] = super().clean_code  # type: ignore[misc]
        code = clean()
        tries.give_back()
        return code


class CodeForm(_CountedCode, AuthenticateForm):  # type: ignore[misc]
    """The second step of signing in."""


class ConfirmByCodeForm(_CountedCode, ReauthenticateForm):  # type: ignore[misc]
    """Somebody who is signed in confirms who they are."""


class PreferencesForm(InOwnWords, forms.ModelForm):  # type: ignore[type-arg]
    theme = forms.ChoiceField(label="Colours", choices=User.Theme.choices, widget=forms.RadioSelect)
    time_zone = forms.ChoiceField(
        label="Time zone",
        choices=[(name, name.replace("_", " ")) for name in _TIME_ZONES],
        help_text="Times are shown in UTC, and beside it in this zone.",
    )
    has_shortcuts = forms.BooleanField(
        label="Single-key shortcuts",
        required=False,
        help_text="Keys such as / for the search. Turn them off if you dictate, or type by switch.",
    )

    class Meta:
        model = User
        fields = ("theme", "time_zone", "has_shortcuts")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
