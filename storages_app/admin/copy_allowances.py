"""How much projects have had REST copy: whoever was told 429 is found here."""

from django.contrib import admin

from storages_app.admin.base import ReadOnlyAdmin
from storages_app.models import CopyAllowance


@admin.register(CopyAllowance)
class CopyAllowanceAdmin(ReadOnlyAdmin):
    list_display = ("project", "kind", "began_at", "used")
    list_filter = ("kind",)
    search_fields = ("project__name",)
    date_hierarchy = "began_at"
    list_select_related = ("project",)
