"""Which events the page of activity shows."""

from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import Event

# Value → label and how the kinds of its events begin.
_KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "": ("Everything", ()),
    "files": ("Files", ("file.", "group.", "upload.")),
    "copies": ("Copies and jobs", ("copy.", "bulk_copy.")),
    "storages": ("Storages", ("storage.", "check.")),
    "backup": ("Backup and restore", ("backup.", "restore.")),
    "keys": ("Keys", ("secret_key.", "project.url_secret", "project.public_key")),
    "telling": ("Webhooks and notifications", ("webhook.", "notification.")),
    "team": ("Team", ("member.", "invitation.", "project.handed_over")),
    "project": ("Project and settings", ("project.",)),
}
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)


class _DayField(forms.DateField):
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def clean(self, value: Any) -> Any:
        day = super().clean(value)
        if day and not _FIRST_DAY <= day <= _LAST_DAY:
            raise forms.ValidationError("Choose a day of this millennium.")
        return day


class ActivityForm(DashboardForm):
    """The filters, as they stand in the address of the page."""

    q = forms.CharField(label="Text", required=False, max_length=100)
    who = forms.CharField(label="Who", required=False, max_length=100)
    kind = forms.ChoiceField(
        label="What",
        required=False,
        choices=[(value, label) for value, (label, _) in _KINDS.items()],
    )
    since = _DayField(label="From", required=False)
    until = _DayField(label="To", required=False)

    @property
    def is_used(self) -> bool:
        return any(self.data.get(name) for name in self.fields)

    def choose(self, events: QuerySet[Event]) -> QuerySet[Event]:
        """Those that fit; a filter that cannot be read filters nothing, and its field says so."""
        chosen = self.cleaned_data if self.is_valid() else getattr(self, "cleaned_data", {})
        if text := chosen.get("q"):
            events = events.filter(
                Q(subject__icontains=text) | Q(kind__icontains=text.replace(" ", "_"))
            )
        if who := chosen.get("who"):
            events = events.filter(Q(actor__icontains=who) | Q(address__startswith=who))
        if beginnings := _KINDS.get(chosen.get("kind") or "", ("", ()))[1]:
            events = events.filter(
                reduce(or_, (Q(kind__startswith=beginning) for beginning in beginnings))
            )
        if since := chosen.get("since"):
            events = events.filter(created_at__gte=_midnight(since))
        if until := chosen.get("until"):
            events = events.filter(created_at__lt=_midnight(until) + timedelta(days=1))
        return events


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
