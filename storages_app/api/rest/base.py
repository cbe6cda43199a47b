"""What all views of the REST API have in common."""

from typing import Any

from django.conf import settings
from django.http import HttpResponseBase
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from storages_app.api import throttles
from storages_app.api.authentication import Caller, SignedAuthentication, SimpleAuthentication
from storages_app.api.errors import rest_error
from storages_app.api.negotiation import (
    Version05,
    Version06,
    Version07,
    VersionNegotiation,
    version_of,
)
from storages_app.api.parsers import StrictJSONParser, read_body
from storages_app.api.permissions import HoldsSecretKey, ReadKeysOnlyRead
from storages_app.api.refusals import NoSuchThing
from storages_app.api.wire import number_in_path, parse_uuid
from storages_app.models import File, Project, Webhook
from storages_app.models.prepared import Bound, Prepared
from storages_app.projects.errors import BadCredentials

_WARNING = "199 Miscellaneous warning: "
_INSECURE = "You should use secure requests to Uploadcare"
# As the real service sends them (spec/UPLOADCARE 1.1); a client may compare.
_HEADERS = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "1; mode=block",
    "X-Robots-Tag": "noindex, nofollow, nosnippet, noarchive",
}
_FILE = Prepared(
    lambda: File.objects.filter(
        pk=Bound("uuid", File._meta.pk), project=Bound("project", Project._meta.pk)
    ).order_by()
)


class RestView(APIView):
    """Versioned by `Accept`, open to holders of a secret key, errors as `{"detail": …}`."""

    renderer_classes = [Version07, Version06, Version05]
    content_negotiation_class: type[BaseContentNegotiation] = VersionNegotiation
    parser_classes = [StrictJSONParser]
    authentication_classes = [SignedAuthentication, SimpleAuthentication]
    permission_classes = [HoldsSecretKey, ReadKeysOnlyRead]

    @property
    def allowed_methods(self) -> list[str]:
        return sorted(super().allowed_methods)

    def get_exception_handler(self) -> Any:
        return rest_error

    def perform_authentication(self, request: Request) -> None:
        read_body(request._request)
        try:
            super().perform_authentication(request)
        except Exception as error:
            is_guess = isinstance(error, BadCredentials)
            cost = throttles.WRONG_KEY_COSTS if is_guess else 1
            throttles.check_rest(request._request, None, cost=cost)
            raise
        caller: object = request.user
        throttles.check_rest(request._request, caller.key if isinstance(caller, Caller) else None)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)
        for name, value in _HEADERS.items():
            final[name] = value
        final["Access-Control-Allow-Origin"] = settings.DASHBOARD_URL
        if not request.is_secure():
            _warn(final, _INSECURE)
        return final

    @property
    def caller(self) -> Caller:
        caller: object = self.request.user
        assert isinstance(caller, Caller)  # noqa: S101 - HoldsSecretKey let nobody else through
        return caller

    @property
    def project(self) -> Project:
        return self.caller.project

    @property
    def version(self) -> str:
        return version_of(self.request.accepted_renderer)

    def get_file(self, file_uuid: str) -> File:
        """A file of the caller's project, removed or not; another project's is not found."""
        found = _FILE.instances(uuid=parse_uuid(file_uuid), project=self.project.pk)
        if not found:
            raise NoSuchThing
        file: File = found[0]
        file.project = self.project
        return file

    def get_webhook(self, webhook_id: str) -> Webhook:
        """One of the caller's project that was not deleted."""
        kept = Webhook.objects.kept().filter(project=self.project)
        webhook = kept.select_related("project").filter(pk=number_in_path(webhook_id)).first()
        if webhook is None:
            raise NoSuchThing
        return webhook


def _warn(response: HttpResponseBase, text: str) -> None:
    """Add a text to the one Warning header; several are parted by `; `."""
    texts = response.get("Warning", "").removeprefix(_WARNING)
    response["Warning"] = f"{_WARNING}{texts}; {text}" if texts else f"{_WARNING}{text}"
