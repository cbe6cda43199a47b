"""A few child processes that decode pictures, shared by the threads of this process.

They are fresh interpreters, started at the first need: nothing of this process is inherited, so
it does not matter how many threads it has, or that it was forked. A child serves many requests;
one that crashes, hangs or breaks a limit costs its own request and is replaced.
"""

import atexit
import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

from storages_app.imaging.errors import ImagingBusy, ProcessingFailed

log = logging.getLogger(__name__)

_BASE_DIR = Path(__file__).resolve().parent.parent.parent
_FONTS = Path(__file__).resolve().parent / "fonts" / "fonts.conf"
_COMMAND = (sys.executable, "-s", "-P", "-m", "storages_app.imaging.child")
_START_S = 30
_MAX_REQUESTS = 1_000  # of one child; bounds what a decoder leaks
_KEPT_NAMES = ("PATH", "TMPDIR", "LD_LIBRARY_PATH")


class _Died(Exception):
    """The child ended before it had answered."""


class _TooSlow(Exception):
    """The child did not answer in time."""


def _environment() -> dict[str, str]:
    """Not ours: a decoder has no business with the secrets of the installation."""
    return {name: os.environ[name] for name in _KEPT_NAMES if name in os.environ} | {
        "PYTHONPATH": str(_BASE_DIR),
        "LC_ALL": "C.UTF-8",
        "FONTCONFIG_FILE": str(_FONTS),
        "MALLOC_ARENA_MAX": "2",
        "VIPS_CONCURRENCY": "1",
        "VIPS_MAX_COORD": "100000",
        "VIPS_DISC_THRESHOLD": "2g",  # no temporary files: the memory limit holds
        "VIPS_WARNING": "0",
    }


class _Child:
    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            start_new_session=True,  # a signal to our group must not end a request that runs
        )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        self.n_requests = 0
        try:
            self._receive(time.monotonic() + _START_S)
        except (_Died, _TooSlow):
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        self.n_requests += 1
        body = json.dumps(request).encode()
        try:
            self._stdin.write(len(body).to_bytes(4, "big") + body)
            self._stdin.flush()
        except OSError as error:
            raise _Died from error
        return self._receive(time.monotonic() + seconds)

    def _receive(self, deadline: float) -> dict[str, Any]:
        size = int.from_bytes(self._read(4, deadline), "big")
        answer: dict[str, Any] = json.loads(self._read(size, deadline))
        return answer

    def _read(self, n_bytes: int, deadline: float) -> bytes:
        # poll and not select: a busy web process has descriptors above 1,023.
        poll = select.poll()
        poll.register(self._stdout, select.POLLIN)
        collected = b""
        while len(collected) < n_bytes:
            if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
                raise _TooSlow
            chunk = os.read(self._stdout.fileno(), n_bytes - len(collected))
            if not chunk:
                raise _Died
            collected += chunk
        return collected

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._close_pipes()

    def forget(self) -> None:
        """After a fork, in the new process: it belongs to the other one. Let go of the pipes."""
        self._close_pipes()
        self._process.returncode = 0  # or Popen would wait for a process that is not ours

    def _close_pipes(self) -> None:
        for pipe in (self._stdin, self._stdout):
            try:
                pipe.close()
            except OSError:  # what was buffered for a dead child cannot be written
                log.debug("A pipe to an image process was closed with bytes in it.")


class Pool:
    """At most `size` children; each works for one thread at a time."""

    def __init__(self, *, command: Sequence[str] = _COMMAND, size: int = 2) -> None:
        self._command = command
        self._size = size
        self._start_empty()
        os.register_at_fork(after_in_child=self._forget_all)
        atexit.register(self.close)

    def _start_empty(self) -> None:
        self._changed = threading.Condition()
        self._idle: list[_Child] = []
        self._all: list[_Child] = []
        self._n_busy = 0

    def _forget_all(self) -> None:
        inherited = self._all
        self._start_empty()
        for child in inherited:
            child.forget()

    def ask(self, request: dict[str, Any], *, seconds: float, wait_s: float) -> dict[str, Any]:
        """One request, one answer; ProcessingFailed where the child did not survive it.

        ImagingBusy where no child is free within `wait_s`, or none can be started.
        """
        child = self._take(wait_s)
        is_well = False
        try:
            answer = child.ask(request, seconds)
            is_well = child.n_requests < _MAX_REQUESTS
        except _TooSlow as error:
            log.warning("An image took more than %s s and was given up.", seconds)
            raise ProcessingFailed("The image takes too long to process.") from error
        except (_Died, ValueError) as error:
            log.warning("An image process died at its work.")
            raise ProcessingFailed from error
        finally:
            self._give_back(child, is_well=is_well)
        return answer

    def _take(self, wait_s: float) -> _Child:
        with self._changed:
            if not self._changed.wait_for(lambda: self._n_busy < self._size, wait_s):
                raise ImagingBusy
            self._n_busy += 1
            while self._idle:
                child = self._idle.pop()
                if child.is_alive:
                    return child
                self._drop(child)
        try:
            child = _Child(self._command)
        except (_Died, _TooSlow, OSError) as error:
            self._release()
            log.exception("The image process does not start.")
            raise ImagingBusy("The image process does not start.") from error
        with self._changed:
            self._all.append(child)
        return child

    def _give_back(self, child: _Child, *, is_well: bool) -> None:
        with self._changed:
            if is_well:
                self._idle.append(child)
            else:
                self._drop(child)
        self._release()

    def _release(self) -> None:
        with self._changed:
            self._n_busy -= 1
            self._changed.notify()

    def _drop(self, child: _Child) -> None:
        self._all.remove(child)
        child.end()

    def close(self) -> None:
        """End the idle children; the pool can be used again."""
        with self._changed:
            while self._idle:
                self._drop(self._idle.pop())

    @property
    def pids(self) -> list[int]:
        return [child.pid for child in self._all]


POOL = Pool()
