"""The form about how new uploads are treated."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings

from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import Project
from storages_app.projects.services import parse_accepted_types
from storages_app.projects.upload_origins import parse_origins

_MB = 1_000_000
_UNSTORED_HOURS = settings.UNSTORED_FILES_LIVE // timedelta(hours=1)
_OWN = "own"
_OFFICE = "application/vnd.openxmlformats-officedocument"
# Value → label and types, in the form that is kept.
_PRESETS = {
    "all": ("All types", ""),
    "images": ("Images", "image/*"),
    "media": ("Images, video and audio", "image/*, video/*, audio/*"),
    "documents": (
        "Documents: PDF, text, Word, Excel, PowerPoint",
        (
            "application/pdf, text/*, application/msword, application/vnd.ms-excel, "
            f"application/vnd.ms-powerpoint, {_OFFICE}.wordprocessingml.document, "
            f"{_OFFICE}.spreadsheetml.sheet, {_OFFICE}.presentationml.presentation"
        ),
    ),
    _OWN: ("A list of my own", ""),
}
_LIST = {"rows": 2, "spellcheck": "false", "autocomplete": "off"}


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
    types = forms.ChoiceField(
        label="Types of files",
        required=False,
        choices=[(value, label) for value, (label, _) in _PRESETS.items()],
        widget=forms.RadioSelect,
        help_text="What counts is what the bytes are, whatever the name says.",
    )
    accepted_types = forms.CharField(
        label="My own list of types",
        required=False,
        max_length=4_000,
        help_text=(
            "Such as image/* or application/pdf, separated by commas; empty means all. "
            "A table in CSV is text/plain."
        ),
        widget=forms.Textarea(attrs=_LIST),
    )
    accepts_url_uploads = forms.BooleanField(
        label="Upload from URL",
        required=False,
        help_text="Files may be fetched from the web (/from_url/).",
    )
    allowed_origins = forms.CharField(
        label="Allowed origins",
        required=False,
        max_length=4_000,
        help_text=(
            "Pages that may upload, such as https://shop.example, separated by commas; empty means "
            "all. Browsers tell the truth about this; against other programs use signed uploads."
        ),
        widget=forms.Textarea(attrs=_LIST),
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
        limit, types = project.max_upload_size, project.accepted_types
        preset = next((value for value, (_, kept) in _PRESETS.items() if kept == types), _OWN)
        return cls(
            initial={
                "stores_by_default": project.stores_by_default,
                "max_upload_mb": None if limit is None else max(1, limit // _MB),
                "types": preset,
                "accepted_types": types if preset == _OWN else "",
                "accepts_url_uploads": project.accepts_url_uploads,
                "allowed_origins": project.allowed_origins,
                "requires_signed_uploads": project.requires_signed_uploads,
                "accepts_legacy_signatures": project.accepts_legacy_signatures,
            }
        )

    def clean_accepted_types(self) -> str:
        preset = self.cleaned_data.get("types") or _OWN
        if preset != _OWN:
            return _PRESETS[preset][1]
        return self.clean_by(parse_accepted_types, "accepted_types")

    def clean_allowed_origins(self) -> str:
        return self.clean_by(parse_origins, "allowed_origins")

    @property
    def changes(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        megabytes = cleaned["max_upload_mb"]
        return {
            "stores_by_default": cleaned["stores_by_default"],
            "max_upload_size": None if megabytes is None else megabytes * _MB,
            "accepted_types": cleaned["accepted_types"],
            "accepts_url_uploads": cleaned["accepts_url_uploads"],
            "allowed_origins": cleaned["allowed_origins"],
            "requires_signed_uploads": cleaned["requires_signed_uploads"],
            "accepts_legacy_signatures": cleaned["accepts_legacy_signatures"],
        }


def instance_limit() -> int:
    """Bytes of one direct upload that this instance takes at most."""
    return int(settings.MAX_DIRECT_UPLOAD)
