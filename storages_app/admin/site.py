"""The operators' way in."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.core.exceptions import BadRequest, ValidationError
from django.http import HttpRequest, HttpResponse

View = TypeVar("View", bound=Callable[..., Any])


class OperatorSite(AdminSite):
    site_header = "ucdash operators"
    site_title = "ucdash"
    index_title = "This instance"
    site_url = "/projects/"

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """One way to sign in for everybody, with its limits on guessing."""
        show_login: Any = secure_admin_login(super().login)
        response: HttpResponse = show_login(request, extra_context)
        return response

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Refuse numbers, dates and ids that no row can have; Django lets them fail the page."""

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                return view(request, *args, **kwargs)
            except (OverflowError, ValidationError) as error:
                raise BadRequest("a value that no row can have") from error

        return super().admin_view(cast("View", guarded), cacheable)
