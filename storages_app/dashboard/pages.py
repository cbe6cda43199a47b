"""Pages of long lists, cut by a key of the row and never by an offset."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

Row = TypeVar("Row", bound=Model)
Mark = datetime | int | None


@dataclass(frozen=True)
class KeysetPage(Generic[Row]):
    """Rows, newest first, and the marks that lead on from here; None where the list ends."""

    rows: list[Row]
    newer: str | None
    older: str | None

    @property
    def has_others(self) -> bool:
        return bool(self.newer or self.older)


def page_of(
    rows: QuerySet[Row], *, mark: str, before: Mark = None, after: Mark = None, size: int
) -> KeysetPage[Row]:
    """The newest rows, those older than `before`, or the nearest that are newer than `after`."""
    if after is not None:
        found = list(rows.filter(**{f"{mark}__gt": after}).order_by(mark)[: size + 1])
        shown, has_newer, has_older = found[:size][::-1], len(found) > size, True
    else:
        if before is not None:
            rows = rows.filter(**{f"{mark}__lt": before})
        found = list(rows.order_by(f"-{mark}")[: size + 1])
        shown, has_newer, has_older = found[:size], before is not None, len(found) > size
    return KeysetPage(
        rows=shown,
        newer=_text(getattr(shown[0], mark)) if shown and has_newer else None,
        older=_text(getattr(shown[-1], mark)) if shown and has_older else None,
    )


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def status_of_list(request: HttpRequest, *, has_failed: bool) -> int:
    """500 for a list that could not be read, but htmx would not show such an answer."""
    return 500 if has_failed and "HX-Request" not in request.headers else 200


def read_number(text: str) -> int | None:
    """A page mark from the address; anything else is no mark."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def read_moment(text: str) -> datetime | None:
    """A page mark from the address; anything else is no mark."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the first and last days have no UTC in some zones
        return None
