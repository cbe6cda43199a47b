"""Who hears of what is wrong, what was wrong, and what was told of it.

Addresses of servers and monitors may hold a token, so only their host is shown.
"""

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.models import Incident, NotificationChannel, NotificationDelivery


@admin.register(NotificationChannel)
class NotificationChannelAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "open_page",
        "project",
        "kind",
        "shown_address",
        "is_active",
        "is_daily",
        "confirmed_at",
        "created_at",
        "removed_at",
    )
    list_filter = ("kind", "is_active", "is_daily")
    search_fields = ("project__name", "added_by")
    date_hierarchy = "created_at"
    list_select_related = ("project",)
    exclude = ("address", "sealed_address", "sealed_secret", "sealed_old_secret")
    readonly_fields = ("shown_address",)

    @admin.display(description="Dashboard")
    def open_page(self, channel: NotificationChannel) -> SafeString | str:
        if channel.removed_at:
            return ""
        return dashboard_link("notification_channel", channel.project.slug, channel.pk)

    @admin.display(description="To")
    def shown_address(self, channel: NotificationChannel) -> str:
        return channel.shown_address


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = (
        "kind",
        "open_page",
        "project",
        "subject",
        "title",
        "began_at",
        "ended_at",
        "outcome",
    )
    list_filter = ("kind",)
    search_fields = ("subject", "subject_id", "project__name")
    date_hierarchy = "began_at"
    list_select_related = ("project",)

    @admin.display(description="Dashboard")
    def open_page(self, incident: Incident) -> SafeString | str:
        return dashboard_link("notifications", incident.project.slug) if incident.project else ""


@admin.register(NotificationDelivery)
class NotificationDeliveryAdmin(ReadOnlyAdmin):
    list_display = (
        "message_id",
        "channel",
        "moment",
        "state",
        "attempts",
        "status",
        "error",
        "duration_ms",
        "run_after",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", "moment", "channel__kind")
    search_fields = ("message_uuid", "channel__project__name")
    date_hierarchy = "created_at"
    list_select_related = ("channel",)
    # A confirmation holds its link.
    exclude = ("message",)
