"""Forms about files: upload, choose some of them, copy."""

from typing import Any

from django import forms
from django.db.models import Case, Exists, OuterRef, When

from storages_app.custom_storages.processed import MAX_EFFECTS
from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import BackupPlan, CustomStorage, File, Project
from storages_app.uploads.validation import MAX_METADATA_KEY, MAX_METADATA_VALUE

PAGE_SIZE = 50


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Any]:
        return list(files.getlist(name))


class FilesField(forms.FileField):
    """One or more files under one name; each has to pass."""

    widget = FilesInput

    def clean(self, data: list[Any], initial: Any = None) -> list[Any]:
        return [super(FilesField, self).clean(one, initial) for one in data or [None]]


class UploadForm(DashboardForm):
    file = FilesField(label="Files", allow_empty_file=False, max_length=None)
    as_group = forms.BooleanField(
        label="Put them together as a group",
        required=False,
        help_text="One address for all of them, and one archive to download.",
    )


class FetchForm(DashboardForm):
    source_url = forms.CharField(
        label="Address",
        max_length=2000,
        help_text="Of a file on the web, like https://www.example.com/photo.jpg.",
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class SelectionForm(DashboardForm):
    """Some files of one page of the list, and what is to be done with them."""

    STORE, COPY, LIST, DELETE = "store", "copy", "list", "delete"

    do = forms.ChoiceField(
        choices=[(STORE, "Store"), (COPY, "Copy"), (LIST, "Download"), (DELETE, "Delete")],
        error_messages={"required": "Choose what is to be done with them."},
    )
    file = forms.ModelMultipleChoiceField(
        queryset=File.objects.none(), error_messages={"required": "No file was selected."}
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = File.objects.live().filter(project=project)
        self.fields["file"].queryset = chosen  # type: ignore[attr-defined]

    def clean_file(self) -> list[File]:
        files = list(self.cleaned_data["file"][: PAGE_SIZE + 1])
        if len(files) > PAGE_SIZE:
            raise forms.ValidationError(f"At most {PAGE_SIZE} files at once.")
        return files


class MetadataForm(DashboardForm):
    """One value; the rules are those of the room that keeps it."""

    key = forms.CharField(
        label="Key",
        strip=True,
        max_length=MAX_METADATA_KEY,
        help_text="A-Z a-z 0-9 _ - . :",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    value = forms.CharField(label="Value", strip=False, max_length=MAX_METADATA_VALUE)


class CopyForm(DashboardForm):
    """Which storage, and as original or with image operations."""

    custom_storage = forms.ModelChoiceField(
        label="Storage",
        queryset=CustomStorage.objects.none(),
        empty_label=None,
        error_messages={"invalid_choice": "That storage is not connected any more."},
    )
    effects = forms.CharField(
        label="Image operations",
        required=False,
        max_length=MAX_EFFECTS,
        help_text="Empty copies the original. For example -/resize/200x/ for a smaller version.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        backups = BackupPlan.objects.filter(custom_storage=OuterRef("pk"))
        # The first is chosen until somebody chooses: not one where copies would wait, and by hand
        # rarely the backup's own bucket.
        waits = Case(When(paused_at=None, circuit_opened_at=None, then=0), default=1)
        storages = (
            CustomStorage.objects.connected()
            .filter(project=project)
            .order_by(waits, Exists(backups), "name")
        )
        self.fields["custom_storage"].queryset = storages  # type: ignore[attr-defined]
