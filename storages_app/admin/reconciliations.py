"""Comparisons of buckets with the ledger, and what they found."""

from django.contrib import admin
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, dashboard_link
from storages_app.models import Difference, Reconciliation


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "open_page",
        "project",
        "custom_storage",
        "kind",
        "state",
        "asked_by",
        "n_objects",
        "n_copies",
        "n_differences",
        "n_mended",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", "kind")
    search_fields = ("custom_storage__name", "custom_storage__project__name", "reason")
    date_hierarchy = "created_at"
    list_select_related = ("custom_storage__project",)

    @admin.display(ordering="custom_storage__project")
    def project(self, run: Reconciliation) -> str:
        return str(run.custom_storage.project)

    @admin.display(description="Dashboard")
    def open_page(self, run: Reconciliation) -> SafeString:
        storage = run.custom_storage
        return dashboard_link("storage_check_run", storage.project.slug, storage.pk, run.pk)


@admin.register(Difference)
class DifferenceAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "open_page",
        "reconciliation",
        "kind",
        "key",
        "expected",
        "found",
        "resolution",
        "created_at",
    )
    list_filter = ("kind", "resolution")
    search_fields = ("key", "reconciliation__custom_storage__name")
    list_select_related = ("reconciliation__custom_storage__project",)

    @admin.display(description="Dashboard")
    def open_page(self, difference: Difference) -> SafeString:
        run = difference.reconciliation
        storage = run.custom_storage
        return dashboard_link("storage_check_run", storage.project.slug, storage.pk, run.pk)
