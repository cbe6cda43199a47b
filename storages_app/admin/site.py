"""The operators' way in."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse


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
