"""allauth's forms as our pages show them: a label says what a field is, and nothing is in it."""

from typing import Any, ClassVar

from allauth.account import forms as of_accounts
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import EditWebAuthnForm
from django import forms

from storages_app.dashboard.forms.words import InOwnWords

_NEW_PASSWORD = {"password1": "New password", "password2": "The same once more"}


class Bare(InOwnWords, forms.Form):
    """Without the words that allauth puts into empty fields, which are the label once more."""

    labels: ClassVar[dict[str, str]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = self.labels.get(name, field.label)


class SignInForm(Bare, of_accounts.LoginForm):  # type: ignore[misc]
    """Address and password."""

    labels: ClassVar = {"remember": "Stay signed in when the browser closes"}


class ConfirmForm(Bare, of_accounts.ReauthenticateForm):  # type: ignore[misc]
    """Somebody who is signed in confirms who they are, by password."""


class ChangePasswordForm(Bare, of_accounts.ChangePasswordForm):  # type: ignore[misc]
    """The old password, and the new one twice."""

    labels: ClassVar = {"oldpassword": "Your current password"} | _NEW_PASSWORD


class SetPasswordForm(Bare, of_accounts.SetPasswordForm):  # type: ignore[misc]
    """The first password of somebody who has none."""

    labels: ClassVar = _NEW_PASSWORD


class SendLinkForm(Bare, of_accounts.ResetPasswordForm):  # type: ignore[misc]
    """Where the link for a new password goes."""


class NewPasswordForm(Bare, of_accounts.ResetPasswordKeyForm):  # type: ignore[misc]
    """What that link leads to."""

    labels: ClassVar = _NEW_PASSWORD


class ConnectAppForm(Bare, ActivateTOTPForm):  # type: ignore[misc]
    """The first code that an authenticator app shows."""


class RenamePasskeyForm(Bare, EditWebAuthnForm):  # type: ignore[misc]
    """What a passkey is called."""
