"""Years, months and days to choose from, without asking a table which of them it has rows of."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_WRITTEN = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", re.ASCII)


@dataclass(frozen=True)
class Period:
    """A year, a month or a day, written `2026`, `2026-11` or `2026-11-23`."""

    text: str
    begins: date
    ends: date  # the first day that is no longer in it

    @classmethod
    def read(cls, text: str) -> "Period | None":
        """The period of this text; None for anything else."""
        found = _WRITTEN.fullmatch(text)
        try:
            return cls._of(*(int(part) for part in found.groups() if part)) if found else None
        except (ValueError, OverflowError):  # 2026-13, or the last year that Python knows
            return None

    @classmethod
    def _of(cls, year: int, month: int = 0, day: int = 0) -> "Period":
        if day:
            begins = date(year, month, day)
            return cls(f"{begins:%Y-%m-%d}", begins, begins + timedelta(days=1))
        if month:
            begins = date(year, month, 1)
            ends = date(year + month // 12, month % 12 + 1, 1)
            return cls(f"{year:04}-{month:02}", begins, ends)
        return cls(f"{year:04}", date(year, 1, 1), date(year + 1, 1, 1))

    @property
    def since(self) -> datetime:
        return datetime(self.begins.year, self.begins.month, self.begins.day, tzinfo=UTC)

    @property
    def until(self) -> datetime:
        return datetime(self.ends.year, self.ends.month, self.ends.day, tzinfo=UTC)

    @property
    def title(self) -> str:
        """As it stands in its list: 2026, November 2026, 23 November."""
        parts = self.text.count("-")
        if parts == 0:
            return self.text
        month = f"{self.begins:%B}"
        return f"{month} {self.begins.year}" if parts == 1 else f"{self.begins.day} {month}"

    @property
    def above(self) -> str:
        """The text of the period that it is part of; empty for all."""
        return self.text.rpartition("-")[0]

    def parts(self, first: date, last: date) -> list["Period"]:
        """Its months or days between the two; a day has none."""
        year = self.begins.year
        if self.text.count("-") == 0:
            parts = [self._of(year, month) for month in range(1, 13)]
        elif self.text.count("-") == 1:
            n_days = (self.ends - self.begins).days
            parts = [self._of(year, self.begins.month, day) for day in range(1, n_days + 1)]
        else:
            return []
        return [part for part in parts if part.begins <= last and part.ends > first]


def years(first: date, last: date) -> list[Period]:
    return [Period._of(year) for year in range(first.year, last.year + 1)]
