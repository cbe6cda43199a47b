"""The API describes itself: OpenAPI as a program reads it, and as a page that people try it with.

The page has its scripts from this host, and no inline ones, so the policy of all other pages does.
With `?public_key=` both have that key where requests name one: it is no secret, and stands in web
pages.
"""

import json
import re
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.cache import get_conditional_response, set_response_etag
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import set_query_parameters
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView

from storages_app.api.areas import operations_of

_PUBLIC_KEY = re.compile(r"[0-9a-zA-Z]{1,40}", re.ASCII)
_NAMES = ("pub_key", "UPLOADCARE_PUB_KEY")


@cache
def _described() -> bytes:
    """It takes a second to make, and no process serves two of them."""
    made = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return bytes(OpenApiJsonRenderer().render(made))


def _filled_in(public_key: str) -> bytes:
    """With the key of a project as what its parameters are where nothing else is typed."""
    described = json.loads(_described())
    for operations in described["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] in _NAMES:
                    parameter["schema"]["default"] = public_key
    components = described["components"]
    for schema in components["schemas"].values():
        for name in _NAMES:
            if name in schema.get("properties", {}):
                schema["properties"][name]["default"] = public_key
    for scheme in components["securitySchemes"].values():
        scheme["description"] = scheme["description"].replace("<public key>", public_key)
    return json.dumps(described).encode()


def _public_key(request: HttpRequest) -> str:
    """The one in the address, if it can be one."""
    named = request.GET.get("public_key", "")
    return named if _PUBLIC_KEY.fullmatch(named) else ""


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """All three: Uploadcare's REST API and Upload API as they are here, and our own."""
    public_key = _public_key(request)
    body = _filled_in(public_key) if public_key else _described()
    answer = HttpResponse(body, content_type="application/json")
    set_response_etag(answer)
    return get_conditional_response(request, etag=answer["ETag"], response=answer) or answer


@cache
def _listed() -> list[dict[str, Any]]:
    return operations_of(json.loads(_described()))


class ReferenceView(SpectacularSwaggerSplitView):
    """Every address in a line, and Swagger UI (half a megabyte) when somebody asks for it."""

    url_name = "documentation:openapi"
    template_name = "api/reference.html"
    title = "API reference"

    @extend_schema(exclude=True)
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        if "script" not in request.GET:
            response.data |= {
                "areas": _listed(),
                "schema_url": self._get_schema_url(request),
                "user": request._request.user,  # the API's own knows no sessions
            }
        return response

    def _get_schema_url(self, request: Any) -> str:
        url = super()._get_schema_url(request)  # type: ignore[no-untyped-call]
        public_key = _public_key(request)
        return str(set_query_parameters(url, public_key=public_key)) if public_key else str(url)


app_name = "documentation"
urlpatterns = [
    path("api/openapi.json", openapi, name="openapi"),
    path("api/docs/", ReferenceView.as_view(), name="reference"),
]
