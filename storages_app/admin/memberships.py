"""Who works in which project; changed on the project's page."""

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.models import Membership


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = (
        "user",
        "open_page",
        "project",
        "role",
        "created_at",
    )
    list_filter = ("role",)
    search_fields = ("user__email", "project__name")
    date_hierarchy = "created_at"
    list_select_related = ("user", "project")

    @admin.display(description="Dashboard")
    def open_page(self, membership: Membership) -> SafeString:
        return dashboard_link("overview", membership.project.slug)
