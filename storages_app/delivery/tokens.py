"""Tokens of signed addresses at the door: who may come in, and what caches may keep of it."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from storages_app.lib.client_address import client_address
from storages_app.models import Project
from storages_app.projects import signed_urls


@dataclass(frozen=True)
class Permission:
    """Leave to see something: for everybody, or for who has the token, until it expires."""

    expires_at: int | None = None

    def cache_control(self, max_age: int, *, changes: bool = True) -> str:
        """What an answer that may be kept for `max_age` seconds says under this permission.

        What never changes is not asked for again either when people reload a page.
        """
        if self.expires_at is None:
            return f"public, max-age={max_age}" + ("" if changes else ", immutable")
        left = max(0, self.expires_at - int(time.time()))
        return f"private, max-age={min(max_age, left)}"


OPEN = Permission()


def require_token(request: HttpRequest, project: Project) -> Permission:
    """Let the request pass, or raise an UrlTokenRefused, which the file host answers with 403.

    A token is looked at only where the project requires one.
    """
    if not project.requires_signed_urls:
        return OPEN
    address = client_address(request.META, is_behind_proxy=settings.BEHIND_PROXY)
    asked = signed_urls.Asked(request.path_info, address, time.time())
    expires_at = signed_urls.check(project=project, token=_token_of(request), asked=asked)
    return Permission(expires_at)


def require_named(request: HttpRequest, project: Project, files: Collection[UUID]) -> None:
    """The token must name the other files as well that its address shows; raises as above."""
    if project.requires_signed_urls and files:
        signed_urls.require_named(token=_token_of(request), path=request.path_info, files=files)


def _token_of(request: HttpRequest) -> str:
    """As it was written: decoding the query would also undo the `%7e` that was signed."""
    for pair in request.META.get("QUERY_STRING", "").split("&"):
        name, _, value = pair.partition("=")
        if name == "token":
            return str(value)
    return ""
