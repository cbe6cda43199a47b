"""The operators' way in."""

import re
from collections.abc import Callable
from functools import wraps
from ipaddress import IPv6Address, ip_address
from typing import Any, TypeVar, cast

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib.admin import AdminSite
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import SimpleTemplateResponse
from django.urls import reverse
from django.utils.text import slugify

from storages_app.lib.origins import request_address
from storages_app.oversight import instance, standing
from storages_app.oversight.standing import Figure

OUR_LISTS = "storages_app.admin."
GROUPS = {
    "Projects and people": [
        *("Project", "Membership", "Invitation", "SecretKey"),
        *("User", "Authenticator", "UserSession"),
    ],
    "Files": ["File", "Group", "UploadSession", "UrlUpload", "Tally"],
    "Storages": ["CustomStorage", "ConnectionTest", "Reconciliation", "Difference"],
    "Copies": ["CopyJob", "BulkJob", "CopyAllowance"],
    "Backups": ["BackupPlan", "BackupRun", "BackupSegment", "RestoreRun"],
    "Activity and messages": [
        *("Event", "Incident", "NotificationChannel", "NotificationDelivery"),
        *("Webhook", "WebhookDelivery", "IdempotencyKey"),
    ],
}
View = TypeVar("View", bound=Callable[..., Any])
# What a field has is left as it is, or saving the page would change it.
_TURNS_TEXT = re.compile(r'value="[^"]*"|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]')


def _straighten(response: SimpleTemplateResponse) -> None:
    """No name of a file turns the line around it, so that `exe.jpg` reads as one (S072)."""
    response.content = _TURNS_TEXT.sub(
        lambda found: found[0] if len(found[0]) > 1 else "\ufffd", response.content.decode()
    ).encode()


class OperatorSite(AdminSite):
    site_header = "ucdash operators"
    site_title = "ucdash operators"
    index_title = "This instance"
    site_url = "/projects/"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Only lists that are written here (S111).

        Those that libraries bring show what they keep, such as the secrets of second factors, and
        let it be changed without a line in the activity.
        """
        if getattr(admin_class, "__module__", "").startswith(OUR_LISTS):
            super().register(model_or_iterable, admin_class, **options)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """One way to sign in for everybody, with its limits on guessing."""
        show_login: Any = secure_admin_login(super().login)
        response: HttpResponse = show_login(request, extra_context)
        return response

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        """By what they are about; where the code of each comes from matters to nobody here."""
        apps = super().get_app_list(request, app_label)
        if app_label:
            return apps
        models = {model["object_name"]: model for app in apps for model in app["models"]}
        named = {name for names in GROUPS.values() for name in names}
        groups = {**GROUPS, "Others": [name for name in models if name not in named]}
        listed = []
        for title, names in groups.items():
            shown = [models[name] for name in names if name in models]
            if shown:
                listed.append({"name": title, "app_label": slugify(title), "models": shown})
        return listed

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """One page for everybody, which writes it down and ends other sessions."""
        return redirect("account_change_password")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """What needs somebody, above the list of models."""
        lines = instance.check()
        # Without its tables the database can tell no figure, and the check says so.
        can_read = not any(line.name == "database" and line.is_red for line in lines)
        figures = standing.read() if can_read else []
        told = {
            "lines": lines,
            "figures": [(figure, _list_of(figure, request)) for figure in figures],
            "red": [line for line in lines if line.is_red]
            + [figure for figure in figures if figure.problem],
        }
        return super().index(request, (extra_context or {}) | told)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Refuse numbers, dates and ids that no row can have; Django lets them fail the page."""

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                response = view(request, *args, **kwargs)
            except (OverflowError, ValidationError) as error:
                raise BadRequest("a value that no row can have") from error
            if isinstance(response, SimpleTemplateResponse):
                response.add_post_render_callback(_straighten)
            return response

        shown = super().admin_view(cast("View", guarded), cacheable)

        @wraps(shown)
        def from_known_places(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not _comes_from_a_known_place():
                raise Http404
            return shown(request, *args, **kwargs)

        return cast("View", from_known_places)


def _comes_from_a_known_place() -> bool:
    """S111: where networks are named, there is nothing here for others, signed in or not."""
    if not settings.ADMIN_NETWORKS:
        return True
    try:
        address = ip_address(request_address() or "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in settings.ADMIN_NETWORKS)


def _list_of(figure: Figure, request: HttpRequest) -> str:
    """The list of what the figure counts, for whoever may see it."""
    if figure.model is None:
        return ""
    opts = figure.model._meta
    if not request.user.has_perm(f"{opts.app_label}.view_{opts.model_name}"):
        return ""
    address = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    return f"{address}?{figure.query}"
