"""Real processes that never outlive the tests: each in a group of its own, ended by group."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ucdash import demo_s3
from ucdash.ports import is_free

STOP_WITHIN_S = 8


class DidNotStart(AssertionError):
    """A process ended or did not answer in time; carries the end of its log."""


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_s3_port() -> int:
    """A port for the demo S3 server, which takes its neighbours as well.

    Below the range from which the system gives ports to clients, so that none takes one meanwhile.
    """
    for port in random.sample(range(12_000, 22_000, 10), 500):
        if all(is_free("127.0.0.1", wanted) for wanted in demo_s3.ports(port)):
            return port
    raise AssertionError("No free ports for the demo S3 server between 12000 and 22000")


def wait_until(
    condition: Callable[[], bool], *, within: float, what: str, every: float = 0.05
) -> None:
    """Ask until `condition` holds; an AssertionError that names `what` after `within` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {within:.0f} s: {what}")
        time.sleep(every)


def came_true(condition: Callable[[], bool], *, within: float) -> bool:
    """Whether it holds before so many seconds are over; a database may be busy meanwhile."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with contextlib.suppress(Exception):
            if condition():
                return True
        time.sleep(0.1)
    return False


class Process:
    """One command in its own process group, with its output in `log`."""

    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        env: Mapping[str, str],
        log: Path,
        stop_signal: str = "SIGTERM",
    ) -> None:
        self.name, self.log, self._stop_signal = name, log, signal.Signals[stop_signal]
        self._is_asked = False
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def is_running(self) -> bool:
        return self._popen.poll() is None

    def wait_until(self, condition: Callable[[], bool], *, within: float, what: str) -> None:
        """As the function, but gives up at once when the process has ended."""

        def holds() -> bool:
            if not self.is_running():
                raise DidNotStart(
                    f"{self.name} ended with {self._popen.returncode}:\n{self.tail()}"
                )
            return condition()

        try:
            wait_until(holds, within=within, what=what)
        except DidNotStart:
            raise
        except AssertionError as error:
            raise DidNotStart(f"{error}\n{self.tail()}") from error

    def tail(self, lines: int = 40) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join([f"--- {self.name} ({self.log.name})", *text.splitlines()[-lines:]])

    def ask_to_stop(self) -> None:
        """Tell the whole group, and go on."""
        if not self._is_asked:
            self._is_asked = True
            self._signal(self._stop_signal)

    def stop(self) -> None:
        """End the whole group gently, then by force."""
        self.ask_to_stop()  # once: some take a second signal for an order to drop everything
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(STOP_WITHIN_S)
        self.kill()

    def kill(self) -> None:
        """SIGKILL for the whole group, children of the first process included."""
        self._signal(signal.SIGKILL)
        self._popen.wait(STOP_WITHIN_S)

    def _signal(self, number: signal.Signals) -> None:
        # The group's id is the first process's, which stays ours until it has been waited for and
        # lives on as the group's as long as any member does.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, number)
