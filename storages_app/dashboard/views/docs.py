"""The product's own docs, for whoever asks: they hold what the repository holds, and no secret.

A colleague with a hand-off link and a program that follows `docs_url` have no session.
"""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from storages_app.dashboard import handbook


@require_safe
def page(request: HttpRequest, path: str = "") -> HttpResponse:
    found = handbook.page(path)
    if found is None:
        raise Http404
    return render(request, "dashboard/docs.html", {"page": found})


@require_safe
@cache_control(public=True, max_age=3600)
def picture(_request: HttpRequest, path: str) -> HttpResponse:
    """A picture of such a page: it is looked up, so no address leads to another file."""
    found = handbook.pictures().get(path)
    if found is None:
        raise Http404
    return HttpResponse(found.read_bytes(), content_type=handbook.PICTURE_TYPES[found.suffix])
