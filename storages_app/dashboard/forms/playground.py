"""The form of the playground: it is sent by GET, so that its address can be kept and shared."""

import uuid
from typing import Any

from django import forms

from storages_app.custom_storages.processed import MAX_EFFECTS
from storages_app.dashboard.forms.base import DashboardForm
from storages_app.imaging.registry import all_operations
from storages_app.models import File, Project

_N_IMAGES = 50
_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class PlaygroundForm(DashboardForm):
    """The operations of an image, and one more to be added."""

    effects = forms.CharField(
        label="Image operations",
        required=False,
        max_length=MAX_EFFECTS,
        help_text="One after the other, as an address has them.",
        widget=forms.Textarea(attrs=_PLAIN | {"rows": 2, "class": "mono"}),
    )
    add = forms.ChoiceField(label="Add an operation", required=False)
    value = forms.CharField(
        label="Its parameters",
        required=False,
        max_length=500,
        help_text="With slashes between, as the table below shows.",
        widget=forms.TextInput(attrs=_PLAIN),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(name, name) for name in operation_names()]
        self.fields["add"].choices = [("", "Choose one"), *names]  # type: ignore[attr-defined]


def operation_names() -> list[str]:
    """All but the browser uploader's mark, which people do not write."""
    return sorted(name for name in all_operations() if not name.startswith("@"))


def newest_images(project: Project) -> list[File]:
    """What can be chosen by name; any other image by the address of the page."""
    images = File.objects.live().filter(project=project, is_image=True)
    return list(images.order_by("-uploaded_at")[:_N_IMAGES])


def read_uuid(text: str) -> uuid.UUID | None:
    """A UUID from the address; anything else is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
