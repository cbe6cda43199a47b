"""What the lists of operators share: rows that are only read, and the way to their pages."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    Admin = admin.ModelAdmin[Any]
    Inline = admin.TabularInline[Any, Any]
else:
    Admin = admin.ModelAdmin
    Inline = admin.TabularInline


class ReadOnlyAdmin(Admin):
    """Rows of the ledger, or rows that only services may change."""

    show_full_result_count = False  # counting a million rows twice helps nobody
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Look at the chosen ids first: Django asks the database for them as they come."""
        for text in request.POST.getlist(ACTION_CHECKBOX_NAME):
            self.opts.pk.to_python(text)
        return super().response_action(request, queryset, *args, **kwargs)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether this operator may run the actions of the list."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")


class ReadOnlyInline(Inline):
    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def dashboard_link(page: str, *args: object) -> SafeString:
    """To the page that members see of the same thing."""
    return format_html('<a href="{}">Open</a>', reverse(f"dashboard:{page}", args=args))


def actor_of(request: HttpRequest) -> str:
    """Who is written into events: the operator, as such."""
    return f"{request.user} (operator)"


def counted(n: int, noun: str) -> str:
    """1 storage, 2 storages."""
    return f"1 {noun}" if n == 1 else f"{n} {noun}s"
