"""The filters of the list of copies."""

from typing import Any

from django import forms

from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import CustomStorage, Project
from storages_app.models.copy_jobs import RUNNING_STATES, WAITING_STATES, CopyJobQuerySet, State

_STATES = {
    "waiting": WAITING_STATES,
    "running": RUNNING_STATES,
    "done": (State.DONE,),
    "attention": (State.UNVERIFIED, State.BLOCKED),
    "failed": (State.FAILED,),
    "skipped": (State.SKIPPED,),
    "cancelled": (State.CANCELLED,),
}


class CopyFilterForm(DashboardForm):
    state = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Any state"),
            ("waiting", "Waiting"),
            ("running", "Running"),
            ("done", "Done"),
            ("attention", "Needs attention"),
            ("failed", "Failed"),
            ("skipped", "Skipped"),
            ("cancelled", "Cancelled"),
        ],
    )
    storage = forms.ModelChoiceField(
        queryset=CustomStorage.objects.none(), required=False, empty_label="Any storage"
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        storages = CustomStorage.objects.live().filter(project=project).order_by("name")
        self.fields["storage"].queryset = storages  # type: ignore[attr-defined]

    def apply(self, jobs: CopyJobQuerySet) -> CopyJobQuerySet:
        jobs = self.of_storage(jobs)
        if self.is_valid() and self.cleaned_data["state"]:
            jobs = jobs.filter(state__in=_STATES[self.cleaned_data["state"]])
        return jobs

    def of_storage(self, jobs: CopyJobQuerySet) -> CopyJobQuerySet:
        if self.is_valid() and self.cleaned_data["storage"]:
            jobs = jobs.filter(custom_storage=self.cleaned_data["storage"])
        return jobs

    @property
    def is_used(self) -> bool:
        return self.is_valid() and any(self.cleaned_data.values())
