"""The form about how new uploads are treated."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings

from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import Project
from storages_app.projects.services import parse_accepted_types

_MB = 1_000_000
_UNSTORED_HOURS = settings.UNSTORED_FILES_LIVE // timedelta(hours=1)


class UploadSettingsForm(DashboardForm):
    stores_by_default = forms.BooleanField(
        label="Store uploads automatically",
        required=False,
        help_text=f"Files that are not stored are removed after {_UNSTORED_HOURS} hours.",
    )
    max_upload_mb = forms.IntegerField(
        label="Largest file, in MB",
        required=False,
        min_value=1,
        max_value=5_368,
        help_text="Empty means the limit of this instance.",
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )

    accepted_types = forms.CharField(
        label="Accepted types",
        required=False,
        max_length=4_000,
        help_text=(
            "Such as image/* or application/pdf, separated by commas; empty means all. "
            "What counts is what the bytes are: a table in CSV is text/plain."
        ),
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )
    requires_signed_uploads = forms.BooleanField(
        label="Signed uploads only",
        required=False,
        help_text=(
            "Uploads without the signature of a secret key are refused. "
            "Change your pages first: they need a signature from your server."
        ),
    )
    accepts_legacy_signatures = forms.BooleanField(
        label="Accept MD5 signatures too",
        required=False,
        help_text="Only for programs of before 2018 that cannot sign with HMAC-SHA256.",
    )

    @classmethod
    def of(cls, project: Project) -> "UploadSettingsForm":
        limit = project.max_upload_size
        return cls(
            initial={
                "stores_by_default": project.stores_by_default,
                "max_upload_mb": None if limit is None else max(1, limit // _MB),
                "accepted_types": project.accepted_types,
                "requires_signed_uploads": project.requires_signed_uploads,
                "accepts_legacy_signatures": project.accepts_legacy_signatures,
            }
        )

    def clean_accepted_types(self) -> str:
        return self.clean_by(parse_accepted_types, "accepted_types")

    @property
    def changes(self) -> dict[str, Any]:
        megabytes = self.cleaned_data["max_upload_mb"]
        return {
            "stores_by_default": self.cleaned_data["stores_by_default"],
            "max_upload_size": None if megabytes is None else megabytes * _MB,
            "accepted_types": self.cleaned_data["accepted_types"],
            "requires_signed_uploads": self.cleaned_data["requires_signed_uploads"],
            "accepts_legacy_signatures": self.cleaned_data["accepts_legacy_signatures"],
        }


def instance_limit() -> int:
    """Bytes of one direct upload that this instance takes at most."""
    return int(settings.MAX_DIRECT_UPLOAD)
