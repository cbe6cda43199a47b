"""Files."""

from datetime import datetime

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.template.defaultfilters import filesizeformat
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.admin.lists import ProjectFilter
from storages_app.models import File, Project


@admin.register(File)
class FileAdmin(ReadOnlyAdmin):
    list_display = (
        "original_filename",
        "open_page",
        "project",
        "detected_type",
        "shown_size",
        "uploaded_at",
        "stored_at",
        "expires_at",
        "removed_at",
    )
    list_filter = (
        "is_image",
        ("stored_at", admin.EmptyFieldListFilter),
        ("removed_at", admin.EmptyFieldListFilter),
        ProjectFilter,
    )
    search_fields = ("original_filename", "uuid__startswith", "sha256__startswith")
    search_help_text = "Name, or the beginning of the UUID or SHA-256"
    date_hierarchy = "uploaded_at"
    # By the index of REST's lists. One of times alone would tempt PostgreSQL to read those by it,
    # through all other projects' files.
    ordering = ("-project_id", "-uploaded_at")
    list_select_related = ("project",)
    exclude = ("blob_name",)

    def first_moment(self, rows: QuerySet[File]) -> datetime | None:
        """By the index of each project, as there is none of all files' times."""
        of_project = rows.filter(project=OuterRef("pk")).order_by("uploaded_at")
        first = Subquery(of_project.values("uploaded_at")[:1])
        moments = Project.objects.order_by().values_list(first, flat=True)
        return min(filter(None, moments), default=None)

    @admin.display(description="Size", ordering="size")
    def shown_size(self, file: File) -> str:
        return filesizeformat(file.size)

    @admin.display(description="Dashboard")
    def open_page(self, file: File) -> SafeString | str:
        return "" if file.is_removed else dashboard_link("file", file.project.slug, file.pk)
