"""Forms about a project and its keys."""

import uuid
from typing import Any

from django import forms
from django.conf import settings

from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import Project, SecretKey

_MB = 1_000_000


class NewProjectForm(DashboardForm):
    name = forms.CharField(
        max_length=100,
        help_text="Most teams make one for staging and one for production.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class SecretKeyForm(DashboardForm):
    label = forms.CharField(
        max_length=60,
        help_text="Where the key will live, such as “shop server”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.ChoiceField(
        choices=[(SecretKey.Scope.FULL, "Full"), (SecretKey.Scope.READ, "Read only")],
        initial=SecretKey.Scope.FULL,
        help_text="A read-only key may list and look, never change.",
    )
    once = forms.UUIDField(required=False, initial=uuid.uuid4, widget=forms.HiddenInput)


class UploadSettingsForm(DashboardForm):
    stores_by_default = forms.BooleanField(
        label="Store uploads automatically",
        required=False,
        help_text="Files that are not stored are removed after 24 hours.",
    )
    max_upload_mb = forms.IntegerField(
        label="Largest file, in MB",
        required=False,
        min_value=1,
        max_value=5_368,
        help_text="Empty means the limit of this instance.",
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )

    @classmethod
    def of(cls, project: Project) -> "UploadSettingsForm":
        limit = project.max_upload_size
        return cls(
            initial={
                "stores_by_default": project.stores_by_default,
                "max_upload_mb": None if limit is None else max(1, limit // _MB),
            }
        )

    @property
    def changes(self) -> dict[str, Any]:
        megabytes = self.cleaned_data["max_upload_mb"]
        return {
            "stores_by_default": self.cleaned_data["stores_by_default"],
            "max_upload_size": None if megabytes is None else megabytes * _MB,
        }


def instance_limit() -> int:
    """Bytes of one direct upload that this instance takes at most."""
    return int(settings.MAX_DIRECT_UPLOAD)
