"""What is shown when a page cannot be: people get a page, programs get JSON."""

import re
import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse

from storages_app.dashboard.access import RoleTooLow, sent_from
from storages_app.lib.crypto import CannotUnseal
from storages_app.models import Project
from storages_app.oversight import health
from storages_app.projects import request_limits

_OF_A_PROJECT = re.compile(r"/projects/([a-z0-9_-]{1,60})/")
_MIGRATING_WAIT_S = 30


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return _answer(request, 413, f"A form may have {limit:,} bytes.", {"limit": limit})
    return _answer(request, 400, "This request cannot be read.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    too_low = exception if isinstance(exception, RoleTooLow) else None
    return _answer(request, 403, "You may not do this.", {"too_low": too_low})


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without the token of this browser: too old, or made by another site (S102)."""
    page = sent_from(request, otherwise=reverse("dashboard:projects"))
    return _answer(request, 403, "The form is too old.", {"page": page}, template="403_csrf.html")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    context = {"project": _own_project(request)} if request.accepts("text/html") else None
    return _answer(request, 404, "Not found.", context)


def too_many(request: HttpRequest) -> HttpResponse:
    """Of the pages to sign in; allauth refuses, and we say for how long."""
    seconds = request_limits.seconds_left(request)
    detail = f"Too many tries. Try again in {seconds} s."
    answer = _answer(request, 429, detail, {"seconds": seconds})
    answer["Retry-After"] = str(seconds)
    return answer


def server_error(request: HttpRequest) -> HttpResponse:
    """Asks no session, and the database only where it has failed: they may be what failed."""
    failure = sys.exc_info()[1]
    if isinstance(failure, CannotUnseal):
        return _answer(request, 500, failure.message, template="500_keys.html")
    if isinstance(failure, DatabaseError) and health.is_being_migrated():
        answer = _answer(request, 503, "This instance is being upgraded.")
        answer["Retry-After"] = str(_MIGRATING_WAIT_S)
        return answer
    request_id = getattr(request, "request_id", "unknown")
    return _answer(request, 500, f"Internal error {request_id}.", {"request_id": request_id})


def _own_project(request: HttpRequest) -> Project | None:
    """Whose activity may tell what became of the page; only of who asks may know of it."""
    named = _OF_A_PROJECT.match(request.path)
    user = getattr(request, "user", None)
    if named is None or user is None or not user.is_authenticated:
        return None
    return Project.objects.for_user(user).filter(slug=named[1]).first()


def _answer(
    request: HttpRequest,
    status: int,
    detail: str,
    context: dict[str, Any] | None = None,
    *,
    template: str = "",
) -> HttpResponse:
    if not request.accepts("text/html"):
        return JsonResponse({"detail": detail}, status=status)
    return render(request, template or f"{status}.html", context, status=status)
