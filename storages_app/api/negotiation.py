"""Which version of the wire a client speaks, told by `Accept`."""

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

_NO_VERSION = (
    "Incorrect Accept header provided. Make sure to specify API version. "
    "Refer to REST API docs for details."
)


class Version07(JSONRenderer):
    media_type = "application/vnd.uploadcare-v0.7+json"
    version = "0.7"


class Version06(JSONRenderer):
    media_type = "application/vnd.uploadcare-v0.6+json"
    version = "0.6"


class Version05(JSONRenderer):
    media_type = "application/vnd.uploadcare-v0.5+json"
    version = "0.5"


class VersionNegotiation(DefaultContentNegotiation):
    """The newest version that `Accept` names; 406 if it names none."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        accepted = _media_types(request.META.get("HTTP_ACCEPT", ""))
        for renderer in renderers:
            if renderer.media_type in accepted:
                return renderer, str(renderer.media_type)
        raise NotAcceptable(_NO_VERSION)


class AlwaysJson(DefaultContentNegotiation):
    """For what has one form only: `Accept` is not asked."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        only = next(iter(renderers))
        return only, str(only.media_type)


def _media_types(accept: str) -> set[str]:
    return {entry.partition(";")[0].strip().lower() for entry in accept.split(",")}


def version_of(renderer: Any) -> str:
    return getattr(renderer, "version", Version07.version)
