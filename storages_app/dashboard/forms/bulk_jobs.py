"""The form that asks for copies of many files."""

import uuid
from typing import Any

from django import forms

from storages_app.bulk_copies.orders import SELECTION_LIMIT
from storages_app.dashboard.forms.files import CopyForm
from storages_app.lib.errors import UcdashError
from storages_app.library.filters import FileFilter
from storages_app.models import BulkJob, CustomStorage, Project

What = BulkJob.What
_FIELD_OF = {
    "pattern_invalid": "pattern",
    "bad_effects": "effects",
    "processed_too_large_100mb": "effects",
    "publicity_fixed": "make_public",
    "storage_paused": "custom_storage",
    "storage_not_connected": "custom_storage",
    "nothing_chosen": "what",
    "filter_invalid": "what",
}
_AS_SET = "As the storage is set"
_PUBLIC = {"": None, "yes": True, "no": False}


class UuidsField(forms.MultipleChoiceField):
    """Files by UUID, any number of times `file=`; the service says which it does not know."""

    widget = forms.MultipleHiddenInput

    def valid_value(self, value: str) -> bool:
        try:
            forms.UUIDField().clean(value)
        except forms.ValidationError:
            return False
        return True

    def validate(self, value: list[str]) -> None:
        if len(value) > SELECTION_LIMIT:
            raise forms.ValidationError(f"At most {SELECTION_LIMIT:,} files can be chosen.")
        if not all(map(self.valid_value, value)):
            raise forms.ValidationError("One of the chosen files has no valid UUID.")

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        return [forms.UUIDField().clean(one) for one in cleaned]


class BulkCopyForm(CopyForm):
    """Which files, to which storage, and how."""

    what = forms.ChoiceField(label="Files", choices=What.choices, widget=forms.RadioSelect)
    on_clash = forms.ChoiceField(
        label="When a name is taken by another file",
        required=False,
        choices=[("", _AS_SET), *CustomStorage.OnClash.choices],
    )
    make_public = forms.ChoiceField(
        label="Public or private",
        required=False,
        choices=[("", _AS_SET), ("yes", "Public"), ("no", "Private")],
    )
    pattern = forms.CharField(
        label="Naming pattern",
        required=False,
        max_length=512,
        help_text="Empty is the storage’s own. For example ${uuid}/${filename}${effects}${ext}",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    is_dry_run = forms.BooleanField(
        label="Dry run first",
        required=False,
        help_text="Count, look for taken names and sizes, and ask before the first copy.",
    )
    file = UuidsField(required=False)
    once = forms.UUIDField(required=False, initial=uuid.uuid4, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, project: Project, offers: list[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, project=project, **kwargs)
        self.fields["what"].choices = offers  # type: ignore[attr-defined]
        for name in FileFilter.base_filters:  # read by the service, as it stands in an address
            self.fields[name] = forms.CharField(required=False, widget=forms.HiddenInput)

    @property
    def has_storages(self) -> bool:
        return bool(self.fields["custom_storage"].queryset.exists())  # type: ignore[attr-defined]

    @property
    def has_options(self) -> bool:
        """Whether something was said, or refused, of what is folded."""
        names = ("on_clash", "make_public", "pattern", "effects")
        return any(self[name].value() or self[name].errors for name in names)

    def field_of(self, error: UcdashError) -> str | None:
        """Where a refusal of the service belongs."""
        return _FIELD_OF.get(error.code)

    def order(self) -> dict[str, Any]:
        """What the form asks of the service."""
        data = self.cleaned_data
        return {
            "custom_storage": data["custom_storage"],
            "what": data["what"],
            "filter_by": {name: data[name] for name in FileFilter.base_filters},
            "file_uuids": data["file"] if data["what"] == What.SELECTION else (),
            "effects": data["effects"],
            "pattern": data["pattern"],
            "on_clash": data["on_clash"],
            "make_public": _PUBLIC[data["make_public"]],
            "is_dry_run": data["is_dry_run"],
        }
