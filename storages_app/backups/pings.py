"""Telling a monitor how a run ended, in the manner of healthchecks.io: the address, or …/fail."""

import logging
import re
from threading import Thread
from time import monotonic

import urllib3
from django.db.models import Q
from django.utils import timezone

from storages_app.backups.errors import PingRefused
from storages_app.lib import outbound
from storages_app.models import BackupRun

log = logging.getLogger(__name__)

_CONNECT_S, _READ_S = 5.0, 10.0
_IN_ALL_S = 15.0  # a monitor that sends byte after byte is waited for no longer
_AT_ONCE = 16


def check_url(url: str) -> None:
    """PingRefused unless this instance may call the address, as far as its text tells."""
    try:
        outbound.check(outbound.parse(url), _policy())
    except outbound.OutboundError as error:
        raise PingRefused(error.message, hint=error.advice) from error


def send_due() -> None:
    """Send the pings of runs that have ended; at most once each.

    Side by side, so that a slow monitor delays no other one, and the drain by its own time alone.
    """
    due = BackupRun.objects.filter(Q(finished_at__isnull=False), pinged_at=None)
    runs = [
        run
        for run in due.select_related("plan").order_by("pk")[:_AT_ONCE]
        if due.filter(pk=run.pk).update(pinged_at=timezone.now())
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
        BackupRun.objects.filter(pk=run.pk).update(ping_answer=answer[:100])


def _tell(run: BackupRun, answers: dict[int, str]) -> None:
    """In a thread of its own, which knows no database."""
    answers[run.pk] = _send(run)


def _send(run: BackupRun) -> str:
    """Call the monitor; what it answered, or why it was not reached, without the address."""
    url = run.plan.unseal_ping_url()
    if not url:
        return ""
    if run.state != BackupRun.State.DONE:
        url = fail_url(url)
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


def fail_url(url: str) -> str:
    """``/fail`` goes at the end of the path, before a query."""
    path, mark, query = re.fullmatch(r"([^?#]*)(\??)(.*)", url, re.DOTALL).groups()  # type: ignore[union-attr]
    return f"{path.rstrip('/')}/fail{mark}{query}"


def _policy() -> outbound.Policy:
    """As for buckets; an operator may allow a monitor inside the own network."""
    return outbound.current_policy()
