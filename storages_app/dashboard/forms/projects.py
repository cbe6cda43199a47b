"""Forms about a project."""

from django import forms

from storages_app.dashboard.forms.base import DashboardForm


class NewProjectForm(DashboardForm):
    name = forms.CharField(
        max_length=100,
        help_text="Most teams make one for staging and one for production.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
