"""How many files, bytes and groups the database has counted."""

from django.contrib import admin

from storages_app.admin.base import ReadOnlyAdmin
from storages_app.models import Tally


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    list_display = ("pk", "project", "n_stored", "n_unstored", "n_removed", "n_groups", "n_bytes")
    search_fields = ("project__name", "project__public_key")
    list_select_related = ("project",)
