"""How many requests the REST and Upload APIs take, from one address, for a key and for a project.

Counted in windows of a minute, each count one atomic step that all web processes share: in Redis
where `UCDASH_CACHE_URL` names one, else in a file of the data folder, which serves one machine.
What counts being away lets everything pass, because a request is worth more than a count.
"""

import ipaddress
import logging
import time
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError
from rest_framework.exceptions import Throttled

from storages_app.lib.client_address import client_address
from storages_app.lib.shared_counts import SharedCounts
from storages_app.models import Project, SecretKey

log = logging.getLogger(__name__)

WINDOW_S = 60
# Whoever guesses secrets has used up the requests of his address so much sooner (S065). Counted by
# address only: a count by public key would let anybody lock out a project.
WRONG_KEY_COSTS = 20
_IPV6_NETWORK = 64  # one household or machine has at least so many addresses

_on_this_machine = SharedCounts(Path(settings.DATA_DIR) / "throttles.sqlite3")


def check_address(request: HttpRequest) -> None:
    """Count a request of this client; Throttled over `UCDASH_UPLOADS_PER_MINUTE_OF_ADDRESS`."""
    _count("address", client_of(request), settings.UPLOADS_PER_MINUTE_OF_ADDRESS)


def check_project(project: Project) -> None:
    """Count a request for this project; Throttled over `UCDASH_UPLOADS_PER_MINUTE_OF_PROJECT`."""
    _count("project", str(project.pk), settings.UPLOADS_PER_MINUTE_OF_PROJECT)


def check_rest_address(request: HttpRequest, *, cost: int = 1) -> None:
    """The same for REST, before it is known who asks: `UCDASH_REST_PER_MINUTE_OF_ADDRESS`."""
    _count("rest", client_of(request), settings.REST_PER_MINUTE_OF_ADDRESS, cost)


def check_key(key: SecretKey) -> None:
    """Count a request with this secret key; Throttled over `UCDASH_REST_PER_MINUTE_OF_KEY`."""
    _count("key", str(key.pk), settings.REST_PER_MINUTE_OF_KEY)


def client_of(request: HttpRequest) -> str:
    """The address, or IPv6 network, that a request came from."""
    sent = client_address(request.META, is_behind_proxy=settings.BEHIND_PROXY)
    try:
        address = ipaddress.ip_address(sent)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        number = int(address) >> (128 - _IPV6_NETWORK) << (128 - _IPV6_NETWORK)
        return f"{ipaddress.IPv6Address(number)}/{_IPV6_NETWORK}"
    return str(address)


def _count(scope: str, who: str, limit: int, cost: int = 1) -> None:
    if not limit:
        return
    window, passed = divmod(time.time(), WINDOW_S)
    try:
        n_requests = _add(f"{scope}:{who}", int(window), cost)
    except (RedisError, OSError) as error:
        log.warning("Requests are not counted now: %s", type(error).__name__)
        return
    if n_requests > limit:
        raise Throttled(wait=WINDOW_S - passed)


def _add(name: str, window: int, cost: int) -> int:
    if not settings.CACHE_URL:
        return _on_this_machine.add(name, span=window, n=cost)
    key = f"throttle:{name}:{window}"
    cache.add(key, 0, timeout=2 * WINDOW_S)
    try:
        return int(cache.incr(key, cost))
    except ValueError:  # evicted between the two steps: whoever needs the room is not under attack
        return 0
