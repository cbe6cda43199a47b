"""What a comparison found, as a list to download."""

from collections.abc import Iterator

from storages_app.lib.spreadsheets import csv_lines
from storages_app.models import Reconciliation
from storages_app.models.paging import in_pages

COLUMNS = ("kind", "key", "uuid", "copy", "expected", "found", "resolution")


def as_csv(run: Reconciliation) -> Iterator[str]:
    """A line a difference that was kept, a page at a time."""
    yield csv_lines([COLUMNS])
    for page in in_pages(run.differences.select_related("copy_job")):
        yield csv_lines(
            (
                difference.kind,
                difference.key,
                difference.copy_job.file_id if difference.copy_job else "",
                difference.copy_job_id or "",
                difference.expected,
                difference.found,
                difference.resolution,
            )
            for difference in page
        )
