"""Pages that are cut by time (spec/UPLOADCARE 1.1): no page is slow, none shifts under a reader."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict

from storages_app.api.parsers import choice, number, single
from storages_app.api.refusals import ParameterInvalid

MAX_LIMIT = 1_000
_MAX_OFFSET = 10_000
_CURSORS = ("from", "to", "offset")

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Seek:
    """Where a page begins or ends, as the query says."""

    field: str
    descends: bool
    limit: int
    offset: int
    after: datetime | None  # `from`
    before: datetime | None  # `to`

    @classmethod
    def read(cls, query: QueryDict, *, wire_field: str, field: str) -> "Seek":
        ordering = choice(
            "ordering",
            single("ordering", query) or wire_field,
            [wire_field, f"-{wire_field}"],
        )
        return cls(
            field=field,
            descends=ordering.startswith("-"),
            limit=number("limit", single("limit", query) or "100", at_least=1, at_most=MAX_LIMIT),
            offset=number(
                "offset", single("offset", query) or "0", at_least=0, at_most=_MAX_OFFSET
            ),
            after=_read_time("from", single("from", query)),
            before=_read_time("to", single("to", query)),
        )

    @property
    def goes_backwards(self) -> bool:
        """A `to` alone asks for the items directly before it."""
        return self.before is not None and self.after is None


@dataclass(frozen=True)
class Page(Generic[Row]):
    results: Sequence[Row]
    next: str | None
    previous: str | None


def seek_page(rows: "QuerySet[Row]", seek: Seek, request: HttpRequest) -> Page[Row]:
    """The page of `rows` that `seek` asks for, with the addresses of its neighbours."""
    results, has_more = _fetch(rows, seek)
    if not results:
        return Page([], None, None)
    first, last = getattr(results[0], seek.field), getattr(results[-1], seek.field)
    if seek.goes_backwards:
        has_next = _is_any(_later(rows, seek, last), seek.field)
        has_previous = has_more
    else:
        has_next = has_more
        is_first_page = seek.after is None and seek.before is None and not seek.offset
        has_previous = not is_first_page and _is_any(_earlier(rows, seek, first), seek.field)
    return Page(
        results,
        next=_address(request, "from", last) if has_next else None,
        previous=_address(request, "to", first) if has_previous else None,
    )


def _fetch(rows: "QuerySet[Row]", seek: Seek) -> tuple[list[Row], bool]:
    if seek.after:
        rows = _later(rows, seek, seek.after)
    if seek.before:
        rows = _earlier(rows, seek, seek.before)
    sign = "-" if seek.descends is not seek.goes_backwards else ""
    start = seek.offset
    found = list(rows.order_by(f"{sign}{seek.field}")[start : start + seek.limit + 1])
    results = found[: seek.limit]
    if seek.goes_backwards:
        results.reverse()
    return results, len(found) > seek.limit


def _later(rows: "QuerySet[Row]", seek: Seek, moment: datetime) -> "QuerySet[Row]":
    """What comes strictly after `moment` in the chosen order."""
    return rows.filter(**{f"{seek.field}__{'lt' if seek.descends else 'gt'}": moment})


def _earlier(rows: "QuerySet[Row]", seek: Seek, moment: datetime) -> "QuerySet[Row]":
    return rows.filter(**{f"{seek.field}__{'gt' if seek.descends else 'lt'}": moment})


def _is_any(rows: "QuerySet[Row]", field: str) -> bool:
    """Asked in the order of the index: without one PostgreSQL may walk through the whole table."""
    return bool(rows.order_by(field).values_list("pk")[:1])


def _address(request: HttpRequest, cursor: str, moment: datetime) -> str:
    kept = [
        (name, value)
        for name, values in request.GET.lists()
        if name not in _CURSORS
        for value in values
    ]
    text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    pairs = [*kept, (cursor, text), ("offset", "0")]
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    return f"{_base(request)}{quote(request.path)}?{query}"


def _base(request: HttpRequest) -> str:
    """Clients follow only addresses of the host that they asked."""
    if request.get_host() == urlsplit(settings.API_URL).netloc:
        return str(settings.API_URL)
    return f"{request.scheme}://{request.get_host()}"


def _read_time(name: str, value: str | None) -> datetime | None:
    """An ISO 8601 time; one without a zone is UTC. A `+` that became a space is forgiven."""
    if not value:
        return None
    text = value.strip()
    if len(text) > 20 and text[-6] == " ":
        text = f"{text[:-6]}+{text[-5:]}"
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ParameterInvalid(f"`{name}` parameter should be a time in ISO 8601.") from error
