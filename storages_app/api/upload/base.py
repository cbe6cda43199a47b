"""What all views of the Upload API have in common."""

from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, QueryDict
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from storages_app.api.errors import upload_error
from storages_app.api.negotiation import AlwaysJson
from storages_app.api.parsers import single
from storages_app.api.refusals import PublicKeyInvalid, PublicKeyRequired
from storages_app.models import Project
from storages_app.projects import api_keys
from storages_app.projects.errors import UnknownPublicKey

# Any page may upload: nothing here is answered by cookies, only by a project's public key.
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "X-PINGOTHER, DNT, X-UC-User-Agent, Content-Type",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Max-Age": "1",
    "Access-Control-Expose-Headers": "Warning, Retry-After",
}


class UploadView(APIView):
    """Open to everybody who names a public key; errors as text, or as JSON if asked for."""

    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJson
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    parser_classes: list[Any] = []
    public_key_parameter = "pub_key"
    fields: QueryDict = QueryDict()

    @property
    def allowed_methods(self) -> list[str]:
        return sorted(super().allowed_methods)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """A browser's preflight."""
        return HttpResponse(status=200)

    def handle_exception(self, exc: Exception) -> Any:
        raw: HttpRequest = self.request._request
        answer = upload_error(
            exc, method=str(raw.method), path=raw.path, jsonerrors=self._wants_json_errors()
        )
        if answer is None:
            raise exc
        return answer

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final: HttpResponse = super().finalize_response(request, response, *args, **kwargs)
        for name, value in _CORS.items():
            final[name] = value
        final["Access-Control-Allow-Methods"] = ", ".join(self.allowed_methods)
        final["X-Robots-Tag"] = "noindex, nofollow, nosnippet, noarchive"
        final["Vary"] = "Origin"
        return final

    def parameter(self, name: str) -> str:
        """One parameter, from the query or the body, wherever it was put; empty if absent."""
        return single(name, self.request.query_params, self.fields) or ""

    def find_project(self) -> Project:
        public_key = self.parameter(self.public_key_parameter)
        if not public_key:
            raise PublicKeyRequired(self.public_key_parameter)
        try:
            return api_keys.find_project(public_key)
        except UnknownPublicKey as error:
            raise PublicKeyInvalid(self.public_key_parameter) from error

    def _wants_json_errors(self) -> bool:
        try:
            query = self.request.query_params
        except SuspiciousOperation:  # too many parameters to look at
            return False
        return "1" in {*query.getlist("jsonerrors"), *self.fields.getlist("jsonerrors")}
