"""How long whoever was told to wait has to: allauth counts requests, and does not tell."""

import math
import time

from allauth.account import app_settings as of_accounts
from allauth.core.internal.ratelimit import Rate, get_cache_key, get_rates
from allauth.mfa import app_settings as of_factors
from django.core.cache import cache
from django.http import HttpRequest

_LIMITS = {"allauth.account": of_accounts.RATE_LIMITS, "allauth.mfa": of_factors.RATE_LIMITS}


def seconds_left(request: HttpRequest) -> int:
    """Until none of the limits refuses any more what this request asks, rounded up."""
    waits = [
        _wait(request, app, action, rate)
        for app, limits in _LIMITS.items()
        for action in limits
        for rate in get_rates(app=app, action=action)
    ]
    return max(1, math.ceil(max(waits)))


def _wait(request: HttpRequest, app: str, action: str, rate: Rate) -> float:
    """The oldest request that counts makes room when it is as old as the limit's time."""
    if rate.per == "user" and not request.user.is_authenticated:
        return 0
    email = str(request.POST.get("email", "")).lower()
    name = get_cache_key(request, app=app, action=action, rate=rate, key=email)
    newest_first = cache.get(name, [])
    if len(newest_first) < rate.amount:
        return 0
    return float(newest_first[-1] + rate.duration - time.time())
