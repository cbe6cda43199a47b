"""What happens to accounts is written down, and what allauth does is followed by what we do."""

from typing import Any

from allauth.account import signals as account_signals
from allauth.mfa import signals as factor_signals
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from storages_app.models import Event, User
from storages_app.projects import browsers, sessions

_FACTORS = {
    Authenticator.Type.TOTP: "the authenticator app",
    Authenticator.Type.WEBAUTHN: "a passkey",
    Authenticator.Type.RECOVERY_CODES: "recovery codes",
}


def _record(kind: str, user: User, subject: str = "", **data: Any) -> None:
    Event.objects.record(
        kind, actor=user.email, subject=subject or user.email, subject_id=user.pk, data=data
    )


@receiver(user_logged_in, dispatch_uid="session begins")
def _session_begins(request: HttpRequest, **kwargs: Any) -> None:
    sessions.begin(request)


@receiver(account_signals.user_logged_in, dispatch_uid="signed in")
def _signed_in(
    request: HttpRequest, user: User, response: HttpResponse | None = None, **kwargs: Any
) -> None:
    _record("sign_in.done", user)
    if response is not None:
        browsers.remember(request, response, user)


@receiver(account_signals.authentication_step_completed, dispatch_uid="confirmed")
def _confirmed(request: HttpRequest, *, reauthenticated: bool = False, **kwargs: Any) -> None:
    if reauthenticated:
        sessions.renew(request)


@receiver(user_logged_out, dispatch_uid="signed out")
def _signed_out(request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    """The mark of the browser stays where nobody asked for the end."""
    if user:
        _record("sign_in.ended", user)
    request.signs_out = not getattr(request, "is_over", False)  # type: ignore[attr-defined]


@receiver(account_signals.password_changed, dispatch_uid="password changed")
@receiver(account_signals.password_set, dispatch_uid="password set")
def _password_changed(user: User, **kwargs: Any) -> None:
    _record("password.changed", user)


@receiver(account_signals.password_reset, dispatch_uid="password reset")
def _password_reset(user: User, **kwargs: Any) -> None:
    _record("password.reset", user)


@receiver(factor_signals.authenticator_added, dispatch_uid="factor added")
def _factor_added(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    _record("second_factor.added", user, _FACTORS[authenticator.type])


@receiver(factor_signals.authenticator_removed, dispatch_uid="factor removed")
def _factor_removed(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    _record("second_factor.removed", user, _FACTORS[authenticator.type])


@receiver(factor_signals.authenticator_reset, dispatch_uid="factor reset")
def _factor_reset(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    _record("second_factor.renewed", user, _FACTORS[authenticator.type])


@receiver(factor_signals.authentication_failed, dispatch_uid="factor failed")
def _factor_failed(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    Event.objects.record(
        "sign_in.failed",
        actor="somebody",
        subject=user.email,
        subject_id=user.pk,
        data={"with": _FACTORS[authenticator.type]},
    )
