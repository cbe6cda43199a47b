"""Second factors and sessions of people: what operators end for somebody who has lost a device."""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from storages_app.admin.base import ReadOnlyAdmin
from storages_app.models import Event
from storages_app.projects import sessions


class _EndedByOperators(ReadOnlyAdmin):
    search_fields = ("user__email",)
    list_select_related = ("user",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)


@admin.register(Authenticator)
class SecondFactorAdmin(_EndedByOperators):
    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    date_hierarchy = "created_at"
    fields = ("user", "type", "created_at", "last_used_at")

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        obj.delete()
        Event.objects.record(
            "second_factor.removed",
            actor=str(request.user),
            subject=obj.user.email,
            data={"by": "an operator"},
        )


@admin.register(UserSession)
class SessionAdmin(_EndedByOperators):
    list_display = ("user", "ip", "user_agent", "created_at", "last_seen_at")
    date_hierarchy = "created_at"
    fields = ("user", "ip", "user_agent", "created_at", "last_seen_at")

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        sessions.end(obj)
        Event.objects.record(
            "sign_in.others_ended", actor=str(request.user), subject=obj.user.email
        )
