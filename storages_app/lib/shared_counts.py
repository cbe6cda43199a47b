"""Counts that all processes of one machine share, without a server: a small SQLite file.

What is counted is worth a minute. So nothing waits for the disk, and a file that a power cut left
unreadable is thrown away.
"""

import logging
import os
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path

log = logging.getLogger(__name__)

_WAIT_S = 1.0
_ADD = (
    "INSERT INTO counts (name, span, n) VALUES {rows}"
    " ON CONFLICT (name, span) DO UPDATE SET n = n + excluded.n RETURNING name, n"
)


class SharedCounts:
    """Each name is counted from zero in each span, a number that grows with time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._opened_by = 0
        self._newest_span = -1

    def add(self, name: str, *, span: int, n: int = 1) -> int:
        """Add and tell the sum, in one step; OSError if the file cannot be used now."""
        return self.add_all({name: n}, span=span)[name]

    def add_all(self, amounts: Mapping[str, int], *, span: int) -> dict[str, int]:
        """The same for several names at once."""
        with self._lock:
            try:
                return self._add(amounts, span)
            except sqlite3.OperationalError as error:  # locked for too long, or the disk is full
                raise OSError(str(error)) from error
            except sqlite3.DatabaseError as error:
                self._throw_away()
                raise OSError(str(error)) from error

    def _add(self, amounts: Mapping[str, int], span: int) -> dict[str, int]:
        database = self._connected()
        if span > self._newest_span:  # only what may still be asked for is kept
            database.execute("DELETE FROM counts WHERE span < ?", (span - 1,))
            self._newest_span = span
        rows = ", ".join(["(?, ?, ?)"] * len(amounts))
        values = [value for name, n in amounts.items() for value in (name, span, n)]
        return dict(database.execute(_ADD.format(rows=rows), values).fetchall())

    def _connected(self) -> sqlite3.Connection:
        """A connection of this process: one that was open before a fork must not be used."""
        if self._database is None or self._opened_by != os.getpid():
            self._database, self._opened_by = self._open(), os.getpid()
        return self._database

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(
            self.path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
        )
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")
        database.execute(
            "CREATE TABLE IF NOT EXISTS counts"
            " (name TEXT, span INTEGER, n INTEGER NOT NULL, PRIMARY KEY (name, span))"
            " WITHOUT ROWID"
        )
        return database

    def _throw_away(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
        for ending in ("", "-wal", "-shm"):
            Path(f"{self.path}{ending}").unlink(missing_ok=True)
        log.warning("A file of counts was unreadable and begins anew.")
