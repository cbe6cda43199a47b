"""Restores and drills."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, actor_of, asked_once, dashboard_link
from storages_app.models import RestoreRun
from storages_app.restores import services


@admin.register(RestoreRun)
class RestoreRunAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "open_page",
        "project",
        "custom_storage",
        "is_drill",
        "state",
        "asked_by",
        "n_files",
        "n_done",
        "n_failed",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", "is_drill")
    search_fields = ("project__name", "custom_storage__name", "asked_by", "reason")
    date_hierarchy = "created_at"
    list_select_related = ("project", "custom_storage")
    actions = ("cancel",)

    @admin.display(description="Dashboard")
    def open_page(self, run: RestoreRun) -> SafeString:
        return dashboard_link("restore_run", run.project.slug, run.pk)

    @asked_once("Cancel", hint="Files that are being read finish; what is back stays.")
    def cancel(self, request: HttpRequest, runs: QuerySet[RestoreRun]) -> None:
        actor = actor_of(request)
        self.each(
            request,
            runs.filter(finished_at=None).select_related("project", "custom_storage"),
            lambda run: services.cancel(run=run, actor=actor),
            noun="restore",
            done="cancelled",
        )
