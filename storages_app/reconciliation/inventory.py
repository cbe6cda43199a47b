"""The listing of a bucket, read once and asked by key afterwards."""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from time import sleep

from django.conf import settings

from storages_app.objectstores.base import ObjectInfo, ObjectStore
from storages_app.objectstores.errors import ObjectStoreError, ServerError

log = logging.getLogger(__name__)

_PAGE = 1000
_AT_ONCE = 500  # old versions of SQLite take 999 values in a statement
_MOST_FAILURES = 8  # in a row
_LONGEST_WAIT_S = 30.0


@dataclass(frozen=True)
class Listed:
    """What a listing tells of an object."""

    key: str
    size: int
    etag: str
    last_modified: datetime | None


class Inventory:
    """The objects of a listing, in a file and not in memory.

    Neither the order of the keys nor pages that come twice matter, which providers get wrong.
    """

    def __init__(self) -> None:
        self._n_keys = 0
        # A database without a name lives in a file that is already deleted: nothing of it stays.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA cache_size = -8000")  # 8 MB
        self._db.execute(
            "CREATE TABLE seen (key TEXT PRIMARY KEY, size, etag, modified, is_known DEFAULT 0)"
            " WITHOUT ROWID"
        )

    def __enter__(self) -> "Inventory":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._db.close()

    def __len__(self) -> int:
        return self._n_keys

    def add(self, infos: Iterable[ObjectInfo]) -> int:
        """Write down a page; how many of its keys are new."""
        rows = [
            (i.key, i.size, i.etag, i.last_modified and i.last_modified.timestamp()) for i in infos
        ]
        before = self._db.total_changes
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT OR IGNORE INTO seen (key, size, etag, modified) VALUES (?, ?, ?, ?)", rows
        )
        self._db.execute("COMMIT")
        n_new = self._db.total_changes - before
        self._n_keys += n_new
        return n_new

    def take(self, keys: list[str]) -> dict[str, Listed]:
        """The objects under these keys, which somebody knows from now on."""
        found: dict[str, Listed] = {}
        for begin in range(0, len(keys), _AT_ONCE):
            some = keys[begin : begin + _AT_ONCE]
            among = f"WHERE key IN ({', '.join('?' * len(some))})"
            select = f"SELECT key, size, etag, modified FROM seen {among}"  # noqa: S608 - marks
            found |= {row[0]: _listed(row) for row in self._db.execute(select, some)}
            self._db.execute(f"UPDATE seen SET is_known = 1 {among}", some)  # noqa: S608 - marks
        return found

    def unknown(self, *, size: int = 500) -> Iterator[list[Listed]]:
        """The objects that nobody took, a list at a time."""
        last = ""
        while True:
            rows = self._db.execute(
                "SELECT key, size, etag, modified FROM seen WHERE is_known = 0 AND key > ?"
                " ORDER BY key LIMIT ?",
                (last, size),
            ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield [_listed(row) for row in rows]


def _listed(row: tuple[str, int, str, float | None]) -> Listed:
    key, size, etag, modified = row
    moment = None if modified is None else datetime.fromtimestamp(modified, UTC)
    return Listed(key, size, etag, moment)


def read_listing(
    store: ObjectStore, prefix: str, inventory: Inventory, *, after_page: Callable[[], None]
) -> None:
    """Read all keys under the prefix; after a fault go on behind the last one that was read.

    A server whose pages go in circles is given up on, not followed for ever.
    """
    last, n_read, failures = "", 0, 0
    while True:
        try:
            infos = store.list_objects(prefix, start_after=last)
            while page := list(islice(infos, _PAGE)):
                n_read += len(page)
                inventory.add(page)
                last = max(last, page[-1].key, key=str.encode)
                failures = 0
                after_page()
                if n_read > 3 * len(inventory) + 3 * _PAGE:
                    raise _InCircles
        except ObjectStoreError as error:
            failures += 1
            if error.kind != "transient" or failures > _MOST_FAILURES:
                raise
            log.info("A listing broke off (%s) and is taken up again.", error.code)
            wait_s = max(error.retry_after or 0, min(2.0**failures / 2, _LONGEST_WAIT_S))
            sleep(min(wait_s, _LONGEST_WAIT_S) * settings.TIME_SCALE)
        else:
            return


class _InCircles(ServerError):
    """The provider's listing names the same keys again and again."""

    kind = "permanent"
