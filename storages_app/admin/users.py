"""People."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from storages_app.admin.base import OperatorAdmin, actor_of
from storages_app.models import Event, User
from storages_app.projects import members, sessions

_POWERS = ("is_staff", "is_superuser")


class _LowerCaseEmail(forms.ModelForm):  # type: ignore[type-arg]
    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class NewUserForm(_LowerCaseEmail, AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email",)


class UserForm(_LowerCaseEmail, UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = (
            *("email", "first_name", "last_name", "is_active", "is_staff", "is_superuser"),
            *("theme", "time_zone", "has_shortcuts"),
        )


@admin.register(User)
class UserAdmin(OperatorAdmin, StockUserAdmin):  # type: ignore[type-arg]
    form = UserForm
    add_form = NewUserForm
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "first_name", "last_name")
    date_hierarchy = "date_joined"
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Name", {"fields": ("first_name", "last_name")}),
        ("Pages", {"fields": ("theme", "time_zone", "has_shortcuts")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """S110: who has not all rights makes nobody an operator, and no operator mightier."""
        fields = (*super().get_readonly_fields(request, obj),)
        return fields if request.user.is_superuser else (*fields, *_POWERS)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._is_above(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._is_above(request, obj) and super().has_delete_permission(request, obj)

    @staticmethod
    def _is_above(request: HttpRequest, obj: Model | None) -> bool:
        """An operator's password is the way into all that they may do."""
        is_operator = isinstance(obj, User) and (obj.is_staff or obj.is_superuser)
        return request.user.is_superuser or not is_operator

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record("user.added", request, obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Every change comes by here, that of a password too."""
        fields = [name for one in message for name in one.get("changed", {}).get("fields", [])]
        if "password" in fields:
            own = request.session.session_key if obj == request.user else None
            sessions.end_others(obj, keep=own)
        if fields:
            self._record("user.changed", request, obj, fields=fields)
        for project in members.projects_without_owner(obj):
            text = f"“{project}” has no owner now who can sign in. Make someone else owner."
            self.message_user(request, text, messages.WARNING)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[User]) -> Any:
        for user in queryset:
            self._record("user.removed", request, user)
        return super().log_deletions(request, queryset)

    @staticmethod
    def _record(kind: str, request: HttpRequest, user: User, **data: Any) -> None:
        Event.objects.record(
            kind, actor=actor_of(request), subject=user.email, subject_id=user.pk, data=data
        )
