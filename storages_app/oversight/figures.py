"""Figures for Prometheus, computed from the database when they are asked for.

One computation at a time, and its answer holds for a while that grows with what it cost: whoever
scrapes too often, or a ledger of millions, slows nothing down.
"""

import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from time import monotonic
from typing import Any

from django.db.models import Count, F, Max, Min, Q, Sum
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from storages_app.models import (
    BackupPlan,
    BackupRun,
    CopyJob,
    CustomStorage,
    Difference,
    Reconciliation,
    UrlUpload,
    WorkerHeartbeat,
)
from storages_app.models.copy_jobs import WAITING_STATES, State
from storages_app.models.fields import db_now, read_db_now
from storages_app.oversight.queue import WORKER_IS_FRESH

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HOLDS_S = 10.0
_SHARE = 0.05  # of all time, at most, goes into computing figures
_MOST_PLANS = 1000


class _Figures(Collector):
    """All figures of the installation."""

    def describe(self) -> Iterable[Metric]:
        return []  # so that registering asks no database

    def collect(self) -> Iterator[Metric]:
        now = read_db_now()
        yield from _waiting(now)
        yield from _ended()
        yield from _storages()
        yield from _workers(now)
        yield from _differences()
        yield from _backups(now)
        yield from _fetches(now)


def _gauge(name: str, text: str, labels: Iterable[str] = ()) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ucdash_{name}", text, labels=list(labels))


def _age(now: datetime, moment: datetime | None) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


def _waiting(now: datetime) -> Iterator[Metric]:
    waiting = _gauge("copies_waiting", "Copies that wait, also blocked ones.", ["lane"])
    size = _gauge("copies_waiting_bytes", "Bytes of the originals that they copy.", ["lane"])
    oldest = _gauge(
        "copies_oldest_due_age_seconds", "For how long the oldest of them could begin.", ["lane"]
    )
    blocked = _gauge("copies_blocked", "Copies of paused and broken storages.")
    rows = CopyJob.objects.filter(run_after__isnull=False).order_by().values("lane")
    figures: dict[int, dict[str, Any]] = {
        row["lane"]: dict(row)
        for row in rows.annotate(
            n=Count("pk"),
            bytes=Sum("file__size"),
            due=Min("run_after", filter=Q(state__in=[State.PENDING, State.RETRY_WAIT])),
            blocked=Count("pk", filter=Q(state=State.BLOCKED)),
        )
    }
    for lane in CopyJob.Lane:
        row = figures.get(lane.value, {})
        label = [lane.name.lower()]
        waiting.add_metric(label, row.get("n", 0))
        size.add_metric(label, row.get("bytes") or 0)
        oldest.add_metric(label, _age(now, row.get("due")))
    blocked.add_metric([], sum(row["blocked"] for row in figures.values()))
    yield from (waiting, size, oldest, blocked)


def _ended() -> Iterator[Metric]:
    states = _gauge("copies", "Copies by state; those that wait are told by lane.", ["state"])
    failed = _gauge("copies_failed", "Copies that failed, by reason.", ["reason"])
    takeovers = _gauge("copies_takeovers", "Leases that were taken over from workers that died.")
    duplicates = _gauge("copies_duplicate_delivery", "Calls for copies that another had begun.")
    rows = CopyJob.objects.order_by().values("state", "reason")
    counts: dict[str, int] = {}
    n_takeovers = n_duplicates = 0
    for row in rows.annotate(
        n=Count("pk"), takeovers=Sum("takeovers"), duplicates=Sum("duplicates")
    ):
        n_duplicates += row["duplicates"] or 0
        counts[row["state"]] = counts.get(row["state"], 0) + row["n"]
        n_takeovers += row["takeovers"] or 0
        if row["state"] == State.FAILED:
            failed.add_metric([row["reason"]], row["n"])
    for state in State:
        if state not in WAITING_STATES:
            states.add_metric([state.value], counts.get(state, 0))
    takeovers.add_metric([], n_takeovers)
    duplicates.add_metric([], n_duplicates)
    yield from (states, failed, takeovers, duplicates)


def _storages() -> Iterator[Metric]:
    live = CustomStorage.objects.live()
    counts = live.aggregate(
        connected=Count("pk", filter=Q(connected_at__isnull=False)),
        paused=Count("pk", filter=Q(paused_at__isnull=False)),
        broken=Count("pk", filter=Q(circuit_opened_at__isnull=False)),
    )
    family = _gauge("storages", "Custom storages; paused and broken ones are connected.", ["state"])
    for state, n in counts.items():
        family.add_metric([state], n)
    circuits = _gauge("storage_circuit_open", "Storages whose circuit is open.", ["storage", "why"])
    for pk, why in live.exclude(circuit_opened_at=None).values_list("pk", "circuit_reason"):
        circuits.add_metric([str(pk), why], 1)
    yield from (family, circuits)


