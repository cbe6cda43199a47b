"""Multipart uploads: which are open, and what became of the others."""

from django.contrib import admin

from storages_app.admin.base import ReadOnlyAdmin
from storages_app.models import UploadSession


@admin.register(UploadSession)
class UploadSessionAdmin(ReadOnlyAdmin):
    list_display = (
        "uuid",
        "project",
        "original_filename",
        "size",
        "state",
        "reason",
        "created_at",
        "expires_at",
        "finished_at",
    )
    list_filter = ("state",)
    search_fields = ("uuid", "original_filename", "project__name")
    date_hierarchy = "created_at"
    list_select_related = ("project",)
    exclude = ("upload_id",)
