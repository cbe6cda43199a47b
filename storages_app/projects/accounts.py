"""How people come in and stay in: allauth's hooks, in our words and with our limits."""

import logging
from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.shortcuts import render
from django.urls import reverse

from storages_app.lib.origins import request_address
from storages_app.models import Event, User
from storages_app.models.fields import key_ring
from storages_app.projects import browsers, sessions, sign_in_tries
from storages_app.projects.sign_in_tries import Tries

log = logging.getLogger(__name__)

TOO_MANY_TRIES = "too_many_tries"
_WRONG_PAIR = "That email and password do not match. Check both, or reset your password."
_NO_ADDRESS = "0.0.0.0"  # noqa: S104  # a client on a socket; the column of sessions must have one
FACTOR_SECRET = "mfa_authenticator:secret"  # noqa: S105  # the place that the secret is bound to


class InviteOnlyAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _WRONG_PAIR,
        "incorrect_password": "That is not your password. Try again, or reset it.",
        "enter_current_password": "That is not your password. Try again, or reset it.",
        "too_many_login_attempts": "Too many tries. Try again in a few minutes.",
        "rate_limited": "Too many tries. Try again in a few minutes.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """As events and throttles tell it: what a client says of itself is not believed."""
        return request_address() or _NO_ADDRESS

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the try before the password is looked at; ValidationError when there were more."""
        super().pre_authenticate(request, **credentials)
        self._tries = take_a_try(request, account=str(credentials.get("email", "")))

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        user = cast("User | None", super().authenticate(request, **credentials))
        if user:
            self._tries.give_back()
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Known and unknown people cost the same row; what was typed may have been a password."""
        email = str(credentials.get("email", ""))
        known = User.objects.filter(email__iexact=email).first()
        subject = known.email if known else "an address that nobody has"
        Event.objects.record(
            "sign_in.failed",
            actor="somebody",
            subject=subject,
            subject_id=known.pk if known else "",
        )

    def reauthenticate(self, user: User, password: str) -> bool:
        """With the address that the person signs in with; allauth knows only confirmed ones."""
        found = self.authenticate(allauth_context.request, email=user.email, password=password)
        return found is not None and found.pk == user.pk

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whoever has just signed in has just confirmed."""
        required = super().is_reauthentication_required(app=app, **kwargs)
        return required and not sessions.is_confirmed(allauth_context.request)

    def set_password(self, user: User, password: str) -> None:
        """A new password ends what the old one opened, and what guesses have closed (S104)."""
        super().set_password(user, password)
        request = allauth_context.request
        request.n_sessions_ended = sessions.end_others(user, keep=request.session.session_key)
        sign_in_tries.forgive(user.email)

    def add_message(  # noqa: PLR0917  # allauth's own
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        """Say how many devices a new password signed out."""
        if message_template == "account/messages/password_changed.txt":
            n_ended = getattr(allauth_context.request, "n_sessions_ended", 0)
            message, message_template = password_changed(n_ended), None
            level = messages.SUCCESS
        super().add_message(request, level, message_template, message_context, extra_tags, message)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("dashboard:account")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send it, or say that mail does not work; known and unknown people get the same answer."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError as error:  # smtplib's errors are of this family
            log.error("The mail server does not take mail: %s", type(error).__name__)
            answer = render(allauth_context.request, "account/no_mail.html", status=503)
            raise ImmediateHttpResponse(answer) from error

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Tell the person what was changed; without a mail server the change stays made."""
        try:
            super().send_notification_mail(template_prefix, user, context, email or user.email)
        except ImmediateHttpResponse:
            return


class FactorsAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "That code does not fit. Take the one that is shown now.",
        "cannot_delete_authenticator": (
            "Operators of this instance need a second factor. Add another one first."
        ),
    }

    def encrypt(self, text: str) -> str:
        """Keys of authenticators and seeds of recovery codes open with the data keys only."""
        return key_ring().seal(text, place=FACTOR_SECRET)

    def decrypt(self, encrypted_text: str) -> str:
        return key_ring().unseal(encrypted_text, place=FACTOR_SECRET)

    def get_totp_issuer(self) -> str:
        return f"ucdash {allauth_context.request.get_host()}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return entity | {"name": "ucdash"}

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002
        n = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return f"Passkey {n + 1}"

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        user = authenticator.user
        if not (settings.OPERATORS_NEED_SECOND_FACTOR and user.is_staff):
            return True
        return bool(factors_of(user).exclude(pk=authenticator.pk).exists())


def take_a_try(request: HttpRequest, *, account: str) -> Tries:
    """Count a try at an account; ValidationError when there have been too many."""
    browser = browsers.known_as(request, account)
    tries = Tries(account=account, environ=request.META, browser=browser)
    n_tries = tries.take()
    if n_tries <= settings.WRONG_SIGN_INS:
        return tries
    if n_tries == settings.WRONG_SIGN_INS + 1:
        known = User.objects.filter(email__iexact=account).first()
        subject = known.email if known else "an address that nobody has"
        Event.objects.record("sign_in.locked", actor="somebody", subject=subject)
    minutes = sign_in_tries.minutes_left()
    unit = "minute" if minutes == 1 else "minutes"
    raise ValidationError(
        f"Too many tries. Try again in {minutes} {unit}, or reset your password.",
        code=TOO_MANY_TRIES,
    )


def password_changed(n_sessions_ended: int) -> str:
    """What is said when a password was changed or reset."""
    devices = "device" if n_sessions_ended == 1 else "devices"
    return f"Password changed. You were signed out on {n_sessions_ended} other {devices}."


def factors_of(user: User) -> Any:
    """Passkeys and authenticators; recovery codes alone are no second factor."""
    return Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES)


def lacks_second_factor(user: User) -> bool:
    """Whether this operator must add one before anything else (S109)."""
    is_asked = settings.OPERATORS_NEED_SECOND_FACTOR and user.is_staff
    return bool(is_asked and not factors_of(user).exists())


def choose_theme(*, user: User, theme: str) -> None:
    User.objects.filter(pk=user.pk).update(theme=theme)


def note_sessions_ended(*, user: User, n_ended: int) -> None:
    Event.objects.record(
        "sign_in.others_ended",
        actor=user.email,
        subject=user.email,
        subject_id=user.pk,
        data={"sessions": n_ended},
    )
