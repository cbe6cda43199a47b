"""The list of files: one page of what a filter finds, and all of it as a table to download."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from storages_app.dashboard.pages import KeysetPage, page_of
from storages_app.lib.spreadsheets import csv_lines
from storages_app.library.filters import FileFilter
from storages_app.models import File
from storages_app.models.files import FileQuerySet

# A filter that looks at each file looks at so many a page, and the page says so.
LOOKS_AT = 50_000
COLUMNS = (
    "uuid",
    "name",
    "type",
    "size",
    "uploaded_at",
    "stored_at",
    "sha256",
    "md5",
)
_LINES_AT_ONCE = 1_000
_AFTER = timedelta(microseconds=1)


@dataclass(frozen=True)
class Found:
    """A page of files; `looked_at` is set if it ends where nobody looked any further."""

    page: KeysetPage[File]
    looked_at: int | None = None


def find(
    filters: FileFilter, *, before: datetime | None, after: datetime | None, size: int
) -> Found:
    """The files that the filter finds, within the bound of what it may look at."""
    edge = filters.window(most=LOOKS_AT, before=before, after=after)
    files = filters.files
    if edge is None:
        return Found(page_of(files, mark="uploaded_at", before=before, after=after, size=size))
    if after is not None:
        page = page_of(
            files.filter(uploaded_at__lte=edge), mark="uploaded_at", after=after, size=size
        )
        is_cut = page.newer is None
        page = replace(
            page,
            newer=edge.isoformat() if is_cut else page.newer,
            older=page.older or (after + _AFTER).isoformat(),
        )
    else:
        page = page_of(
            files.filter(uploaded_at__gte=edge), mark="uploaded_at", before=before, size=size
        )
        is_cut = page.older is None
        newer = before - _AFTER if before is not None else None
        page = replace(
            page,
            older=edge.isoformat() if is_cut else page.older,
            newer=page.newer or (newer.isoformat() if newer else None),
        )
    return Found(page, LOOKS_AT if is_cut else None)


def as_csv(files: FileQuerySet) -> Iterator[str]:
    """A line a file, the newest first; of a million files never more than some are held."""
    yield csv_lines([COLUMNS])
    rows = files.order_by("-uploaded_at").only(*_FIELDS)
    before = None
    while page := list((rows.filter(uploaded_at__lt=before) if before else rows)[:_LINES_AT_ONCE]):
        yield csv_lines(_cells(file) for file in page)
        before = page[-1].uploaded_at


_FIELDS = (
    "original_filename",
    "detected_type",
    "size",
    "uploaded_at",
    "stored_at",
    "sha256",
    "md5",
)


def _cells(file: File) -> tuple[object, ...]:
    return (
        file.pk,
        file.original_filename,
        file.detected_type,
        file.size,
        file.uploaded_at.isoformat(),
        file.stored_at.isoformat() if file.stored_at else "",
        file.sha256,
        file.md5,
    )
