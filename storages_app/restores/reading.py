"""From a manifest to rows: one item for each chosen file."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from itertools import islice

from storages_app.backups import manifest
from storages_app.backups.errors import ManifestBroken
from storages_app.backups.manifest import Line, Manifest
from storages_app.models import RestoreItem, RestoreRun
from storages_app.objectstores.base import ObjectStore
from storages_app.restores import lines
from storages_app.restores.choosing import Choice

_PAGE = 500


def pages_of(
    store: ObjectStore, opened: Manifest, *, run: RestoreRun, choice: Choice
) -> Generator[list[RestoreItem]]:
    """The items to be, page by page; asks the bucket and no database, so a thread may do it."""
    for segment in opened.segments:
        if not lines.can_be_key(segment.key, prefix=run.custom_storage.prefix):
            raise ManifestBroken(
                "It names records outside of the storage's prefix.", key=run.manifest_key
            )
    found = (item for record in _records(store, opened) if (item := _item_of(record, run, choice)))
    while page := list(islice(found, _PAGE)):
        yield page


def write(page: list[RestoreItem]) -> None:
    """Reading it all a second time, after a worker was killed, changes nothing.

    A page may have a file twice, where reading began anew in its middle; PostgreSQL takes each row
    of a statement once.
    """
    once = {item.uuid: item for item in page}
    RestoreItem.objects.bulk_create(
        list(once.values()),
        update_conflicts=True,
        unique_fields=["run", "uuid"],
        update_fields=["key", "size", "line"],
    )


def _records(store: ObjectStore, opened: Manifest) -> Iterator[Line]:
    """Each file's line: from the records as they are now, since reading an older version of an
    object is another right. Where they were changed, from the versions that the manifest names."""
    current = replace(opened, segments=tuple(replace(s, version_id="") for s in opened.segments))
    try:
        yield from manifest.iter_lines(store, current)
    except ManifestBroken:
        if current == opened:
            raise
        yield from manifest.iter_lines(store, opened)


def _item_of(record: Line, run: RestoreRun, choice: Choice) -> RestoreItem | None:
    line = lines.parse(record, prefix=run.custom_storage.prefix)
    if not choice.has(line):
        return None
    return RestoreItem(run=run, uuid=line.uuid, key=line.key, size=line.size, line=record)
