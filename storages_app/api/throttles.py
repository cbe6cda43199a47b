"""How many requests the Upload API takes, from one address and for one project.

Counted in windows of a minute by the cache: two atomic steps, so processes that share a cache
(`UCDASH_CACHE_URL`) share the limits; without one each process counts for itself. A cache that is
away lets everything pass, because an upload is worth more than a count.
"""

import ipaddress
import logging
import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError
from rest_framework.exceptions import Throttled

from storages_app.lib.client_address import client_address
from storages_app.models import Project

log = logging.getLogger(__name__)

WINDOW_S = 60
_IPV6_NETWORK = 64  # one household or machine has at least so many addresses


def check_address(request: HttpRequest) -> None:
    """Count a request of this client; Throttled over `UCDASH_UPLOADS_PER_MINUTE_OF_ADDRESS`."""
    _count("address", client_of(request), settings.UPLOADS_PER_MINUTE_OF_ADDRESS)


def check_project(project: Project) -> None:
    """Count a request for this project; Throttled over `UCDASH_UPLOADS_PER_MINUTE_OF_PROJECT`."""
    _count("project", str(project.pk), settings.UPLOADS_PER_MINUTE_OF_PROJECT)


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


def _count(scope: str, who: str, limit: int) -> None:
    if not limit:
        return
    now = time.time()
    window, passed = divmod(now, WINDOW_S)
    key = f"throttle:{scope}:{who}:{window:.0f}"
    try:
        cache.add(key, 0, timeout=2 * WINDOW_S)
        n_requests = cache.incr(key)
    except ValueError:  # evicted between the two steps: whoever needs the room is not under attack
        return
    except (RedisError, OSError) as error:
        log.warning("Requests are not counted, the cache does not answer: %s", type(error).__name__)
        return
    if n_requests > limit:
        raise Throttled(wait=WINDOW_S - passed)
