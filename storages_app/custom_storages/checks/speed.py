"""How fast do copies travel?"""

import os
from time import perf_counter

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check

_SIZE = 1024 * 1024
_GIBIBYTE = 1024**3
_SLOW = 256 * 1024  # bytes a second


@check(
    "speed",
    name="Speed",
    position=220,
    level=Level.INFO,
    requires=["sse", "class", "delete"],
    refusals={
        "slow": Advice(
            "Slow: {rate}.",
            "{what} would take about {time}.",
            ["Choose a region nearer to this instance."],
        ),
    },
)
def speed(probe: Probe) -> str:
    """Time one upload of 1 MiB, and remove it."""
    body = os.urandom(_SIZE)
    key = f"{probe.key}.speed"
    started = perf_counter()
    probe.put(key, body=body)
    seconds = max(perf_counter() - started, 0.001)
    probe.remove(key)
    rate = _SIZE / seconds
    if rate < _SLOW:
        n_files, n_bytes = probe.stored
        what = f"{n_files} stored files" if n_files else "1 GB"
        time = _long((n_bytes if n_files else _GIBIBYTE) / rate)
        raise Refused("slow", rate=_in_words(rate), what=what, time=time)
    return f"1 MiB in {seconds * 1000:.0f} ms, about {_in_words(rate)}"


def _in_words(rate: float) -> str:
    mebi = rate / 1024 / 1024
    return f"{mebi:.1f} MB/s" if mebi >= 1 else f"{rate / 1024:.0f} KB/s"


def _long(seconds: float) -> str:
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            n = round(seconds / size)
            return f"{n} {name}{'' if n == 1 else 's'}"
    return "a minute"
