"""Backups: where and when."""

from collections.abc import Callable

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, actor_of, asked_once, dashboard_link
from storages_app.backups import services
from storages_app.models import BackupPlan

Plans = QuerySet[BackupPlan]


@admin.register(BackupPlan)
class BackupPlanAdmin(ReadOnlyAdmin):
    list_display = (
        "project",
        "open_page",
        "custom_storage",
        "cron",
        "is_on",
        "paused_at",
        "keep_days",
        "sample_size",
        "next_run_at",
    )
    list_filter = ("is_on",)
    exclude = ("ping_url", "sealed_ping_url")  # whoever knows it can call the monitor
    search_fields = ("project__name", "custom_storage__name", "custom_storage__bucket")
    date_hierarchy = "created_at"
    list_select_related = ("project", "custom_storage")
    actions = ("run", "pause", "resume")

    @admin.display(description="Dashboard")
    def open_page(self, plan: BackupPlan) -> SafeString:
        return dashboard_link("backup", plan.project.slug)

    @asked_once("Run now", hint="One comparison each; what is missing in the bucket is copied.")
    def run(self, request: HttpRequest, plans: Plans) -> None:
        actor = actor_of(request)
        self._each(
            request, plans, lambda plan: services.request_run(plan=plan, asked_by=actor), "to run"
        )

    @asked_once("Pause", hint="Runs under way end, and nothing is copied until it is resumed.")
    def pause(self, request: HttpRequest, plans: Plans) -> None:
        actor = actor_of(request)
        self._each(
            request,
            plans.filter(paused_at=None),
            lambda plan: services.pause(plan=plan, actor=actor),
            "paused",
        )

    @asked_once("Resume", hint="A run begins at once.")
    def resume(self, request: HttpRequest, plans: Plans) -> None:
        actor = actor_of(request)
        self._each(
            request,
            plans.exclude(paused_at=None),
            lambda plan: services.resume(plan=plan, actor=actor),
            "resumed",
        )

    def _each(
        self, request: HttpRequest, plans: Plans, do: Callable[[BackupPlan], object], done: str
    ) -> None:
        rows = plans.select_related("project", "custom_storage")
        self.each(request, rows, do, noun="backup", done=done)
