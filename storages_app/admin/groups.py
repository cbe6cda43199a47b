"""Groups of files."""

from django.contrib import admin

from storages_app.admin.base import ReadOnlyAdmin, ReadOnlyInline
from storages_app.models import Group, GroupMember


class MemberInline(ReadOnlyInline):
    model = GroupMember
    fields = ("position", "file", "effects")
    max_num = 0


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    list_display = ("wire_id", "project", "n_files", "created_at", "stored_at", "removed_at")
    list_filter = (("removed_at", admin.EmptyFieldListFilter),)
    search_fields = ("uuid", "project__name")
    date_hierarchy = "created_at"
    list_select_related = ("project",)
    inlines = (MemberInline,)
