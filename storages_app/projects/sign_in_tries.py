"""How many wrong passwords and codes are taken: for one account, one known browser, one address.

Counted in windows of a quarter of an hour, each count one atomic step that all web processes share:
in Redis where `UCDASH_CACHE_URL` names one, else in a file of the data folder. A try is counted
before it is looked at, so that many at once are no way around, and taken back if it was right.

A browser that has signed in to an account before is counted by itself. So whoever guesses at an
account from everywhere locks out strangers, and never its owner (S106).
"""

import hashlib
import logging
import math
import time
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from storages_app.lib.client_address import client_network
from storages_app.lib.shared_counts import SharedCounts

log = logging.getLogger(__name__)

WINDOW_S = 15 * 60

_on_this_machine = SharedCounts(Path(settings.DATA_DIR) / "sign-ins.sqlite3")


class Tries:
    """Where one try is counted: by the browser if it is known to the account, else by both."""

    def __init__(self, *, account: str, environ: dict[str, str], browser: str = "") -> None:
        if browser:
            self._names = [f"browser:{_digest(browser)}"]
        else:
            network = client_network(environ, is_behind_proxy=settings.BEHIND_PROXY)
            self._names = [f"account:{_digest(account)}", f"address:{network}"]

    def take(self) -> int:
        """Count a try; how many there have been where there were most, this one included."""
        return max(_add(name, 1) for name in self._names)

    def give_back(self) -> None:
        """The try was right, and right ones are not counted."""
        for name in self._names:
            _add(name, -1)


def forgive(account: str) -> None:
    """Count an account from zero again: its owner has a new password."""
    name = f"account:{_digest(account)}"
    _add(name, -_add(name, 0))


def minutes_left() -> int:
    """Until the tries of now are forgotten, rounded up."""
    return math.ceil((WINDOW_S - time.time() % WINDOW_S) / 60)


def _digest(text: str) -> str:
    """What people type as their address may be a password; it is not kept."""
    return hashlib.sha256(text.strip().lower().encode()).hexdigest()[:32]


def _add(name: str, n: int) -> int:
    """The new sum; 0 where counting fails, because nobody could sign in without it."""
    window = int(time.time() // WINDOW_S)
    try:
        if settings.CACHE_URL:
            return _add_in_cache(f"sign-in:{name}:{window}", n)
        return _on_this_machine.add(name, span=window, n=n)
    except (RedisError, OSError) as error:
        log.warning("Tries to sign in are not counted now: %s", type(error).__name__)
        return 0


def _add_in_cache(key: str, n: int) -> int:
    cache.add(key, 0, timeout=2 * WINDOW_S)
    try:
        return int(cache.incr(key, n))
    except ValueError:  # evicted between the two steps
        return 0
