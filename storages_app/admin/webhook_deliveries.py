"""The ledger of what was told to whom. What was sent names the address, which may hold a token."""

from django.contrib import admin

from storages_app.admin.base import ReadOnlyAdmin
from storages_app.models import WebhookDelivery


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = (
        "message_id",
        "webhook",
        "state",
        "attempts",
        "status",
        "error",
        "duration_ms",
        "run_after",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", "event", "status")
    search_fields = ("pk", "subject_id", "webhook__project__name")
    date_hierarchy = "created_at"
    list_select_related = ("webhook",)
    exclude = ("body",)
