"""Copies of many files."""

from collections.abc import Callable

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, actor_of, asked_once, dashboard_link
from storages_app.bulk_copies import services
from storages_app.models import BulkJob

Jobs = QuerySet[BulkJob]


@admin.register(BulkJob)
class BulkJobAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "open_page",
        "project",
        "custom_storage",
        "state",
        "asked_by",
        "n_files",
        "n_copied",
        "n_there",
        "n_gaps",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", ("finished_at", admin.EmptyFieldListFilter))
    search_fields = ("project__name", "custom_storage__name", "asked_by", "reason")
    date_hierarchy = "created_at"
    list_select_related = ("project", "custom_storage")
    actions = ("pause", "resume", "cancel", "retry")

    @admin.display(description="Dashboard")
    def open_page(self, job: BulkJob) -> SafeString:
        return dashboard_link("bulk_job", job.project.slug, job.pk)

    @asked_once("Pause", hint="Copies that are under way finish; no others begin.")
    def pause(self, request: HttpRequest, jobs: Jobs) -> None:
        self._each(request, jobs, services.pause, "paused")

    @asked_once("Resume")
    def resume(self, request: HttpRequest, jobs: Jobs) -> None:
        self._each(request, jobs, services.resume, "resumed")

    @asked_once("Cancel", hint="Copies that are under way finish; what is done stays.")
    def cancel(self, request: HttpRequest, jobs: Jobs) -> None:
        self._each(request, jobs, services.cancel, "cancelled")

    @asked_once("Run failed copies again")
    def retry(self, request: HttpRequest, jobs: Jobs) -> None:
        self._each(request, jobs, services.retry, "to run again")

    def _each(
        self, request: HttpRequest, jobs: Jobs, order: Callable[..., object], done: str
    ) -> None:
        actor = actor_of(request)
        rows = jobs.select_related("project", "custom_storage")
        self.each(
            request, rows, lambda job: order(bulk_job=job, actor=actor), noun="job", done=done
        )
