"""How many files, bytes and groups the database has counted."""

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.models import Tally


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "open_page",
        "project",
        "n_stored",
        "n_unstored",
        "n_removed",
        "n_groups",
        "n_bytes",
    )
    search_fields = ("project__name", "project__public_key")
    list_select_related = ("project",)

    @admin.display(description="Dashboard")
    def open_page(self, tally: Tally) -> SafeString:
        return dashboard_link("files", tally.project.slug)
