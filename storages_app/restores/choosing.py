"""Which files of a manifest are meant."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from storages_app.restores.errors import FilterInvalid
from storages_app.restores.lines import Line

MAX_UUIDS = 10_000
_MAX_NAME = 255
_FIELDS = {"uuids", "name", "after", "before"}


@dataclass(frozen=True)
class Choice:
    """All files, or those that have everything that is asked for."""

    uuids: frozenset[uuid.UUID] = frozenset()
    name: str = ""
    after: datetime | None = None
    before: datetime | None = None

    def has(self, line: Line) -> bool:
        return (
            (not self.uuids or line.uuid in self.uuids)
            and self.name.casefold() in line.original_filename.casefold()
            and (self.after is None or line.uploaded_at >= self.after)
            and (self.before is None or line.uploaded_at < self.before)
        )

    def as_json(self) -> dict[str, Any]:
        """As a row keeps it; `parse` reads it back."""
        told: dict[str, Any] = {"uuids": sorted(str(one) for one in self.uuids), "name": self.name}
        for name in ("after", "before"):
            moment: datetime | None = getattr(self, name)
            told[name] = moment.isoformat() if moment else ""
        return {name: value for name, value in told.items() if value}


def parse(fields: Mapping[str, Any]) -> Choice:
    """The choice that these fields make, or FilterInvalid."""
    if unknown := fields.keys() - _FIELDS:
        raise FilterInvalid(f"There is no filter `{sorted(unknown)[0]}`.")
    name = fields.get("name") or ""
    if not isinstance(name, str) or len(name) > _MAX_NAME or not _is_storable(name):
        raise FilterInvalid(f"A part of a name is a text of at most {_MAX_NAME} characters.")
    return Choice(
        uuids=_uuids(fields.get("uuids") or []),
        name=name.strip(),
        after=_moment("after", fields.get("after")),
        before=_moment("before", fields.get("before"), is_end=True),
    )


def _is_storable(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _uuids(values: Any) -> frozenset[uuid.UUID]:
    if not isinstance(values, list) or len(values) > MAX_UUIDS:
        raise FilterInvalid(f"`uuids` is a list of at most {MAX_UUIDS:,}.")
    found = set()
    for value in values:
        try:
            found.add(uuid.UUID(str(value).strip()))
        except ValueError as error:
            raise FilterInvalid(f"“{str(value)[:40]}” is no UUID.") from error
    return frozenset(found)


def _moment(name: str, value: Any, *, is_end: bool = False) -> datetime | None:
    """A date means its whole day."""
    if not value:
        return None
    text = value.isoformat() if isinstance(value, date) else str(value)
    try:
        moment = datetime.fromisoformat(text)
        if len(text) <= len("2026-01-01") and is_end:
            moment += timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise FilterInvalid(f"`{name}` is no date: {text[:40]}.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
