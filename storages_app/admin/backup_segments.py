"""Records of backups: what a bucket knows about the files in it."""

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.models import BackupSegment


@admin.register(BackupSegment)
class BackupSegmentAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "open_page",
        "project",
        "custom_storage",
        "key",
        "n_lines",
        "size",
        "created_at",
        "retired_at",
        "removed_at",
    )
    list_filter = (
        ("retired_at", admin.EmptyFieldListFilter),
        ("removed_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("key", "plan__project__name", "sha256")
    date_hierarchy = "created_at"
    list_select_related = ("plan__project", "custom_storage")

    @admin.display(ordering="plan__project")
    def project(self, segment: BackupSegment) -> str:
        return str(segment.plan.project)

    @admin.display(description="Dashboard")
    def open_page(self, segment: BackupSegment) -> SafeString:
        return dashboard_link("backup", segment.plan.project.slug)
