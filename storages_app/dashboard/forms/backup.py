"""Setting up a project's backup, and changing it later."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms

from storages_app.backups import planner, services
from storages_app.dashboard.forms.base import DashboardForm
from storages_app.dashboard.storage_states import storage_word
from storages_app.models import BackupPlan, CustomStorage, Project
from storages_app.objectstores import providers

OTHER = "other"
_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


@dataclass(frozen=True)
class StorageChoice:
    """One storage to choose, with what is to be known of it before."""

    storage: CustomStorage
    is_chosen: bool
    shares_fate: bool

    @property
    def word(self) -> str:
        return storage_word(self.storage)


class BackupForm(DashboardForm):
    custom_storage = forms.ModelChoiceField(
        label="Storage",
        queryset=CustomStorage.objects.none(),
        empty_label=None,
        widget=forms.RadioSelect,
        error_messages={
            "invalid_choice": "That storage is not connected any more.",
            "required": "Choose a storage.",
        },
    )
    schedule = forms.ChoiceField(
        label="Full pass",
        choices=[*planner.choices(), (OTHER, "Other, as cron")],
        help_text="New files go right after they are stored. A pass finds what was missed.",
    )
    cron = forms.CharField(
        label="Cron",
        max_length=100,
        required=False,
        help_text="Minute, hour, day, month, weekday, in UTC; such as 30 2 * * 1-5.",
        widget=forms.TextInput(attrs=_PLAIN | {"class": "mono"}),
    )
    keep_days = forms.IntegerField(
        label="Keep manifests for … days",
        min_value=0,
        max_value=services.MAX_KEEP_DAYS,
        initial=0,
        help_text="0 keeps them for ever. Files in the bucket are never deleted.",
    )
    storage_class = forms.ChoiceField(
        label="Storage class",
        required=False,
        help_text="Of the files. Archive classes must be thawed before a restore, "
        "and cannot be read back.",
    )
    sample_size = forms.IntegerField(
        label="Files to read back in each run",
        min_value=0,
        max_value=services.MAX_SAMPLE,
        initial=10,
        help_text="Read whole and compared, one after the other until all were read.",
    )
    ping_url = forms.CharField(
        label="Ping URL",
        max_length=2048,
        required=False,
        help_text="Called with /start added when a run begins; when it has ended, as it is if all "
        "is well, else with /fail.",
        widget=forms.URLInput(attrs=_PLAIN | {"placeholder": "https://hc-ping.com/…"}),
    )

    def __init__(
        self, *args: Any, project: Project, plan: BackupPlan | None = None, **kwargs: Any
    ) -> None:
        kwargs["initial"] = _initial(plan)
        super().__init__(*args, **kwargs)
        self.storages = list(services.usable_storages(project).order_by("name"))
        storage_field: Any = self.fields["custom_storage"]
        storage_field.queryset = services.usable_storages(project)
        classes = {
            name: name
            for storage in self.storages
            for name in providers.provider(storage.provider).storage_classes
        }
        class_field: Any = self.fields["storage_class"]
        class_field.choices = [("", "As the storage has it"), *classes.items()]

    def storage_choices(self) -> Iterator[StorageChoice]:
        chosen = str(self["custom_storage"].value() or "")
        for number, storage in enumerate(self.storages):
            is_chosen = str(storage.pk) == chosen if chosen else number == 0
            yield StorageChoice(storage, is_chosen, services.shares_fate(storage))

    @property
    def cron_text(self) -> str:
        """The schedule that is chosen or typed at this moment, right or wrong."""
        chosen = str(self["schedule"].value() or "")
        return str(self["cron"].value() or "") if chosen == OTHER else chosen

    def options(self) -> dict[str, Any]:
        names = ("keep_days", "storage_class", "sample_size", "ping_url")
        return {"cron": self.cron_text.strip()} | {name: self.cleaned_data[name] for name in names}


def _initial(plan: BackupPlan | None) -> dict[str, Any]:
    if plan is None:
        return {"schedule": planner.DEFAULT_CRON}
    known = {cron for cron, _ in planner.choices()}
    return services.options_of(plan) | {
        "custom_storage": plan.custom_storage_id,
        "schedule": plan.cron if plan.cron in known else OTHER,
        "cron": "" if plan.cron in known else plan.cron,
    }
