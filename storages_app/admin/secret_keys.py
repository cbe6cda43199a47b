"""Secret keys: who has one; never the secret."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, actor_of, asked_once, dashboard_link
from storages_app.models import SecretKey
from storages_app.projects import services


@admin.register(SecretKey)
class SecretKeyAdmin(ReadOnlyAdmin):
    list_display = (
        "label",
        "open_page",
        "project",
        "scope",
        "made_by",
        "created_at",
        "last_used_at",
        "ends_at",
        "exposed_at",
        "revoked_at",
    )
    list_filter = (
        "scope",
        ("ends_at", admin.EmptyFieldListFilter),
        ("revoked_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("label", "project__name", "project__public_key")
    date_hierarchy = "created_at"
    list_select_related = ("project",)
    actions = ("end",)
    fields = (
        "label",
        "project",
        "scope",
        "made_by",
        "created_at",
        "last_used_at",
        "last_used_address",
        "last_used_call",
        "ends_at",
        "replaced_by",
        "n_uses_since_roll",
        "exposed_at",
        "revoked_at",
        "open_page",
    )

    @admin.display(description="Dashboard")
    def open_page(self, key: SecretKey) -> SafeString:
        return dashboard_link("keys", key.project.slug)

    @asked_once("End keys", hint="From then on they open nothing; this cannot be undone.")
    def end(self, request: HttpRequest, keys: QuerySet[SecretKey]) -> None:
        actor = actor_of(request)
        self.each(
            request,
            keys.filter(revoked_at=None).select_related("project"),
            lambda key: services.revoke_secret_key(key=key, actor=actor),
            noun="key",
            done="ended",
        )
