"""What the link of an invitation opens: one button for who has an account, a form for who has none.

The link is told to no other site. `no-referrer` would do that too, but browsers then send no
Origin with the form, and Django refuses it.
"""

from typing import cast

from allauth.account.utils import perform_login
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from storages_app.dashboard.access import PageRequest
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.forms.team import NewAccountForm
from storages_app.lib.errors import UcdashError
from storages_app.models import Invitation
from storages_app.models.hand_offs import digest_of
from storages_app.projects import invitations
from storages_app.projects.roles import IN_WORDS, Role
from storages_app.projects.team_errors import InvitationGone


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    try:
        response = _answer(request, token, invitations.opened(token=token))
    except InvitationGone:
        response = _gone(request, token)
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _answer(request: HttpRequest, token: str, invitation: Invitation) -> HttpResponse:
    if request.user.is_authenticated:
        return _with_account(cast("PageRequest", request), token, invitation)
    if invitations.has_account(invitation):
        return _show(request, "sign_in", invitation)
    return _without_account(request, token, invitation)


def _with_account(request: PageRequest, token: str, invitation: Invitation) -> HttpResponse:
    if request.user.email.lower() != invitation.email:
        status = 403 if request.method == "POST" else 200
        return _show(request, "other", invitation, status=status)
    if request.method != "POST":
        return _show(request, "join", invitation)
    invitations.accept(token=token, user=request.user)
    return _welcome(request, invitation)


def _without_account(request: HttpRequest, token: str, invitation: Invitation) -> HttpResponse:
    form = NewAccountForm(request.POST if request.method == "POST" else None, invitation=invitation)
    if form.is_valid():
        try:
            user = invitations.accept_with_new_account(token=token, **form.cleaned_data)
        except InvitationGone:
            raise
        except UcdashError as error:  # the same form was sent twice
            messages.error(request, message_of(error))
            return redirect("account_login")
        to = reverse("dashboard:overview", args=[invitation.project.slug])
        response = cast("HttpResponse", perform_login(request, user, redirect_url=to))
        _say_joined(request, invitation)
        return response
    return _show(request, "new", invitation, form=form)


def _welcome(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    _say_joined(request, invitation)
    return redirect("dashboard:overview", invitation.project.slug)


def _say_joined(request: HttpRequest, invitation: Invitation) -> None:
    messages.success(request, f"Welcome to “{invitation.project.name}”.")


def _show(
    request: HttpRequest,
    case: str,
    invitation: Invitation,
    *,
    form: NewAccountForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "case": case,
        "invitation": invitation,
        "may": IN_WORDS[Role(invitation.role)],
        "form": form,
    }
    return render(request, "dashboard/invitation.html", context, status=status)


def _gone(request: HttpRequest, token: str) -> HttpResponse:
    """410 where there was such a link once, so that nobody looks for a typing error."""
    was_there = Invitation.objects.filter(token_digest=digest_of(token)).exists()
    context = {"was_there": was_there}
    return render(
        request, "dashboard/invitation_gone.html", context, status=410 if was_there else 404
    )