def _workers(now: datetime) -> Iterator[Metric]:
    alive = WorkerHeartbeat.objects.filter(seen_at__gt=db_now() - WORKER_IS_FRESH)
    figures = alive.aggregate(
        n=Count("pk"), fast=Max("clock_offset_s"), slow=Min("clock_offset_s")
    ) | WorkerHeartbeat.objects.aggregate(claimed_at=Max("claimed_at"))
    family = _gauge("workers", "Worker processes that gave a sign of life lately.")
    family.add_metric([], figures["n"])
    yield family
    if figures["claimed_at"]:
        claim = _gauge("last_claim_age_seconds", "Since a worker last claimed a copy.")
        claim.add_metric([], _age(now, figures["claimed_at"]))
        yield claim
    skew = _gauge("worker_clock_skew_seconds", "The worst of the workers' clocks.")
    skew.add_metric([], max(abs(figures["fast"] or 0), abs(figures["slow"] or 0)))
    yield skew


def _differences() -> Iterator[Metric]:
    """Of the newest whole comparison of each storage."""
    newest = Reconciliation.objects.filter(
        kind=Reconciliation.Kind.FULL,
        finished_at__isnull=False,
        custom_storage__removed_at=None,
    )
    pks = newest.order_by().values("custom_storage").annotate(newest=Max("pk")).values("newest")
    totals = dict.fromkeys(Difference.Kind.values, 0)
    n_failed = 0
    for state, counts in Reconciliation.objects.filter(pk__in=pks).values_list("state", "counts"):
        n_failed += state == Reconciliation.State.FAILED
        for kind, n in counts.items():
            totals[kind] = totals.get(kind, 0) + n
    family = _gauge(
        "reconcile_differences", "Found by the newest full check of each storage.", ["kind"]
    )
    for kind, n in totals.items():
        family.add_metric([kind], n)
    failed = _gauge("reconcile_failed", "Storages whose newest full check failed.")
    failed.add_metric([], n_failed)
    yield from (family, failed)


def _fetches(now: datetime) -> Iterator[Metric]:
    family = _gauge("fetches", "Fetches from addresses, ended ones of the last days.", ["state"])
    oldest = _gauge("fetches_oldest_due_age_seconds", "For how long the oldest could begin.")
    rows = UrlUpload.objects.order_by().values_list("state").annotate(n=Count("pk"))
    counts: dict[str, int] = dict(rows)
    for state in UrlUpload.State:
        family.add_metric([state.value], counts.get(state.value, 0))
    due = UrlUpload.objects.filter(run_after__isnull=False).aggregate(due=Min("run_after"))
    oldest.add_metric([], _age(now, due["due"]))
    yield from (family, oldest)


def _backups(now: datetime) -> Iterator[Metric]:
    family = _gauge(
        "backup_age_seconds",
        "Since the snapshot of the newest run without gaps, or since the plan was made.",
        ["plan"],
    )
    whole = Q(runs__state=BackupRun.State.DONE)
    plans = BackupPlan.objects.filter(is_on=True, custom_storage__removed_at=None)
    plans = plans.annotate(whole_at=Max("runs__snapshot_at", filter=whole))
    for plan in plans.order_by(F("whole_at").asc(nulls_first=True))[:_MOST_PLANS]:
        family.add_metric([str(plan.pk)], _age(now, plan.whole_at or plan.created_at))
    yield family


# --- What a scrape gets ----------------------------------------------------------------------


class Exposition:
    """The text for Prometheus, computed anew when it is old."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Figures())
        self._lock = threading.Lock()
        self._text = b""
        self._good_until = float("-inf")

    def text(self) -> bytes:
        """The figures; while another request computes them, those of before."""
        if monotonic() < self._good_until or not self._lock.acquire(blocking=not self._text):
            return self._text
        try:
            if monotonic() >= self._good_until:
                begun = monotonic()
                self._text = generate_latest(self._registry)
                cost = monotonic() - begun
                self._good_until = monotonic() + max(_HOLDS_S, cost / _SHARE)
        finally:
            self._lock.release()
        return self._text


exposition = Exposition()
