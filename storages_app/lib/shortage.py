"""Processes that ran out of memory or threads: what is left of one is not to be trusted.

A thread that finds no memory while it is born leaves whoever starts it waiting for ever
(python/cpython#140746), together with a lock that all thread pools of the process share. No
timeout reaches that place, and the process looks alive. So it has to end; a fresh one takes over.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 3.0
_GIVING_BACK_TAKES_AT_MOST_S = 15
_is_met = False


def note(error: BaseException) -> None:
    """Remember, if that is what the error says, that this process is short of something."""
    global _is_met  # noqa: PLW0603 - one process, one fact; and setting it needs no memory
    if isinstance(error, MemoryError) or _is_without_thread(error):
        _is_met = True


def _is_without_thread(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and "can't start new thread" in str(error)


def watch(give_back: Callable[[], object]) -> None:
    """From now on end this process when it ran short; before that, `give_back` what it holds."""
    threading.Thread(target=_watch, args=(give_back,), name="shortages", daemon=True).start()


def _watch(give_back: Callable[[], object]) -> None:
    with suppress(MemoryError):  # that is one
        _wait_for_shortage()
    _leave(give_back)


def _wait_for_shortage() -> None:
    newborn: set[threading.Thread] = set()
    while not _is_met:
        time.sleep(_LOOK_EVERY_S)
        before, newborn = newborn, _not_alive_yet()
        if before & newborn:  # nobody takes seconds to be born
            return


def _not_alive_yet() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.is_alive()}


def _leave(give_back: Callable[[], object]) -> None:
    # Should even that hang: nobody handles this signal, so it ends the process.
    signal.alarm(_GIVING_BACK_TAKES_AT_MOST_S)
    try:
        log.critical("Out of memory or threads: this process ends, and another takes over.")
        give_back()
    finally:
        os._exit(1)
