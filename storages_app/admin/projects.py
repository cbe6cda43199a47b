"""Projects; their members are edited here, the rest on their own pages."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from storages_app.admin.base import Inline, ReadOnlyAdmin, actor_of, dashboard_link
from storages_app.models import Event, Membership, Project


class MembershipInline(Inline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)
    fields = ("user", "role")


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "open_page",
        "slug",
        "public_key",
        "stores_by_default",
        "requires_signed_uploads",
        "uploads_paused_at",
        "created_at",
        "removed_at",
    )
    search_fields = ("name", "slug", "public_key")
    list_filter = (
        ("uploads_paused_at", admin.EmptyFieldListFilter),
        ("removed_at", admin.EmptyFieldListFilter),
    )
    date_hierarchy = "created_at"
    inlines = (MembershipInline,)
    readonly_fields = (
        "name",
        "slug",
        "public_key",
        "stores_by_default",
        "max_upload_size",
        "accepted_types",
        "accepts_url_uploads",
        "allowed_origins",
        "requires_signed_uploads",
        "accepts_legacy_signatures",
        "requires_signed_urls",
        "created_at",
        "removed_at",
        "open_page",
    )
    fields = (*readonly_fields, "max_files", "max_bytes")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For the members below and the quota; the project's other fields stay read-only."""
        return request.user.has_perm("storages_app.change_project")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A quota is changed with a line in the project's activity."""
        super().save_model(request, obj, form, change)
        if form.changed_data:
            Event.objects.record(
                "project.quota_changed",
                actor=actor_of(request),
                subject=obj.name,
                project=obj,
                data={name: getattr(obj, name) for name in form.changed_data},
            )

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: Any) -> None:
        """Members come and go with a line in the project's activity."""
        formset.save()
        project, actor = form.instance, actor_of(request)
        for kind, members in (
            ("member.added", formset.new_objects),
            ("member.changed", [member for member, _ in formset.changed_objects]),
            ("member.removed", formset.deleted_objects),
        ):
            for member in members:
                Event.objects.record(
                    kind,
                    actor=actor,
                    subject=member.user.email,
                    project=project,
                    data={"role": member.role},
                )

    @admin.display(description="Dashboard")
    def open_page(self, project: Project) -> SafeString:
        return dashboard_link("overview", project.slug)
