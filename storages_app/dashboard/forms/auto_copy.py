"""The rule of a storage's auto-copy; custom_storages.auto_copy_rules decides what it may say."""

from decimal import Decimal
from typing import Any

from django import forms

from storages_app.custom_storages.auto_copy_rules import STORE, UPLOAD, Rule, clean_rule
from storages_app.custom_storages.errors import BadRule
from storages_app.dashboard.auto_copy_reports import USUAL_TYPES
from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import CustomStorage

_MB = 1_000_000
_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


def _size_field(label: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=False,
        min_value=0,
        max_value=10**9,
        decimal_places=6,  # to the byte
        widget=forms.TextInput(attrs=_PLAIN | {"inputmode": "decimal"}),
    )


class AutoCopyForm(DashboardForm):
    """Boxes for the usual types and a field for the rest; sizes in MB, exact to the byte."""

    on = forms.BooleanField(
        label="Copy new files here",
        required=False,
        help_text="From now on, by the rule below, without anybody asking.",
    )
    when = forms.ChoiceField(
        label="When",
        choices=[
            (UPLOAD, "As soon as a file is uploaded"),
            (STORE, "When a file is stored; temporary files are left out"),
        ],
        widget=forms.RadioSelect,
    )
    types = forms.MultipleChoiceField(
        label="Which types",
        required=False,
        choices=list(USUAL_TYPES.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text="Tick none for every type.",
    )
    more_types = forms.CharField(
        label="More types",
        required=False,
        max_length=4000,
        help_text="With commas between, such as application/zip, font/*.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    min_size = _size_field("Size from, in MB")
    max_size = _size_field("Size up to, in MB")
    renditions = forms.CharField(
        label="Of images, make as well",
        required=False,
        max_length=50_000,
        strip=True,
        help_text="Image operations, one set on each line, such as -/preview/800x800/.",
        widget=forms.Textarea(attrs=_PLAIN | {"rows": 3}),
    )

    def __init__(self, data: Any = None, *, storage: CustomStorage) -> None:
        super().__init__(data, initial=_initial(storage))

    @property
    def rule(self) -> dict[str, Any]:
        """The rule as it was typed, for the service to judge."""
        values = self.cleaned_data
        more = [text.strip() for text in values["more_types"].split(",")]
        lines = [line.strip() for line in values["renditions"].splitlines()]
        return {
            "when": values["when"],
            "types": [*values["types"], *filter(None, more)],
            "min_size": _in_bytes(values["min_size"]),
            "max_size": _in_bytes(values["max_size"]),
            "renditions": [*filter(None, lines)],
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                clean_rule(self.rule)
            except BadRule as error:
                self.refuse_rule(error)
        return cleaned

    def refuse_rule(self, error: BadRule) -> None:
        is_typed = error.field == "types" and bool(self.cleaned_data.get("more_types"))
        field = "more_types" if is_typed else error.field
        # What an API's reader needs to know, the page shows already.
        self.add_error(field or None, error.message)


def _initial(storage: CustomStorage) -> dict[str, Any]:
    rule = Rule.of(storage)
    return {
        "on": storage.auto_copy,
        "when": rule.when,
        "types": [type_ for type_ in rule.types if type_ in USUAL_TYPES],
        "more_types": ", ".join(type_ for type_ in rule.types if type_ not in USUAL_TYPES),
        "min_size": _in_mb(rule.min_size),
        "max_size": _in_mb(rule.max_size),
        "renditions": "\n".join(rule.renditions),
    }


def _in_bytes(megabytes: Decimal | None) -> int | None:
    return None if megabytes is None else int(megabytes * _MB)


def _in_mb(n_bytes: int | None) -> str:
    if n_bytes is None:
        return ""
    return f"{(Decimal(n_bytes) / _MB).normalize():f}"
