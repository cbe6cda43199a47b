"""What stands between a session and every page: how long it lasts, and what operators must have."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from storages_app.projects import accounts, browsers, sessions

GetResponse = Callable[[HttpRequest], HttpResponseBase]
_OPEN_TO_ALL = {"account", "account_sign_out_one", "account_sign_out_others", "theme"}


class SignInRulesMiddleware:
    """End sessions that are over, and send operators without a second factor to add one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            # Pages ask by themselves whether something has changed, also where nobody looks.
            asks_by_itself = request.method == "GET" and "HX-Request" in request.headers
            sessions.end_if_over(request, is_activity=not asks_by_itself)
        response = self.get_response(request)
        if getattr(request, "signs_out", False):
            browsers.forget(response)
        return response

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponseBase | None:
        match = request.resolver_match
        if not settings.OPERATORS_NEED_SECOND_FACTOR or match is None:
            return None
        if {"dashboard", "admin"}.isdisjoint(match.app_names) or match.url_name in _OPEN_TO_ALL:
            return None
        user = request.user
        if not user.is_authenticated or not accounts.lacks_second_factor(user):
            return None
        messages.error(
            request, "Operators of this instance need a second factor. Add one to go on."
        )
        return redirect("dashboard:account")


def sign_in_context(request: HttpRequest) -> dict[str, object]:
    """What the pages of signing in say of this instance, and of a session that has ended."""
    return {
        "operator_email": settings.OPERATOR_EMAIL,
        "was_signed_out": lambda: "next" in request.GET and browsers.was_signed_in(request),
    }
