"""The one timetable of what runs when, and the clocks that each worker process keeps.

A worker needs neither broker nor beat to find work: its own threads drain the ledger every few
seconds, and a wake-up only makes it quicker. Beat ticks, and so does every worker; whoever claims
a slot in the database does the work there and then. So two beats do no harm, a dead one is no loss,
and neither is a broker that takes messages and delivers none.
"""

import gc
import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init, worker_process_shutdown
from django.conf import settings
from django.db import IntegrityError, close_old_connections, transaction
from django.db.models import Q

from storages_app.backups import tasks as backups
from storages_app.bulk_copies import tasks as bulk_copies
from storages_app.copying import tasks as copying
from storages_app.custom_storages import tasks as custom_storages
from storages_app.lib import shortage
from storages_app.models import TimetableSlot, WorkerHeartbeat
from storages_app.models.connections import end_sleeping_transactions
from storages_app.models.fields import db_now, read_db_now
from storages_app.notifications import tasks as notifications
from storages_app.reconciliation import tasks as reconciliation
from storages_app.restores import tasks as restores
from storages_app.uploads import tasks as uploads
from storages_app.url_uploads import tasks as url_uploads
from storages_app.webhooks import tasks as webhooks
from ucdash.celery import app

log = logging.getLogger(__name__)

TICK_EVERY_S = 20
_FORGET_WORKERS_AFTER = timedelta(days=1)
_CLOCK_TOLERANCE = timedelta(minutes=1)
_SLEEPS_AT_LEAST = timedelta(seconds=10)


@dataclass(frozen=True)
class Entry:
    """A task, and how often it is to run."""

    task: str
    every: timedelta


TIMETABLE = (
    Entry("backups.schedule", timedelta(minutes=1)),
    Entry("custom_storages.retest", timedelta(minutes=1)),
    Entry("bulk_copies.forget_lists", timedelta(hours=6)),
    Entry("custom_storages.forget_tests", timedelta(hours=6)),
    Entry("library.expire", timedelta(minutes=5)),
    Entry("library.fold_tallies", timedelta(minutes=1)),
    Entry("library.remove_due", timedelta(minutes=1)),
    Entry("notifications.look", timedelta(seconds=TICK_EVERY_S)),
    Entry("notifications.look_at_backups", timedelta(minutes=2)),
    Entry("notifications.forget", timedelta(hours=6)),
    Entry("projects.forget_keys", timedelta(hours=1)),
    Entry("reconciliation.schedule", timedelta(minutes=1)),
    Entry("reconciliation.forget", timedelta(hours=6)),
    Entry("restores.forget", timedelta(hours=6)),
    Entry("uploads.sweep", timedelta(hours=1)),
    Entry("url_uploads.forget", timedelta(hours=6)),
    Entry("webhooks.forget", timedelta(hours=6)),
    Entry("periodic.forget_workers", timedelta(hours=6)),
)

app.conf.beat_schedule = {"tick": {"task": "periodic.tick", "schedule": float(TICK_EVERY_S)}}


@shared_task(name="periodic.tick")
def tick() -> None:
    """Do what has its time now, each entry at most once in its period over all machines."""
    if TimetableSlot.objects.filter(_is_in_the_future()).exists():
        log.warning("The database's clock went back; waiting times are put right.")
        copying.mend_times()
    for entry in TIMETABLE:
        if _claim_slot(entry):
            _do(entry)


def _do(entry: Entry) -> None:
    try:
        app.tasks[entry.task]()
    except Exception:
        log.exception("%s failed; it is tried again in %s", entry.task, entry.every)


def _is_in_the_future() -> Q:
    """A slot that nobody can have claimed: the clock was ahead, and no period shall be skipped."""
    return Q(ran_at__gt=db_now() + _CLOCK_TOLERANCE)


def _claim_slot(entry: Entry) -> bool:
    is_due = Q(ran_at__lte=db_now() - entry.every) | _is_in_the_future()
    if TimetableSlot.objects.filter(is_due, entry=entry.task).update(ran_at=db_now()):
        return True
    if TimetableSlot.objects.filter(entry=entry.task).exists():
        return False
    try:
        with transaction.atomic():
            TimetableSlot.objects.create(entry=entry.task, ran_at=read_db_now())
    except IntegrityError:
        return False
    return True


@shared_task(name="periodic.forget_workers")
def forget_workers() -> None:
    """Drop the heartbeats of processes that are long gone."""
    WorkerHeartbeat.objects.filter(seen_at__lt=db_now() - _FORGET_WORKERS_AFTER).delete()


# --- The clocks of a worker process ----------------------------------------------------------

_stopping = threading.Event()


def heartbeat() -> None:
    """A sign of life in the database; health and the pages read it."""
    WorkerHeartbeat.beat()


def _every(seconds: float, work: Callable[[], object], name: str) -> None:
    """Run `work` again and again in a thread of its own, whatever happens to it."""

    def once() -> None:
        close_old_connections()
        try:
            work()
        finally:
            close_old_connections()

    def loop() -> None:
        while not _stopping.is_set():
            try:
                once()
            except Exception as error:
                shortage.note(error)
                # Without memory even telling of it fails, and the thread has to outlive that.
                with suppress(Exception):
                    log.exception("%s failed; it is tried again in %s s", name, seconds)
            _stopping.wait(seconds)

    threading.Thread(target=loop, name=name, daemon=True).start()


@worker_process_init.connect
def start_clocks(**kwargs: Any) -> None:
    """Begin this process's own heartbeat and polling (spec/RELIABILITY 5.1)."""
    # Ctrl-C and a stopping service reach the whole group. A child that dies of it gives nothing
    # back and is replaced at once; one that waits is ended by its parent, in order.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # What is loaded by now stays. Looked at in each full collection, it held claims up by 50 ms.
    gc.freeze()
    end_sleeping_transactions(after=max(settings.LEASE, _SLEEPS_AT_LEAST))
    shortage.watch(stop_clocks)
    _every(settings.HEARTBEAT_EVERY_S, heartbeat, "heartbeat")
    _every(settings.POLL_EVERY_S, copying.drain, "copying poller")
    _every(settings.POLL_EVERY_S, custom_storages.drain, "connection test poller")
    _every(settings.POLL_EVERY_S, backups.drain, "backup poller")
    _every(settings.POLL_EVERY_S, bulk_copies.drain, "bulk copy poller")
    _every(settings.POLL_EVERY_S, reconciliation.drain, "reconciliation poller")
    _every(settings.POLL_EVERY_S, restores.drain, "restore poller")
    _every(settings.POLL_EVERY_S, url_uploads.drain, "fetch poller")
    _every(settings.POLL_EVERY_S, uploads.drain, "multipart poller")
    _every(settings.POLL_EVERY_S, webhooks.drain, "webhook poller")
    _every(settings.POLL_EVERY_S, notifications.drain, "notification poller")
    _every(TICK_EVERY_S, tick, "timetable")


@worker_process_shutdown.connect
def stop_clocks(**kwargs: Any) -> None:
    """Give back what is not finished, so that a deployment counts as nobody's crash."""
    _stopping.set()
    bulk_copies.stop()
    url_uploads.stop()
    webhooks.stop()
    notifications.stop()
    copying.stop()
