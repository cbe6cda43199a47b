"""Lists that are as quick over millions of rows: nothing in them looks at the whole table."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import capfirst

from storages_app.admin.periods import Period, years
from storages_app.models import Project

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

COUNTED_UP_TO = 10_000
PERIOD = "period"
_PROJECTS_SHOWN = 30


class BoundedPaginator(_Paginator):
    """Counts no further than anybody turns pages; what is behind is found by filters."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        return int(rows.order_by().values("pk")[:COUNTED_UP_TO].count())


@dataclass(frozen=True)
class Dates:
    """The line of years, months or days above a list."""

    back: tuple[str, str] | None  # its link and title
    choices: list[tuple[str, str]]  # link, or nothing for the one that is shown, and title


class OperatorChangeList(ChangeList):
    """Django's list with `?period=2026-11` instead of its own hierarchy of dates.

    Django's asks for all different days of the table; this one knows the calendar.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = capfirst(str(self.opts.verbose_name_plural))
        if not (self.query or self.has_active_filters or self.period):
            self.full_result_count = self.result_count  # nothing is left out that could be shown

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        chosen: dict[str, Any] = super().get_filters_params(params)
        chosen.pop(PERIOD, None)
        return chosen

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        period = self.period
        if period is None or not self.date_hierarchy:
            return rows
        name = self.date_hierarchy
        return rows.filter(**{f"{name}__gte": period.since, f"{name}__lt": period.until})

    @property
    def period(self) -> Period | None:
        return Period.read(self.params.get(PERIOD, ""))

    @property
    def is_cut(self) -> bool:
        """There may be more rows than were counted."""
        return bool(self.result_count >= COUNTED_UP_TO)

    @cached_property
    def dates(self) -> Dates | None:
        """From the first row of the table until today; None for an empty table."""
        first = self._first_day()
        if first is None:
            return None
        today = timezone.now().date()
        period = self.period
        if period is None:
            return Dates(None, [self._choice(one) for one in years(first, today)])
        above = Period.read(period.above)
        parts = [self._choice(one) for one in period.parts(first, today)]
        return Dates(
            back=(self._link(period.above), above.title if above else "All dates"),
            choices=parts or [("", period.title)],
        )

    def _first_day(self) -> Any:
        if not self.date_hierarchy:
            return None
        moment = cast("Any", self.model_admin).first_moment(self.root_queryset)
        return moment.date() if moment else None

    def _choice(self, period: Period) -> tuple[str, str]:
        return self._link(period.text), period.title

    def _link(self, text: str) -> str:
        return self.get_query_string({PERIOD: text} if text else {}, [PERIOD])


# --- Filters whose choices are not looked for in the table --------------------------------------


class ProjectFilter(admin.SimpleListFilter):
    """The newest projects; another is chosen by its slug in the address."""

    title = "project"
    parameter_name = "project"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = Project.objects.live().order_by("-pk")
        rows = list(newest.values_list("slug", "name")[:_PROJECTS_SHOWN])
        chosen = self.value()
        if chosen and chosen not in {slug for slug, _ in rows}:
            rows.append((chosen, chosen))
        return sorted(rows, key=lambda row: row[1].lower())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if not chosen:
            return queryset
        # Its key is looked up first, so that the database can go by the index of the project.
        project_id = Project.objects.filter(slug=chosen[:100]).values_list("pk", flat=True).first()
        return queryset.filter(project_id=project_id) if project_id else queryset.none()

    def value(self) -> str | None:
        return super().value() or None


def choice_filter(
    *, title: str, parameter: str, lookup: str, choices: list[tuple[str, str]]
) -> type[admin.SimpleListFilter]:
    """A filter with fixed choices, by one lookup."""

    class ChoiceFilter(admin.SimpleListFilter):
        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return choices

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            chosen = self.value()
            return queryset.filter(**{lookup: chosen}) if chosen else queryset

    ChoiceFilter.title = title
    ChoiceFilter.parameter_name = parameter
    return ChoiceFilter
