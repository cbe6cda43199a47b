"""What all views of the Upload API have in common."""

import logging
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from rest_framework.exceptions import Throttled
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from storages_app.api import throttles
from storages_app.api.errors import upload_error
from storages_app.api.negotiation import AlwaysJson
from storages_app.api.parsers import single
from storages_app.api.refusals import OurFault, PublicKeyInvalid, PublicKeyRequired
from storages_app.lib.errors import UcdashError
from storages_app.models import Project
from storages_app.projects import api_keys
from storages_app.projects.errors import PublicKeyOfRemoved, UnknownPublicKey
from storages_app.projects.upload_origins import check_origin
from storages_app.uploads.errors import ProjectRemoved
from storages_app.uploads.receiving import drain, receive_form
from storages_app.uploads.validation import check_no_nulls

log = logging.getLogger(__name__)

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

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "OPTIONS":
            return
        try:
            throttles.check_address(request._request)
        except Throttled:
            drain(request._request)
            raise

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """A browser's preflight."""
        return HttpResponse(status=200)

    def handle_exception(self, exc: Exception) -> Any:
        answer = self._refusal(exc)
        if answer is None:
            # Trackers and test clients listen; pages of other origins must be able to read it too.
            got_request_exception.send(sender=type(self), request=self.request._request)
            log.error("An upload met a fault of ours", exc_info=exc)
            answer = self._refusal(OurFault())
        return answer

    def _refusal(self, error: Exception) -> HttpResponse | None:
        raw: HttpRequest = self.request._request
        return upload_error(
            error, method=str(raw.method), path=raw.path, jsonerrors=self._wants_json_errors()
        )

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final: HttpResponse = super().finalize_response(request, response, *args, **kwargs)
        for name, value in _CORS.items():
            final[name] = value
        final["Access-Control-Allow-Methods"] = ", ".join(self.allowed_methods)
        final["X-Robots-Tag"] = "noindex, nofollow, nosnippet, noarchive"
        final["Vary"] = "Origin"
        return final

    def read_parameters(self, request: Request) -> None:
        """Those of a request whose form has no files, or none that count."""
        with receive_form(request._request) as form:
            self.fields = form.fields
        self.refuse_nulls(request)

    def refuse_nulls(self, request: Request) -> None:
        for source in (request.query_params, self.fields):
            check_no_nulls(dict(source.lists()))

    def parameter(self, name: str) -> str:
        """One parameter, from the query or the body, wherever it was put; empty if absent."""
        return single(name, self.request.query_params, self.fields) or ""

    def metadata(self) -> Iterator[tuple[str, str]]:
        """The pairs of `metadata[key]=value`, as they came."""
        for source in (self.request.query_params, self.fields):
            for name, values in source.lists():
                if name.startswith("metadata[") and name.endswith("]"):
                    yield from ((name[len("metadata[") : -1], value) for value in values)

    def find_project(self) -> Project:
        """The project that the request names; it has taken one more of its requests."""
        public_key = self.parameter(self.public_key_parameter)
        if not public_key:
            raise PublicKeyRequired(self.public_key_parameter)
        try:
            project = api_keys.find_project(public_key)
        except PublicKeyOfRemoved as error:
            raise ProjectRemoved(public_key) from error
        except UnknownPublicKey as error:
            raise PublicKeyInvalid(self.public_key_parameter) from error
        throttles.check_project(project)
        check_origin(project=project, origin=self.request.META.get("HTTP_ORIGIN", ""))
        return project

    def check_signature(self, project: Project) -> bool:
        """Whether the request is signed; refused where it has to be (spec/UPLOADCARE 3.9)."""
        signature = self.parameter("signature")
        if not signature and not project.requires_signed_uploads:
            return False
        try:
            key = api_keys.check_upload_signature(
                project=project,
                signature=signature,
                expire=self.parameter("expire"),
                now=timezone.now(),
            )
        except UcdashError:
            if project.requires_signed_uploads:
                raise
            return False
        if project.requires_signed_uploads:
            request = self.request
            api_keys.record_use(key, call=f"{request.method} {request.path}")
        return True

    def _wants_json_errors(self) -> bool:
        try:
            query = self.request.query_params
        except SuspiciousOperation:  # too many parameters to look at
            return False
        return "1" in {*query.getlist("jsonerrors"), *self.fields.getlist("jsonerrors")}
