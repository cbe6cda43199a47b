"""The API describes itself: OpenAPI as a program reads it, and as a page that people try it with.

The page has its scripts from this host, and no inline ones, so the policy of all other pages does.
"""

from functools import cache

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.cache import get_conditional_response, set_response_etag
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import SpectacularSwaggerSplitView


@cache
def _described() -> bytes:
    """It takes a second to make, and no process serves two of them."""
    made = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return bytes(OpenApiJsonRenderer().render(made))


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """All three: Uploadcare's REST API and Upload API as they are here, and our own."""
    answer = HttpResponse(_described(), content_type="application/json")
    set_response_etag(answer)
    return get_conditional_response(request, etag=answer["ETag"], response=answer) or answer


class ReferenceView(SpectacularSwaggerSplitView):
    """Swagger UI over it, from files of this host."""

    url_name = "documentation:openapi"
    template_name = "api/reference.html"
    title = "API of ucdash"


app_name = "documentation"
urlpatterns = [
    path("api/openapi.json", openapi, name="openapi"),
    path("api/docs/", ReferenceView.as_view(), name="reference"),
]
