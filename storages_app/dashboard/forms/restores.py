"""Asking for a restore: from which manifest, which files, into what."""

import uuid
from datetime import date
from typing import Any

from django import forms

from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import CustomStorage, Project, RestoreRun
from storages_app.restores.services import Offered

_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
HERE, NEW = "here", "new"


class SourceForm(DashboardForm):
    """Which bucket to look into; a draft will do, if its keys may read."""

    storage = forms.ModelChoiceField(
        label="Read from",
        queryset=CustomStorage.objects.none(),
        empty_label=None,
        error_messages={
            "required": "Choose a storage to read from.",
            "invalid_choice": "That storage is not there any more.",
        },
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        storages = CustomStorage.objects.live().filter(project=project).order_by("name")
        field = self.fields["storage"]
        field.queryset = storages  # type: ignore[attr-defined]
        field.label_from_instance = _storage_label  # type: ignore[attr-defined]


def _storage_label(storage: CustomStorage) -> str:
    return f"{storage.name} ({storage.address})"


class RestoreForm(DashboardForm):
    """The whole order on one page."""

    storage = forms.CharField(widget=forms.HiddenInput)
    manifest = forms.ChoiceField(
        label="Backup as of",
        help_text="What was deleted before a backup was made is in an earlier one.",
        error_messages={
            "required": "Choose a backup.",
            "invalid_choice": "The bucket does not list that manifest any more.",
        },
    )
    into = forms.ChoiceField(
        label="Restore into", error_messages={"required": "Choose a project to restore into."}
    )
    new_name = forms.CharField(
        label="Name of the new project",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs=_PLAIN),
        help_text="It gets keys of its own.",
    )
    on_taken = forms.ChoiceField(
        label="Where a UUID belongs to another file here",
        choices=RestoreRun.OnTaken.choices,
        initial=RestoreRun.OnTaken.SKIP,
        widget=forms.RadioSelect,
    )
    name = forms.CharField(
        label="Part of the name",
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs=_PLAIN),
    )
    after = forms.DateField(
        label="Uploaded from", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    before = forms.DateField(
        label="Uploaded until",
        required=False,
        help_text="That day included. Times are UTC.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    uuids = forms.CharField(
        label="UUIDs",
        required=False,
        max_length=400_000,
        help_text="One a line. A file that was removed here keeps its UUID and its address.",
        widget=forms.Textarea(attrs=_PLAIN | {"rows": 3}),
    )
    once = forms.UUIDField(required=False, initial=uuid.uuid4, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, offered: list[Offered], others: list[Project], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.others = {project.slug: project for project in others}
        several = len({one.info.public_key for one in offered}) > 1
        self._choices("manifest", [(one.info.key, _label(one, several)) for one in offered])
        elsewhere = [(slug, project.name) for slug, project in self.others.items()]
        self._choices(
            "into", [(HERE, "This project"), *elsewhere, (NEW, "A new project, named below")]
        )

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> None:
        if self.cleaned_data.get("into") != NEW:
            self.errors.pop("new_name", None)  # nobody sees the field
        elif not self.cleaned_data.get("new_name") and not self.has_error("new_name"):
            self.add_error("new_name", "Give the new project a name.")

    def only(self) -> dict[str, Any]:
        """The choice of files, as the service takes it."""
        data = self.cleaned_data
        wanted: dict[str, Any] = {"name": data["name"], "uuids": data["uuids"].split()}
        for field in ("after", "before"):
            day: date | None = data[field]
            wanted[field] = day.isoformat() if day else ""
        return {field: value for field, value in wanted.items() if value}

    @property
    def has_choice(self) -> bool:
        """Whether the fields that leave files out are open."""
        return any(self[field].value() for field in ("name", "after", "before", "uuids"))


def _label(one: Offered, tells_key: bool) -> str:
    said = [f"{one.info.moment:%Y-%m-%d %H:%M} UTC"]
    if one.run:
        files = "1 file" if one.run.n_files == 1 else f"{one.run.n_files:,} files"
        said += [files, one.run.get_state_display().lower()]
    if tells_key:
        said.append(f"project {one.info.public_key}")
    return " · ".join(said)


class StartForm(DashboardForm):
    """Replacing files is confirmed by the name of the project they are in."""

    typed_name = forms.CharField(widget=forms.TextInput(attrs=_PLAIN))

    def __init__(self, *args: Any, run: RestoreRun, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["typed_name"].label = f"Type “{run.project.name}”"
