"""Processed images on disk, so that each is made once: shared by all processes of a machine.

An entry is two files beside each other, the bytes and a small JSON file about them; the second is
renamed into place last, so an entry is whole or not there. The time of the JSON file is when the
entry was last asked for: who finds one sets it last of all, and who removes one takes the JSON file
away first and then looks at that time. So what somebody was just given is still there to be opened.
Names are hashes: nothing a stranger sends becomes part of a path.
"""

import fcntl
import hashlib
import json
import logging
import math
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from storages_app.imaging.errors import NoRoom, ProcessingFailed
from storages_app.imaging.pipeline import Rendered
from storages_app.lib import disk

log = logging.getLogger(__name__)

_YOUNG_S = 60  # who was just given an entry must have the time to open it
_PRUNE_EVERY_S = 60
_PRUNE_TO = 0.9  # of the bound, so that not every new entry prunes
_KEPT_ON_FULL_DISK = 0.5  # of what is there
_FAILURE_S = 60  # a file that breaks the decoder is not given to it at every request
_MAX_FAILURES = 1_000
_LEFT_OVER_S = 3_600  # half-made files of processes that were killed


class RenditionCache:
    """At most `max_bytes` under `folder`, oldest use out first."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._pruned_at = 0.0
        self._prune_lock = threading.Lock()
        self._failures: dict[str, tuple[float, str]] = {}

    def get_or_make(self, key: str, make: Callable[[Path], Rendered]) -> Rendered:
        """The entry, made by `make(folder)` if it is not there; equal requests wait for one.

        Where the disk is full, what was longest unused makes room; NoRoom where that is not enough.
        """
        name = hashlib.sha256(key.encode()).hexdigest()
        found = self._find(name)
        if found:
            return found
        try:
            rendered = self._find_or_make(name, make)
        except NoRoom:
            if not self._make_room():
                raise
            rendered = self._find_or_make(name, make)
        self._prune_now_and_then()
        return rendered

    def _find_or_make(self, name: str, make: Callable[[Path], Rendered]) -> Rendered:
        with _no_room_told(), self._only_one(name[:3]):
            found = self._find(name)  # another one may have made it while we waited
            return found or self._make(name, make)

    def _make(self, name: str, make: Callable[[Path], Rendered]) -> Rendered:
        failed_at, message = self._failures.get(name, (-math.inf, ""))
        if time.monotonic() - failed_at < _FAILURE_S:
            raise ProcessingFailed(message)
        begun_at = time.monotonic()
        try:
            made = self._keep(name, make(self._subfolder("making")))
            log.info("A processed image was made in %.2f s.", time.monotonic() - begun_at)
            return made
        except ProcessingFailed as error:
            if len(self._failures) >= _MAX_FAILURES:
                self._failures.clear()
            self._failures[name] = (time.monotonic(), error.message)
            raise

    def _find(self, name: str) -> Rendered | None:
        about, body = self._paths(name)
        try:
            facts: dict[str, Any] = json.loads(about.read_text())
            if body.stat().st_size != facts["size"]:
                return None  # cut short by a power failure
            os.utime(about)
            return Rendered(path=body, **facts)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _keep(self, name: str, rendered: Rendered) -> Rendered:
        about, body = self._paths(name)
        body.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = asdict(rendered)
        del facts["path"]
        temporary = self._subfolder("making") / secrets.token_hex(16)
        try:
            temporary.write_text(json.dumps(facts))
            rendered.path.rename(body)
            temporary.rename(about)
        except OSError:
            for path in (temporary, rendered.path):
                path.unlink(missing_ok=True)
            raise
        return replace(rendered, path=body)

    def _paths(self, name: str) -> tuple[Path, Path]:
        base = self.folder / "made" / name[:2]
        return base / f"{name}.json", base / name

    def _subfolder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    @contextmanager
    def _only_one(self, name: str, *, waits: bool = True) -> Iterator[None]:
        """Between threads as between processes: each holds its own open file, so one lock does.

        BlockingIOError where another one has it and this one does not wait.
        """
        with (self._subfolder("locks") / name).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
            yield

    def _prune_now_and_then(self) -> None:
        with self._prune_lock:
            if time.monotonic() - self._pruned_at < _PRUNE_EVERY_S:
                return
            self._pruned_at = time.monotonic()
        self.prune()

    def prune(self) -> int:
        """Remove what was longest unused, down to the bound; how many entries went."""
        with suppress(BlockingIOError), self._only_one("prune", waits=False):
            self._remove_left_overs()
            entries, total = self._listed()
            if total > self.max_bytes:
                return self._remove_oldest(entries, total, down_to=self.max_bytes * _PRUNE_TO)
        return 0

    def _make_room(self) -> int:
        """How many entries went, or were taken by another one at this moment."""
        try:
            with self._only_one("prune", waits=False):
                entries, total = self._listed()
                return self._remove_oldest(entries, total, down_to=total * _KEPT_ON_FULL_DISK)
        except BlockingIOError:
            return 1
        except OSError as error:
            if disk.is_full(error):  # a disk without room for the file of a lock
                return 0
            raise

    def _listed(self) -> tuple[list[tuple[float, int, Path]], int]:
        """The entries, longest unused first, and the bytes of all."""
        entries = sorted(self._entries())
        return entries, sum(size for _, size, _ in entries)

    def _remove_oldest(
        self, entries: list[tuple[float, int, Path]], total: int, *, down_to: float
    ) -> int:
        n_removed = 0
        for used_at, size, body in entries:
            if total <= down_to or _is_young(used_at):
                break
            if self._remove(body.name):
                total -= size
                n_removed += 1
        log.info("%s processed images were removed from the cache.", n_removed)
        return n_removed

    def _remove(self, name: str) -> bool:
        """False where it is being made, or was asked for since it was listed."""
        about, body = self._paths(name)
        aside = self._subfolder("making") / secrets.token_hex(16)
        try:
            with self._only_one(name[:3], waits=False):
                with suppress(FileNotFoundError):  # bytes without facts are found by nobody
                    about.rename(aside)
                    if _is_young(aside.stat().st_mtime):
                        aside.rename(about)
                        return False
                    aside.unlink()
                body.unlink(missing_ok=True)
                return True
        except BlockingIOError:
            return False

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """Last use, bytes and path of each entry, also of bytes whose JSON file is missing."""
        for body in (self.folder / "made").glob("*/*"):
            if body.suffix == ".json":
                continue
            with suppress(FileNotFoundError):
                status = body.stat()
                used_at = status.st_mtime
                with suppress(FileNotFoundError):
                    used_at = body.with_name(f"{body.name}.json").stat().st_mtime
                yield used_at, status.st_size, body

    def _remove_left_overs(self) -> None:
        for path in self._subfolder("making").iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - _LEFT_OVER_S:
                    path.unlink()


@contextmanager
def _no_room_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if disk.is_full(error):
            raise NoRoom from error
        raise


def _is_young(used_at: float) -> bool:
    return used_at > time.time() - _YOUNG_S
