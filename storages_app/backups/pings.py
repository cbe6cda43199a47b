"""Telling a monitor of a run as healthchecks.io wants it: …/start, then the address or …/fail."""

import logging
import re
from threading import Thread
from time import monotonic
from typing import Any

import urllib3
from django.db.models import Q, QuerySet
from django.utils import timezone

from storages_app.backups.errors import PingRefused
from storages_app.lib import outbound
from storages_app.models import BackupRun

log = logging.getLogger(__name__)

_CONNECT_S, _READ_S = 5.0, 10.0
_IN_ALL_S = 15.0  # a monitor that sends byte after byte is waited for no longer
_AT_ONCE = 16
_START = "start"
State = BackupRun.State


def check_url(url: str) -> None:
    """PingRefused unless this instance may call the address, as far as its text tells."""
    try:
        outbound.check(outbound.parse(url), _policy())
    except outbound.OutboundError as error:
        raise PingRefused(error.message, hint=error.advice) from error


def send_due() -> None:
    """Send the pings of runs that have begun or ended; at most once each.

    Side by side, so that a slow monitor delays no other one, and the drain by its own time alone.
    """
    ended = BackupRun.objects.filter(Q(finished_at__isnull=False), pinged_at=None)
    begun = BackupRun.objects.filter(finished_at=None, state=State.COPYING, ping_answer="")
    runs = [
        *_taken(ended, pinged_at=timezone.now()),
        *_taken(begun.exclude(plan__ping_url=""), ping_answer=_START),
    ]
    if not runs:
        return
    answers: dict[int, str] = {}
    threads = [Thread(target=_tell, args=[run, answers], daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    ends_at = monotonic() + _IN_ALL_S
    for thread in threads:
        thread.join(max(ends_at - monotonic(), 0))
    for run in runs:
        answer = answers.get(run.pk, "Not told: too slow")
        if run.state == State.COPYING:
            answer = f"{_START}: {answer}"
        # The answer to its start is not worth that to its end, which may be there already.
        same = BackupRun.objects.filter(pk=run.pk, state=run.state)
        same.update(ping_answer=answer[:100])


def _taken(due: "QuerySet[BackupRun]", **mark: Any) -> list[BackupRun]:
    """Those that nobody else tells of."""
    return [
        run
        for run in due.select_related("plan").order_by("pk")[:_AT_ONCE]
        if due.filter(pk=run.pk).update(**mark)
    ]


def _tell(run: BackupRun, answers: dict[int, str]) -> None:
    """In a thread of its own, which knows no database."""
    answers[run.pk] = _send(run)


def _send(run: BackupRun) -> str:
    """Call the monitor; what it answered, or why it was not reached, without the address."""
    url = run.plan.unseal_ping_url()
    if not url:
        return ""
    if run.state != State.DONE:
        url = signal_url(url, "start" if run.state == State.COPYING else "fail")
    pool = outbound.GuardedPoolManager(
        _policy(), connect_timeout=_CONNECT_S, read_timeout=_READ_S, maxsize=1
    )
    try:
        answer = pool.send(
            "POST", outbound.parse(url), body=b"", headers={"User-Agent": "ucdash backup"}
        )
        answer.close()
    except (outbound.OutboundError, urllib3.exceptions.HTTPError, OSError) as error:
        why = error.code if isinstance(error, outbound.OutboundError) else "no answer"
        log.info("The monitor of backup run %s was not told: %s", run.pk, why)
        return f"Not told: {why}"
    else:
        return f"HTTP {answer.status}"
    finally:
        pool.clear()


def signal_url(url: str, signal: str) -> str:
    """``/fail`` or ``/start`` goes at the end of the path, before a query."""
    path, mark, query = re.fullmatch(r"([^?#]*)(\??)(.*)", url, re.DOTALL).groups()  # type: ignore[union-attr]
    return f"{path.rstrip('/')}/{signal}{mark}{query}"


def _policy() -> outbound.Policy:
    """As for buckets; an operator may allow a monitor inside the own network."""
    return outbound.current_policy()
