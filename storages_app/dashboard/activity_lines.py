"""What happened, in words: one line of the activity for its page and for its CSV."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from storages_app.lib.spreadsheets import csv_lines
from storages_app.models import Event

_CHUNK = 500
_COLUMNS = ("time_utc", "who", "address", "what", "on_what", "details")


@dataclass(frozen=True)
class Line:
    """One event; `details` are names with what is told of them, `link` is the subject's page."""

    event: Event
    what: str
    details: list[tuple[str, str]]
    link: str = ""


def line_of(event: Event, link: str = "") -> Line:
    what = _words(event.kind)
    return Line(event, what[:1].upper() + what[1:], list(_details(event.data)), link)


def as_csv(events: QuerySet[Event]) -> Iterator[str]:
    """All of them, newest first; the table is read by its key, a part at a time."""
    yield csv_lines([_COLUMNS])
    before: int | None = None
    while True:
        rows = events if before is None else events.filter(pk__lt=before)
        found = list(rows.order_by("-pk")[:_CHUNK])
        if not found:
            return
        yield csv_lines(_cells(line_of(event)) for event in found)
        before = found[-1].pk


def _cells(line: Line) -> tuple[str, ...]:
    event = line.event
    return (
        f"{event.created_at:%Y-%m-%d %H:%M:%S}",
        event.actor,
        event.address or "",
        line.what,
        event.subject,
        "; ".join(f"{name}: {value}" for name, value in line.details),
    )


def _details(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is empty says nothing, except where something was there before."""
    rest = dict(data)
    changes = rest.pop("changes", None)
    if isinstance(changes, dict):
        rest = {name: value for name, value in rest.items() if name not in changes}
        rest["changed"] = [name for name in rest.get("changed", []) if name not in changes]
        for name, change in sorted(changes.items()):
            yield _words(name), _from_to(change)
    if {"before", "after"} <= rest.keys():
        yield "changed", _from_to({"before": rest.pop("before"), "after": rest.pop("after")})
    for name, value in sorted(rest.items()):
        if shown := _plain(value):
            yield _words(name), shown


def _from_to(change: object) -> str:
    """Before and after; of a secret only that it changed."""
    if not isinstance(change, dict):
        return str(change)
    before, after = (_plain(change.get(name)) or "nothing" for name in ("before", "after"))
    return f"{before} → {after}"


def _plain(value: object) -> str:
    """A value as people write it: lists with commas, flags as yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(_words(_plain(item)) for item in value)
    if isinstance(value, dict):
        told = ((_words(str(name)), _plain(item)) for name, item in sorted(value.items()))
        return ", ".join(f"{name} {item}" for name, item in told if item)
    return "" if value is None else str(value)


def _words(code: str) -> str:
    """`copy.failed` and `key_conflict` as words; names of hosts and files stay as they are."""
    return re.sub(r"[._]", " ", code) if re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", code) else code
