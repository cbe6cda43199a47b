"""Kombu's filesystem transport without its races: the broker of an installation on one machine.

Kombu writes a message into the folder that workers read, so a worker may find it empty and die of
it, and it moves messages to the system's temporary folder, which may be another file system. Here a
message appears and disappears by one rename. Messages are hints; the ledger is the queue.
"""

import fcntl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from time import time_ns
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads


class Channel(filesystem.Channel):
    """Messages are files; `<time>_<random>.<queue>.msg` is one that waits."""

    @property
    def _folder(self) -> Path:
        return Path(self.data_folder_in)

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        name = f"{time_ns()}_{uuid.uuid4()}.{queue}.msg"
        unfinished = self._folder / f".{name}.part"
        unfinished.write_text(dumps(payload))
        unfinished.rename(self._folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        ending = f".{queue}.msg"
        for path in sorted(self._folder.glob(f"[0-9]*{ending}")):
            if path.name.partition(".")[2] != ending[1:]:
                continue  # of another queue whose name ends alike
            taken = path.with_name(f".{path.name}.taken")
            try:
                path.rename(taken)
            except FileNotFoundError:
                continue  # another worker was quicker
            text = taken.read_text()
            taken.unlink()
            return loads(text)
        raise Empty

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time reads or changes the table of queues, which kombu truncates."""
        with Path(self._folder, ".table.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def get_table(self, exchange: str) -> Any:
        with self._alone():
            return super().get_table(exchange)

    def _queue_bind(self, *args: Any) -> None:
        with self._alone():
            super()._queue_bind(*args)

    def _delete(self, *args: Any, **kwargs: Any) -> None:
        with self._alone():
            super()._delete(*args, **kwargs)


class Transport(filesystem.Transport):
    """Named by the setting CELERY_BROKER_TRANSPORT."""

    Channel = Channel
