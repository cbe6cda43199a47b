"""Runs of backups."""

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.models import BackupRun


@admin.register(BackupRun)
class BackupRunAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "open_page",
        "project",
        "state",
        "asked_by",
        "n_files",
        "n_new",
        "n_changed",
        "n_already",
        "n_gaps",
        "n_tries",
        "created_at",
        "finished_at",
    )
    list_filter = ("state",)
    search_fields = ("plan__project__name", "asked_by", "reason")
    date_hierarchy = "created_at"
    list_select_related = ("plan__project",)

    @admin.display(ordering="plan__project")
    def project(self, run: BackupRun) -> str:
        return str(run.plan.project)

    @admin.display(description="Dashboard")
    def open_page(self, run: BackupRun) -> SafeString:
        return dashboard_link("backup_run", run.plan.project.slug, run.pk)
