"""The files of a restore as a list to download."""

from collections.abc import Iterator

from django.db.models import Q, QuerySet

from storages_app.lib.spreadsheets import csv_lines
from storages_app.models import RestoreItem, RestoreRun
from storages_app.models.paging import in_pages

COLUMNS = ("uuid", "new_uuid", "name", "size", "key", "plan", "state", "reason")
_LOST = (RestoreItem.Plan.MISSING, RestoreItem.Plan.ARCHIVED)
_GAPS = Q(plan__in=_LOST) | Q(state__in=[RestoreItem.State.FAILED, RestoreItem.State.SKIPPED])


def as_csv(run: RestoreRun, *, only_gaps: bool = False) -> Iterator[str]:
    """A line a file, a page at a time: a million files take no more memory than a thousand."""
    yield csv_lines([COLUMNS])
    for page in in_pages(items_of(run, only_gaps=only_gaps)):
        yield csv_lines(_cells(item) for item in page)


def items_of(run: RestoreRun, *, only_gaps: bool = False) -> QuerySet[RestoreItem]:
    return run.items.filter(_GAPS) if only_gaps else run.items.all()


def gaps(run: RestoreRun, *, at_most: int = 50) -> list[RestoreItem]:
    """The first files that are not here, or could not be read."""
    return list(items_of(run, only_gaps=True).order_by("pk")[:at_most])


def _cells(item: RestoreItem) -> tuple[object, ...]:
    return (
        item.uuid,
        item.new_uuid or "",
        str(item.line.get("original_filename", "")),
        item.size,
        item.key,
        item.plan,
        item.state,
        item.reason,
    )
