"""allauth's forms as our pages show them: a label says what a field is, and nothing is in it."""

from typing import Any

from allauth.account import forms as of_accounts
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms


class Bare(forms.Form):
    """Without the words that allauth puts into empty fields, which are the label once more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


class SignInForm(Bare, of_accounts.LoginForm):  # type: ignore[misc]
    """Address and password."""


class ConfirmForm(Bare, of_accounts.ReauthenticateForm):  # type: ignore[misc]
    """Somebody who is signed in confirms who they are, by password."""


class ChangePasswordForm(Bare, of_accounts.ChangePasswordForm):  # type: ignore[misc]
    """The old password, and the new one twice."""


class SetPasswordForm(Bare, of_accounts.SetPasswordForm):  # type: ignore[misc]
    """The first password of somebody who has none."""


class SendLinkForm(Bare, of_accounts.ResetPasswordForm):  # type: ignore[misc]
    """Where the link for a new password goes."""


class NewPasswordForm(Bare, of_accounts.ResetPasswordKeyForm):  # type: ignore[misc]
    """What that link leads to."""


class ConnectAppForm(Bare, ActivateTOTPForm):  # type: ignore[misc]
    """The first code that an authenticator app shows."""
