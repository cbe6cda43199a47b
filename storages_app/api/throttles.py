"""How many requests the REST and Upload APIs take, from one address, for a key and for a project.

Counted in windows of a minute, each count one atomic step that all web processes share: in Redis
where `UCDASH_CACHE_URL` names one, else in a file of the data folder, which serves one machine.
What counts being away lets everything pass, because a request is worth more than a count.
"""

import logging
import time
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError
from rest_framework.exceptions import Throttled

from storages_app.lib.client_address import client_network
from storages_app.lib.shared_counts import SharedCounts
from storages_app.models import Project, SecretKey

log = logging.getLogger(__name__)

WINDOW_S = 60
# Whoever guesses secrets has used up the requests of his address so much sooner (S065). Counted by
# address only: a count by public key would let anybody lock out a project.
WRONG_KEY_COSTS = 20

_on_this_machine = SharedCounts(Path(settings.DATA_DIR) / "throttles.sqlite3")


def check_address(request: HttpRequest) -> None:
    """Count a request of this client; Throttled over `UCDASH_UPLOADS_PER_MINUTE_OF_ADDRESS`."""
    _count(_Limit("address", client_of(request), settings.UPLOADS_PER_MINUTE_OF_ADDRESS))


def check_project(project: Project) -> None:
    """Count a request for this project; Throttled over `UCDASH_UPLOADS_PER_MINUTE_OF_PROJECT`."""
    _count(_Limit("project", str(project.pk), settings.UPLOADS_PER_MINUTE_OF_PROJECT))


def check_rest(request: HttpRequest, key: SecretKey | None, *, cost: int = 1) -> None:
    """Count a REST request for its address and for the key that it proved to hold, in one step.

    Throttled over `UCDASH_REST_PER_MINUTE_OF_ADDRESS` or `UCDASH_REST_PER_MINUTE_OF_KEY`. It is
    said instead of any answer, right key or wrong: over its limit nobody learns which it was.
    """
    limits = [_Limit("rest", client_of(request), settings.REST_PER_MINUTE_OF_ADDRESS, cost)]
    if key:
        limits.append(_Limit("key", str(key.pk), settings.REST_PER_MINUTE_OF_KEY))
    _count(*limits)


def client_of(request: HttpRequest) -> str:
    """The address, or IPv6 network, that a request came from."""
    return client_network(request.META, is_behind_proxy=settings.BEHIND_PROXY)


class _Limit(NamedTuple):
    """So many requests a minute for one of a scope; this one counts for `cost`."""

    scope: str
    who: str
    most: int  # 0 is no limit
    cost: int = 1

    @property
    def name(self) -> str:
        return f"{self.scope}:{self.who}"


def _count(*limits: _Limit) -> None:
    asked = [limit for limit in limits if limit.most]
    if not asked:
        return
    window, passed = divmod(time.time(), WINDOW_S)
    try:
        sums = _add({limit.name: limit.cost for limit in asked}, int(window))
    except (RedisError, OSError) as error:
        log.warning("Requests are not counted now: %s", type(error).__name__)
        return
    if any(sums[limit.name] > limit.most for limit in asked):
        raise Throttled(wait=WINDOW_S - passed)


def _add(amounts: dict[str, int], window: int) -> dict[str, int]:
    if not settings.CACHE_URL:
        return _on_this_machine.add_all(amounts, span=window)
    return {name: _add_in_cache(name, window, cost) for name, cost in amounts.items()}


def _add_in_cache(name: str, window: int, cost: int) -> int:
    key = f"throttle:{name}:{window}"
    cache.add(key, 0, timeout=2 * WINDOW_S)
    try:
        return int(cache.incr(key, cost))
    except ValueError:  # evicted between the two steps: whoever needs the room is not under attack
        return 0
