"""What is shown when a page cannot be: people get a page, programs get JSON."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from storages_app.dashboard.access import RoleTooLow


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 400, "This request cannot be read.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    too_low = exception if isinstance(exception, RoleTooLow) else None
    return _answer(request, 403, "You may not do this.", {"too_low": too_low})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 404, "Not found.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Asks no database and no session: they may be what failed."""
    request_id = getattr(request, "request_id", "unknown")
    return _answer(request, 500, f"Internal error {request_id}.", {"request_id": request_id})


def _answer(
    request: HttpRequest, status: int, detail: str, context: dict[str, Any] | None = None
) -> HttpResponse:
    if not request.accepts("text/html"):
        return JsonResponse({"detail": detail}, status=status)
    return render(request, f"{status}.html", context, status=status)
