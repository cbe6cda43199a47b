"""Forms about signed URLs."""

import uuid

from django import forms

from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import Project


class SignedUrlsForm(DashboardForm):
    is_required = forms.BooleanField(
        label="Serve files only by signed URLs",
        required=False,
        help_text="Addresses without a token are answered with 403, old ones too.",
    )

    @classmethod
    def of(cls, project: Project) -> "SignedUrlsForm":
        return cls(initial={"is_required": project.requires_signed_urls})


class UrlSecretForm(DashboardForm):
    """Nothing to fill in: it only tells a reload from a second wish."""

    once = forms.UUIDField(initial=uuid.uuid4, widget=forms.HiddenInput)
