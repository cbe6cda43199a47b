"""Connected buckets: how they are, what was tried, and what an operator may do to them."""

from collections.abc import Callable

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from storages_app.admin.base import (
    ReadOnlyAdmin,
    ReadOnlyInline,
    actor_of,
    asked_once,
    dashboard_link,
)
from storages_app.custom_storages import services
from storages_app.models import AccessChange, CustomStorage, Event, Reconciliation
from storages_app.reconciliation import services as reconciliation

Storages = QuerySet[CustomStorage]
_N_TESTS = 10


class AccessChangeInline(ReadOnlyInline):
    """What was tried with this storage; which settings, and never a secret."""

    model = AccessChange
    fields = readonly_fields = ("created_at", "asked_by", "tried", "state", "decided_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessChange]:
        """The name of the storage stands in front of each row."""
        changes: QuerySet[AccessChange] = super().get_queryset(request)
        return changes.select_related("custom_storage")

    @admin.display(description="Settings")
    def tried(self, change: AccessChange) -> str:
        return ", ".join(sorted(change.settings)) or "secret"


@admin.register(CustomStorage)
class CustomStorageAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "open_page",
        "project",
        "shown_state",
        "circuit_opened_at",
        "address",
        "provider",
        "identity",
        "public_mode",
        "auto_copy",
        "created_at",
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "open_page",
                    "project",
                    "shown_state",
                    "setup_step",
                    "newest_tests",
                )
            },
        ),
        (
            "Where",
            {"fields": ("provider", "endpoint_url", "region", "account_id", "bucket", "prefix")},
        ),
        (
            "Access",
            {
                "fields": (
                    "identity",
                    "access_key_id",
                    "role_arn",
                    "external_id",
                    "proved_at",
                    "access_changed_at",
                    "uses",
                    "public_mode",
                    "storage_class",
                    "encryption",
                    "capabilities",
                    "ticked",
                )
            },
        ),
        (
            "Copies",
            {
                "fields": (
                    "key_pattern",
                    "on_clash",
                    "auto_copy",
                    "auto_copy_since",
                    "auto_copy_rule",
                    "recent_outcomes",
                )
            },
        ),
        (
            "Times",
            {
                "fields": (
                    "created_at",
                    "connected_at",
                    "paused_at",
                    "circuit_opened_at",
                    "circuit_reason",
                    "circuit_probe_after",
                    "removed_at",
                )
            },
        ),
    )
    readonly_fields = ("newest_tests", "shown_state")
    inlines = (AccessChangeInline,)
    list_filter = (
        "provider",
        "identity",
        "public_mode",
        "auto_copy",
        ("connected_at", admin.EmptyFieldListFilter),
        ("paused_at", admin.EmptyFieldListFilter),
        ("circuit_opened_at", admin.EmptyFieldListFilter),
        ("removed_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("name", "bucket", "endpoint_url", "access_key_id", "role_arn", "project__name")
    date_hierarchy = "created_at"
    list_select_related = ("project",)
    actions = ("test", "check_ledger", "pause", "resume")

    @admin.display(description="Newest tests")
    def newest_tests(self, storage: CustomStorage) -> SafeString | str:
        tests = storage.connection_tests.order_by("-pk")[:_N_TESTS]
        rows = [
            (
                reverse("admin:storages_app_connectiontest_change", args=[test.pk]),
                f"{test.created_at:%Y-%m-%d %H:%M:%S} UTC",
                f"{test.kind} by {test.trigger}: {test.state}",
            )
            for test in tests
        ]
        listed = format_html_join("", '<li><a href="{}">{}</a> {}</li>', rows)
        return format_html("<ul>{}</ul>", listed) if rows else "None yet"

    @admin.display(description="State")
    def shown_state(self, storage: CustomStorage) -> str:
        return storage.state.capitalize()

    @admin.display(description="Dashboard")
    def open_page(self, storage: CustomStorage) -> SafeString | str:
        if storage.removed_at:
            return ""
        return dashboard_link("storage", storage.project.slug, storage.pk)

    @asked_once(
        "Run the connection test",
        hint="Each bucket is asked in the background; the test writes a small object and removes "
        "it again.",
    )
    def test(self, request: HttpRequest, storages: Storages) -> None:
        actor = actor_of(request)

        def ask(storage: CustomStorage) -> None:
            services.request_test(custom_storage=storage, asked_by=actor)
            Event.objects.record(
                "storage.test_asked",
                actor=actor,
                subject=storage.name,
                subject_id=storage.pk,
                project=storage.project,
            )

        self._each(request, storages, ask, "asked to be tested")

    @asked_once("Pause", hint="Copies and backups into them wait until they are resumed.")
    def pause(self, request: HttpRequest, storages: Storages) -> None:
        actor = actor_of(request)
        self._each(
            request,
            storages.filter(paused_at=None),
            lambda storage: services.pause(custom_storage=storage, actor=actor),
            "paused",
        )

    @asked_once("Resume", hint="What waits for them is copied.")
    def resume(self, request: HttpRequest, storages: Storages) -> None:
        actor = actor_of(request)
        self._each(
            request,
            storages.exclude(paused_at=None),
            lambda storage: services.resume(custom_storage=storage, actor=actor),
            "resumed",
        )

    @asked_once(
        "Check against the ledger",
        hint="The whole listing of each bucket is compared with the copies that are Done.",
    )
    def check_ledger(self, request: HttpRequest, storages: Storages) -> None:
        actor = actor_of(request)

        def ask(storage: CustomStorage) -> None:
            reconciliation.request(
                custom_storage=storage, kind=Reconciliation.Kind.FULL, asked_by=actor
            )
            Event.objects.record(
                "storage.check_asked",
                actor=actor,
                subject=storage.name,
                subject_id=storage.pk,
                project=storage.project,
            )

        self._each(request, storages, ask, "asked to be checked")

    def _each(
        self,
        request: HttpRequest,
        storages: Storages,
        do: Callable[[CustomStorage], object],
        done: str,
    ) -> None:
        self.each(request, storages.select_related("project"), do, noun="storage", done=done)
