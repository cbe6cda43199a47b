"""Requests that may come again, and whether they were answered."""

from django.contrib import admin

from storages_app.admin.base import ReadOnlyAdmin
from storages_app.models import IdempotencyKey


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    list_display = ("pk", "project", "route", "status", "lease_until", "created_at")
    exclude = ("answer",)
    search_fields = ("project__name", "project__public_key", "route", "key")
    date_hierarchy = "created_at"
    list_select_related = ("project",)
