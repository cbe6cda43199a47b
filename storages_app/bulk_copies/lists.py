"""The files of a job as a list to download."""

import csv
from collections.abc import Iterator
from io import StringIO

from storages_app.models import BulkItem, BulkJob
from storages_app.models.paging import in_pages

COLUMNS = ("uuid", "name", "size", "key", "plan", "state", "reason")
# A spreadsheet takes a cell that begins with one of these for a formula.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_GAPS = (BulkItem.State.FAILED, BulkItem.State.SKIPPED)


def as_csv(bulk_job: BulkJob, *, only_gaps: bool = False) -> Iterator[str]:
    """A line a file, a page at a time: a million files take no more memory than a thousand."""
    yield _lines([COLUMNS])
    items = (
        BulkItem.objects.filter(bulk_job=bulk_job)
        .select_related("file")
        .only("file", "key", "plan", "state", "reason", "file__original_filename", "file__size")
    )
    for page in in_pages(items.filter(state__in=_GAPS) if only_gaps else items):
        yield _lines(_cells(item) for item in page)


def _cells(item: BulkItem) -> tuple[object, ...]:
    return (
        item.file_id,
        _harmless(item.file.original_filename),
        item.file.size,
        _harmless(item.key),
        item.plan,
        item.state,
        item.reason,
    )


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _lines(rows: "Iterator[tuple[object, ...]] | list[tuple[str, ...]]") -> str:
    out = StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue()
