"""One web process, two hosts: people and programs on one, users' content on the other."""

import uuid
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import SimpleTemplateResponse
from django.urls import Resolver404, ResolverMatch, resolve, set_urlconf

from storages_app.lib.client_address import client_address
from storages_app.lib.origins import in_request

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# Pages with a session. Cookies ignore ports, so a page is only shown under the dashboard's own
# host name: a cookie of the file host's name would be sent along to users' content.
_PAGES = {"dashboard", "admin", "account"}
_SIGN_IN = ("account_", "mfa_", "usersessions_")


_PERMISSIONS = ", ".join(
    (
        *(f"{name}=(self)" for name in ("camera", "microphone", "clipboard-write")),
        *(
            f"{name}=()"
            for name in (
                *("accelerometer", "browsing-topics", "display-capture", "geolocation"),
                *("gyroscope", "hid", "magnetometer", "midi", "payment", "serial", "usb"),
            )
        ),
    )
)


class RequestIdMiddleware:
    """Give each request an id that its answer and its log lines carry; events tell its address."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.request_id = str(uuid.uuid4())  # type: ignore[attr-defined]
        address = client_address(request.META, is_behind_proxy=settings.BEHIND_PROXY)
        with in_request(request.request_id, address):  # type: ignore[attr-defined]
            response = self.get_response(request)
        response["x-uploadcare-request-id"] = request.request_id  # type: ignore[attr-defined]
        return response


class HostsMiddleware:
    """Send the file host's requests to its own URLs, and pages to the dashboard's host name."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.files_netloc = urlsplit(settings.CDN_URL).netloc
        self.dashboard_netloc = urlsplit(settings.DASHBOARD_URL).netloc

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        host = request.get_host()
        if host == self.files_netloc:
            return _answer_of_file_host(request)
        if request.META.get("SERVER_PORT") == str(settings.FILES_PORT):
            return HttpResponse(
                f"This port serves files under {settings.CDN_URL} only.\n",
                status=421,
                content_type="text/plain; charset=utf-8",
            )
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponseBase | None:
        match: ResolverMatch | None = request.resolver_match
        is_page = match is not None and (
            not _PAGES.isdisjoint(match.app_names) or (match.url_name or "").startswith(_SIGN_IN)
        )
        if is_page and request.method == "GET" and request.get_host() != self.dashboard_netloc:
            return HttpResponseRedirect(settings.DASHBOARD_URL + request.get_full_path())
        return None


class ProgramsMiddleware:
    """Lead what programs ask straight to the APIs' views.

    What comes after this middleware is for pages: sessions, messages, forms, scripts. For a file's
    info it would cost a third of the whole request.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            match = resolve(request.path_info)
        except Resolver404:  # whose page is one of the pages
            return self.get_response(request)
        if "api" not in match.app_names:
            return self.get_response(request)
        request.resolver_match = match
        response = cast("HttpResponseBase", match.func(request, *match.args, **match.kwargs))
        return response.render() if isinstance(response, SimpleTemplateResponse) else response


class PermissionsPolicyMiddleware:
    """What pages never ask of a device, they cannot; the uploader may use the camera (S078)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        return response


def _answer_of_file_host(request: HttpRequest) -> HttpResponseBase:
    """Straight to the view: no session, cookie, user or page's header has a place beside files."""
    request.urlconf = settings.FILES_URLCONF
    set_urlconf(settings.FILES_URLCONF)  # whose page of errors is shown
    request.resolver_match = match = resolve(request.path_info)
    return cast("HttpResponseBase", match.func(request, *match.args, **match.kwargs))
