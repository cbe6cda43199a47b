"""A database and a broker that a run may kill and bring back, on the same port."""

import random
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from tests.rig import services
from tests.rig.processes import free_port


class Broker(Protocol):
    """Carries wake-up calls; may forget them all."""

    def wipe(self) -> None: ...

    def down(self) -> AbstractContextManager[None]: ...

    def stop(self) -> None: ...


class FolderBroker:
    """The embedded broker: messages are files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def wipe(self) -> None:
        for path in self._folder.glob("[0-9]*.msg"):
            path.unlink(missing_ok=True)

    @contextmanager
    def down(self) -> Iterator[None]:
        """The folder is not there."""
        aside = self._folder.with_name("broker-aside")
        self._folder.rename(aside)
        try:
            yield
        finally:
            aside.rename(self._folder)

    def stop(self) -> None:
        """It is a folder."""


class Redis:
    """A server without persistence; forgets by a kill, or by FLUSHALL."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder, self._chance, self.port = folder, chance, free_port()
        self._process, self.url = services.start_redis(folder, self.port)

    def wipe(self) -> None:
        if self._chance.random() < 0.5:
            flush = ["redis-cli", "-p", str(self.port), "flushall"]
            subprocess.run(flush, check=True, stdout=subprocess.DEVNULL)
            return
        with self.down():
            pass

    @contextmanager
    def down(self) -> Iterator[None]:
        """Killed; another one starts in its place, without a memory."""
        self._process.kill()
        try:
            yield
        finally:
            self._process, _ = services.start_redis(self._folder, self.port)

    def stop(self) -> None:
        self._process.stop()


class PostgreSQL:
    """A server that keeps what it has committed through an immediate shutdown."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._data = services.init_postgresql(folder)
        self._process, self.url = self._start()

    def _start(self) -> tuple[services.Process, str]:
        # The machine goes on, so fsync may stay off; but a commit must have left the server.
        return services.start_postgresql(
            self._folder, self._data, self._port, fsync="off", max_connections=100
        )

    def restart_immediately(self) -> None:
        """`pg_ctl -m immediate`: sessions are cut, nothing is put in order; then it recovers."""
        services.crash_postgresql(self._data)
        self._process.stop()
        self._process, _ = self._start()

    def stop(self) -> None:
        self._process.stop()
