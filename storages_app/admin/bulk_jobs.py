"""Copies of many files."""

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.models import BulkJob


@admin.register(BulkJob)
class BulkJobAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "open_page",
        "project",
        "custom_storage",
        "state",
        "asked_by",
        "n_files",
        "n_copied",
        "n_there",
        "n_gaps",
        "created_at",
        "finished_at",
    )
    list_filter = ("state",)
    search_fields = ("project__name", "custom_storage__name", "asked_by", "reason")
    date_hierarchy = "created_at"
    list_select_related = ("project", "custom_storage")

    @admin.display(description="Dashboard")
    def open_page(self, job: BulkJob) -> SafeString:
        return dashboard_link("bulk_job", job.project.slug, job.pk)
