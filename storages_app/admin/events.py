"""What happened, on the whole instance."""

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.models import Event


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "open_page",
        "kind",
        "subject",
        "actor",
        "project",
        "address",
    )
    list_filter = ("kind", "project")
    search_fields = ("kind", "subject", "actor", "subject_id")
    date_hierarchy = "created_at"
    list_select_related = ("project",)

    @admin.display(description="Dashboard")
    def open_page(self, event: Event) -> SafeString | str:
        return dashboard_link("activity", event.project.slug) if event.project else ""
