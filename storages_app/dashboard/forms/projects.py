"""Forms about a project."""

from typing import Any

from django import forms

from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import Project

_PLAIN = {"autocomplete": "off"}


class NewProjectForm(DashboardForm):
    name = forms.CharField(
        max_length=100,
        help_text="Most teams make one for staging and one for production.",
        widget=forms.TextInput(attrs=_PLAIN),
    )


class ProjectNameForm(DashboardForm):
    name = forms.CharField(
        max_length=100,
        help_text="Addresses and keys stay as they are.",
        widget=forms.TextInput(attrs=_PLAIN),
    )


class DeleteProjectForm(DashboardForm):
    """The name has to be typed, so that nobody deletes the wrong project."""

    name = forms.CharField(
        label="Name of the project",
        widget=forms.TextInput(attrs=_PLAIN),
        error_messages={"required": "Type the name of the project."},
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project

    def clean_name(self) -> str:
        typed = str(self.cleaned_data["name"]).strip()
        if typed != self.project.name:
            raise forms.ValidationError(f"That is not “{self.project.name}”. Nothing was deleted.")
        return typed
