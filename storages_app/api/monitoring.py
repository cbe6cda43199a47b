"""What monitoring asks: three depths of health, and figures for Prometheus."""

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import re_path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from storages_app.api.authentication import is_called_by_this_machine
from storages_app.oversight import figures, health
from storages_app.oversight.health import Health


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """This process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Requests can be taken."""
    return _answer(health.ready())


@require_safe
@never_cache
def deep(request: HttpRequest) -> JsonResponse:
    """Work is done."""
    return _answer(health.deep())


def _answer(found: Health) -> JsonResponse:
    return JsonResponse(
        {
            "status": "ok" if found.is_well else "failing",
            "passing": found.passing,
            "failing": found.failing,
            "warnings": found.warnings,
        },
        status=200 if found.is_well else 503,
    )


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever knows the token; without a token in the settings, for this machine alone."""
    if not _may_see_figures(request):
        # As if there were nothing: a stranger need not know that figures can be had.
        return HttpResponse("Not found\n", status=404, content_type="text/plain; charset=utf-8")
    return HttpResponse(figures.exposition.text(), content_type=figures.CONTENT_TYPE)


def _may_see_figures(request: HttpRequest) -> bool:
    if not settings.METRICS_TOKEN:
        return is_called_by_this_machine(request)
    sent = request.headers.get("Authorization", "")
    return hmac.compare_digest(sent.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())


app_name = "monitoring"
urlpatterns = [
    re_path(r"^health/live/?$", live, name="live"),
    re_path(r"^health/ready/?$", ready, name="ready"),
    re_path(r"^health/deep/?$", deep, name="deep"),
    re_path(r"^metrics/?$", metrics, name="metrics"),
]
