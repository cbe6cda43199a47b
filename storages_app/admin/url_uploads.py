"""Fetches from addresses. The address may hold a password, so only its host is shown."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList

from storages_app.admin.base import ReadOnlyAdmin
from storages_app.models import UrlUpload


class ErrorCodes(admin.AllValuesFieldListFilter):
    """Those that came up; no error has a word too, or its link would be empty."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield dict(choice) | {"display": choice["display"] or "none"}


@admin.register(UrlUpload)
class UrlUploadAdmin(ReadOnlyAdmin):
    list_display = (
        "token",
        "project",
        "host",
        "state",
        "error_code",
        "error",
        "attempts",
        "n_bytes_done",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", ("error_code", ErrorCodes))
    search_fields = ("token", "project__name")
    date_hierarchy = "created_at"
    list_select_related = ("project",)
    exclude = ("source_url", "sealed_url")
    readonly_fields = ("host",)
