"""Who is told what happened. Addresses may hold a token, so only their host is shown."""

from urllib.parse import urlsplit

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.models import Webhook


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "open_page",
        "project",
        "event",
        "host",
        "is_active",
        "created_at",
        "removed_at",
    )
    list_filter = ("event", "is_active")
    search_fields = ("project__name",)
    date_hierarchy = "created_at"
    list_select_related = ("project",)
    exclude = ("target_url", "sealed_secret", "sealed_old_secret")
    readonly_fields = ("host",)

    @admin.display(description="Dashboard")
    def open_page(self, webhook: Webhook) -> SafeString | str:
        if webhook.removed_at:
            return ""
        return dashboard_link("webhook", webhook.project.slug, webhook.pk)

    @admin.display(description="Host")
    def host(self, webhook: Webhook) -> str:
        return urlsplit(webhook.target_url).hostname or ""
