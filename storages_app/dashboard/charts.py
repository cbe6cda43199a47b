"""Small charts, drawn by the server: numbers a day in, bars for an inline SVG out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Model, QuerySet, Value
from django.db.models.expressions import Combinable

N_DAYS = 14
_STEP, _HEIGHT, _LOWEST = 10, 100, 6  # of the drawing, whose width is N_DAYS steps


@dataclass(frozen=True)
class Bar:
    """One day; heights are shares of the highest day, and what is not nothing can be seen."""

    day: date
    value: int
    height: int
    x: int

    @property
    def y(self) -> int:
        return _HEIGHT - self.height


def last_days(today: date) -> list[date]:
    """The days of a chart, the oldest first."""
    return [today - timedelta(days=N_DAYS - 1 - n) for n in range(N_DAYS)]


def bars(by_day: Mapping[date, int], days: Sequence[date]) -> list[Bar]:
    highest = max((by_day.get(day, 0) for day in days), default=0)
    return [
        Bar(day, by_day.get(day, 0), _share(by_day.get(day, 0), highest), n * _STEP)
        for n, day in enumerate(days)
    ]


def _share(value: int, highest: int) -> int:
    return max(_LOWEST, round(_HEIGHT * value / highest)) if value else 0


def a_day(
    rows: QuerySet[Model], moment: str, days: Sequence[date], amount: Combinable
) -> dict[date, int]:
    """`amount` of the rows of each of these days (UTC), in one query.

    Each day is a range of its own: grouped by a date that is computed, a million rows would be
    turned into dates one by one, and no index could tell them.
    """
    rows = rows.order_by()
    first, *others = (
        rows.filter(**{f"{moment}__gte": _midnight(day), f"{moment}__lt": _midnight(day, 1)})
        .annotate(nth=Value(n))
        .values("nth")
        .annotate(amount=amount)
        .values_list("nth", "amount")
        for n, day in enumerate(days)
    )
    return {days[nth]: int(total or 0) for nth, total in first.union(*others, all=True)}


def _midnight(day: date, later: int = 0) -> datetime:
    return datetime.combine(day + timedelta(days=later), time.min, tzinfo=UTC)
