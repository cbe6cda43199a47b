"""Projects; their members are edited here, the rest on their own pages."""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms.formsets import DELETION_FIELD_NAME
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from storages_app.admin.base import Inline, ReadOnlyAdmin, actor_of, dashboard_link
from storages_app.models import Event, Membership, Project, User
from storages_app.projects import members
from storages_app.projects.roles import Role
from storages_app.projects.team_errors import LastOwner

if TYPE_CHECKING:
    Form = forms.ModelForm[Membership]
    FormSet = BaseInlineFormSet[Membership, Project, forms.ModelForm[Any]]
else:
    Form, FormSet = forms.ModelForm, BaseInlineFormSet


class MemberForm(Form):
    """A member stays who it is: another person is another member."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["user"].disabled = True


class MemberFormSet(FormSet):
    def add_fields(self, form: Any, index: int | None) -> None:
        """A column's head names no field for who does not see the table."""
        super().add_fields(form, index)
        for name, label in (("role", "Role"), (DELETION_FIELD_NAME, "Delete")):
            if name in form.fields:
                form.fields[name].widget.attrs["aria-label"] = label

    def clean(self) -> None:
        """The last owner stays, here as on the page of the team."""
        super().clean()
        if any(self.errors) or not self.instance.pk:
            return
        members.hold(self.instance)
        had_one = members.deciding_owners(self.instance).exists()
        if had_one and not any(map(self._leaves_an_owner, self.forms)):
            raise ValidationError(f"{LastOwner().message} {LastOwner().advice}", LastOwner.code)

    @staticmethod
    def _leaves_an_owner(form: Any) -> bool:
        row = form.cleaned_data
        stays = bool(row.get("user")) and not row.get(DELETION_FIELD_NAME)
        return stays and row["role"] == Role.OWNER and row["user"].is_active


class MembershipInline(Inline):
    model = Membership
    form = MemberForm
    formset = MemberFormSet
    verbose_name_plural = "members"
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
        project, by = form.instance, cast("User", request.user)
        formset.save(commit=False)
        for member in formset.new_objects:
            member.save()
            Event.objects.record(
                "member.added",
                actor=actor_of(request),
                subject=member.user.email,
                subject_id=member.user_id,
                project=project,
                data={"role": member.role},
            )
        # New owners first, so that one is left at every step.
        changed = [member for member, _ in formset.changed_objects]
        for member in sorted(changed, key=lambda one: one.role != Role.OWNER):
            members.change_role(membership=member, role=member.role, by=by)
        for member in formset.deleted_objects:
            members.remove(membership=member, by=by)

    @admin.display(description="Dashboard")
    def open_page(self, project: Project) -> SafeString:
        return dashboard_link("overview", project.slug)
