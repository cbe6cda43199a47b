"""The files of a job as a list to download."""

from collections.abc import Iterator

from storages_app.lib.spreadsheets import csv_lines
from storages_app.models import BulkItem, BulkJob
from storages_app.models.paging import in_pages

COLUMNS = ("uuid", "name", "size", "key", "plan", "state", "reason")
_GAPS = (BulkItem.State.FAILED, BulkItem.State.SKIPPED)


def as_csv(bulk_job: BulkJob, *, only_gaps: bool = False) -> Iterator[str]:
    """A line a file, a page at a time: a million files take no more memory than a thousand."""
    yield csv_lines([COLUMNS])
    items = (
        BulkItem.objects.filter(bulk_job=bulk_job)
        .select_related("file")
        .only("file", "key", "plan", "state", "reason", "file__original_filename", "file__size")
    )
    for page in in_pages(items.filter(state__in=_GAPS) if only_gaps else items):
        yield csv_lines(_cells(item) for item in page)


def _cells(item: BulkItem) -> tuple[object, ...]:
    return (
        item.file_id,
        item.file.original_filename,
        item.file.size,
        item.key,
        item.plan,
        item.state,
        item.reason,
    )
