"""A person's own page: how they sign in, where they are signed in, and what pages look like."""

from typing import Any, cast

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import ViewRecoveryCodesView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from storages_app.dashboard.access import PageRequest
from storages_app.dashboard.forms.account import PreferencesForm
from storages_app.models import User
from storages_app.projects import accounts, browsers, recovery_codes, sessions

_SHOWN_SESSIONS = 50


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def page(request: HttpRequest) -> HttpResponse:
    user = cast("PageRequest", request).user
    form = PreferencesForm(request.POST if request.method == "POST" else None, instance=user)
    if form.is_valid():
        form.save()
        messages.success(request, "Saved. Pages follow this wherever you sign in")
        response: HttpResponse = redirect("dashboard:account")
        browsers.keep_theme(response, user.theme)
        return response
    user.refresh_from_db()  # the form has put refused values into it
    return render(request, "dashboard/account.html", {"form": form} | _standing(request))


@require_POST
@login_required
def sign_out_others(request: HttpRequest) -> HttpResponse:
    """End all other sessions of this person; whoever is asked for a password here may be locked out
    by the one who is to be signed out, so it is not asked.
    """
    user = cast("PageRequest", request).user
    n_ended = sessions.end_others(user, keep=request.session.session_key)
    return _say_signed_out(request, user, n_ended)


@require_POST
@login_required
def sign_out_one(request: HttpRequest, pk: int) -> HttpResponse:
    """End another session of this person: of a device that was lost, or that nobody knows."""
    user = cast("PageRequest", request).user
    others = sessions.of(user).exclude(session_key=request.session.session_key)
    sessions.end(get_object_or_404(others, pk=pk))
    return _say_signed_out(request, user, 1)


def _say_signed_out(request: HttpRequest, user: User, n_ended: int) -> HttpResponse:
    accounts.note_sessions_ended(user=user, n_ended=n_ended)
    devices = "device" if n_ended == 1 else "devices"
    messages.success(request, f"Signed out on {n_ended} other {devices}.")
    return redirect("dashboard:account")


class RecoveryCodesPage(ViewRecoveryCodesView):  # type: ignore[misc]
    """The codes are shown once, and what shows them is forgotten with that."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        recovery_codes.keep_hashes(self.request.user)
        return context


def _standing(request: HttpRequest) -> dict[str, Any]:
    user = cast("PageRequest", request).user
    found = list(Authenticator.objects.filter(user=user).order_by("created_at"))
    by_type = {kind: [row for row in found if row.type == kind] for kind in Authenticator.Type}
    codes = by_type[Authenticator.Type.RECOVERY_CODES]
    shown = list(sessions.of(user)[: _SHOWN_SESSIONS + 1])
    return {
        "passkeys": [row.wrap() for row in by_type[Authenticator.Type.WEBAUTHN]],
        "authenticator": next(iter(by_type[Authenticator.Type.TOTP]), None),
        "n_codes_left": len(codes[0].wrap().get_unused_codes()) if codes else None,
        "has_second_factor": len(found) > len(codes),
        "lacks_second_factor": accounts.lacks_second_factor(user),
        "sessions": shown[:_SHOWN_SESSIONS],
        "has_more_sessions": len(shown) > _SHOWN_SESSIONS,
        "this_session": request.session.session_key,
        "has_other_sessions": any(
            session.session_key != request.session.session_key for session in shown
        ),
    }
