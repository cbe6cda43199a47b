"""What happened, on the whole instance."""

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.admin.lists import ProjectFilter, choice_filter
from storages_app.models import Event

# Which kinds there are is not asked: that would be a walk through all events.
_SUBJECTS = (
    *("account", "backup", "bulk_copy", "check", "copy", "file", "group", "instance"),
    *("invitation", "member", "notification", "project", "restore", "secret_key", "secrets"),
    *("storage", "upload", "user", "webhook"),
)
_SubjectFilter = choice_filter(
    title="what it happened to",
    parameter="about",
    lookup="kind__startswith",
    choices=[(f"{subject}.", subject.replace("_", " ")) for subject in _SUBJECTS],
)


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "open_page",
        "kind",
        "subject",
        "actor",
        "project",
        "address",
    )
    list_filter = (_SubjectFilter, ProjectFilter)
    search_fields = ("kind", "subject", "actor", "subject_id")
    date_hierarchy = "created_at"
    list_select_related = ("project",)

    @admin.display(description="Dashboard")
    def open_page(self, event: Event) -> SafeString | str:
        return dashboard_link("activity", event.project.slug) if event.project else ""
