"""Choosing the storage of a project's backup."""

from typing import Any

from django import forms

from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import CustomStorage, Project


class BackupForm(DashboardForm):
    custom_storage = forms.ModelChoiceField(
        label="Storage",
        queryset=CustomStorage.objects.none(),
        empty_label=None,
        error_messages={"invalid_choice": "That storage is not connected any more."},
        help_text="Files go to its prefix, as <uuid>/<name>.",
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        storages = CustomStorage.objects.connected().filter(project=project).order_by("name")
        self.fields["custom_storage"].queryset = storages  # type: ignore[attr-defined]
