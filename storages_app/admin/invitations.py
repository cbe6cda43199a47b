"""Who was invited where; never a link."""

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.models import Invitation


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = (
        "email",
        "open_page",
        "project",
        "role",
        "invited_by",
        "sent_at",
        "expires_at",
        "accepted_at",
        "revoked_at",
    )
    list_filter = (
        "role",
        ("accepted_at", admin.EmptyFieldListFilter),
        ("revoked_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("email", "project__name", "invited_by__email")
    date_hierarchy = "created_at"
    list_select_related = ("project", "invited_by")

    @admin.display(description="Dashboard")
    def open_page(self, invitation: Invitation) -> SafeString:
        return dashboard_link("team", invitation.project.slug)
