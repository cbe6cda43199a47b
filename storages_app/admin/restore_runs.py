"""Restores and drills."""

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.models import RestoreRun


@admin.register(RestoreRun)
class RestoreRunAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "open_page",
        "project",
        "custom_storage",
        "is_drill",
        "state",
        "asked_by",
        "n_files",
        "n_done",
        "n_failed",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", "is_drill")
    search_fields = ("project__name", "custom_storage__name", "asked_by", "reason")
    date_hierarchy = "created_at"
    list_select_related = ("project", "custom_storage")

    @admin.display(description="Dashboard")
    def open_page(self, run: RestoreRun) -> SafeString:
        return dashboard_link("restore_run", run.project.slug, run.pk)
