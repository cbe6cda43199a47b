"""Backups: where and when."""

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.models import BackupPlan


@admin.register(BackupPlan)
class BackupPlanAdmin(ReadOnlyAdmin):
    list_display = (
        "project",
        "open_page",
        "custom_storage",
        "cron",
        "is_on",
        "paused_at",
        "keep_days",
        "sample_size",
        "next_run_at",
    )
    list_filter = ("is_on",)
    exclude = ("ping_url",)  # whoever knows it can call the monitor
    search_fields = ("project__name", "custom_storage__name", "custom_storage__bucket")
    date_hierarchy = "created_at"
    list_select_related = ("project", "custom_storage")

    @admin.display(description="Dashboard")
    def open_page(self, plan: BackupPlan) -> SafeString:
        return dashboard_link("backup", plan.project.slug)
