"""Who is told what happened. Addresses may hold a token, so only their host is shown."""

from urllib.parse import urlsplit

from django.contrib import admin

from storages_app.admin.base import ReadOnlyAdmin
from storages_app.models import Webhook


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ("pk", "project", "event", "host", "is_active", "created_at", "removed_at")
    list_filter = ("event", "is_active")
    search_fields = ("project__name",)
    date_hierarchy = "created_at"
    list_select_related = ("project",)
    exclude = ("target_url", "sealed_secret", "sealed_old_secret")
    readonly_fields = ("host",)

    @admin.display(description="Host")
    def host(self, webhook: Webhook) -> str:
        return urlsplit(webhook.target_url).hostname or ""
