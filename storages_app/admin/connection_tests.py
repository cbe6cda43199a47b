"""Connection tests with what they found."""

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, ReadOnlyInline, dashboard_link
from storages_app.models import ConnectionTest, Finding


class FindingInline(ReadOnlyInline):
    model = Finding
    fields = (
        "name",
        "level",
        "state",
        "title",
        "code",
        "http_status",
        "operation",
        "request_id",
        "said",
        "milliseconds",
    )


@admin.register(ConnectionTest)
class ConnectionTestAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "open_page",
        "custom_storage",
        "project",
        "kind",
        "trigger",
        "again",
        "state",
        "asked_by",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", "kind", "trigger", "is_repeat")
    search_fields = ("custom_storage__name", "custom_storage__bucket", "asked_by")
    date_hierarchy = "created_at"
    list_select_related = ("custom_storage__project",)
    inlines = (FindingInline,)

    @admin.display(ordering="custom_storage__project")
    def project(self, test: ConnectionTest) -> str:
        return str(test.custom_storage.project)

    @admin.display(description="Dashboard")
    def open_page(self, test: ConnectionTest) -> SafeString | str:
        storage = test.custom_storage
        if storage.removed_at:
            return ""
        return dashboard_link("storage_test", storage.project.slug, storage.pk, test.pk)
