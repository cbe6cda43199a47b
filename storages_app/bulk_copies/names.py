"""Copies that lie beside a taken name, where both were kept: `a-2.txt` for `a.txt`."""

from collections.abc import Iterable
from uuid import UUID

from storages_app.custom_storages import key_patterns
from storages_app.models import BulkItem, BulkJob, CopyJob, CustomStorage

_MOST = 1000


def find_kept_beside(
    job: BulkJob, items: Iterable[BulkItem], rows: Iterable[CopyJob]
) -> list[BulkItem]:
    """Give items the key under which their copy is already, by these rows; which have changed.

    Else a second job would find the name taken once more, and copy the file to `a-3.txt`.
    """
    if job.on_clash != CustomStorage.OnClash.KEEP_BOTH:
        return []
    keys: dict[UUID, list[str]] = {}
    for row in rows:
        if row.effects == job.effects:
            keys.setdefault(row.file_id, []).append(row.key)
    changed = []
    for item in items:
        known = keys.get(item.file_id, [])
        beside = next((key for key in known if _is_beside(key, taken=item.key)), "")
        if beside and item.key not in known:
            item.key = beside
            changed.append(item)
    return changed


def _is_beside(key: str, *, taken: str) -> bool:
    _, number = _parts(key)
    plain, taken_number = _parts(taken)  # beside `a-2.txt` comes `a-3.txt`
    return number > taken_number and key_patterns.numbered(plain, number) == key


def _parts(key: str) -> tuple[str, int]:
    """The key without its number, and the number; 0 if it has none (as `copying.making` counts)."""
    root, dash, rest = key.rpartition("-")
    number, dot, ext = rest.partition(".")
    if dash and number.isdecimal() and 2 <= int(number) <= _MOST:
        return f"{root}{dot}{ext}", int(number)
    return key, 0
