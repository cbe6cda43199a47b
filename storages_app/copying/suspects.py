"""Copies over which workers died are made in a process of their own, one after the other.

Should one of them kill that process as well, it takes no other copy with it; and the copies of the
worker do not wait meanwhile.
"""

import logging
import sys
from contextlib import suppress
from subprocess import DEVNULL, Popen, TimeoutExpired

from django.conf import settings

from storages_app.copying.claiming import has_suspects

log = logging.getLogger(__name__)

_COMMAND = (sys.executable, "-m", "django", "make_suspects")
_running: list[Popen[bytes]] = []  # at most one


def make_apart() -> None:
    """Start that process if there is something for it and it is not at work already."""
    _running[:] = [process for process in _running if process.poll() is None]
    if not _running and has_suspects():
        log.warning("Workers died over some copies; these are made one by one, apart.")
        try:
            process = Popen(_COMMAND, cwd=settings.BASE_DIR, stdin=DEVNULL)  # noqa: S603 - our own command
        except OSError as error:  # no memory, or no more processes: they wait for better times
            log.warning("That process could not be started: %s", error)
        else:
            _running.append(process)


def stop() -> None:
    """Ask it to end; it gives back what it holds."""
    for process in _running:
        process.terminate()


def wait_for_end(*, wait_s: float) -> None:
    """In a container it dies with its worker, and what it had not given back would be a crash."""
    for process in _running:
        with suppress(TimeoutExpired):
            process.wait(wait_s)
