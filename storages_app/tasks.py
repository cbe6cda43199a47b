"""Every room's tasks, found here by Celery; and the clocks that each worker process keeps.

A worker needs neither broker nor beat to find work: its own threads drain the ledger every few
seconds. A wake-up only makes it quicker.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown
from django.conf import settings
from django.db import close_old_connections

from storages_app import periodic
from storages_app.backups import tasks as backups
from storages_app.copying import tasks as copying
from storages_app.custom_storages import tasks as custom_storages
from storages_app.library import tasks as library
from storages_app.models import WorkerHeartbeat
from storages_app.models.fields import read_db_now
from storages_app.uploads import tasks as uploads
from ucdash.celery import app

__all__ = ["backups", "copying", "custom_storages", "library", "periodic", "uploads"]

log = logging.getLogger(__name__)

app.conf.beat_schedule = {
    "tick": {"task": "periodic.tick", "schedule": float(periodic.TICK_EVERY_S)},
}

_stopping = threading.Event()


def heartbeat() -> None:
    """A sign of life in the database; health and the pages read it."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    WorkerHeartbeat.objects.update_or_create(name=name, defaults={"seen_at": read_db_now()})


def _every(seconds: float, work: Callable[[], object], name: str) -> None:
    """Run `work` again and again in a thread of its own, whatever happens to it."""

    def loop() -> None:
        while True:
            close_old_connections()
            try:
                work()
            except Exception:
                log.exception("%s failed; it is tried again in %s s", name, seconds)
            close_old_connections()
            if _stopping.wait(seconds):
                return

    threading.Thread(target=loop, name=name, daemon=True).start()


@worker_process_init.connect
def start_clocks(**kwargs: Any) -> None:
    """Begin this process's own heartbeat and polling (spec/RELIABILITY 5.1)."""
    _every(settings.HEARTBEAT_EVERY_S, heartbeat, "heartbeat")
    _every(settings.POLL_EVERY_S, copying.drain, "copying poller")
    _every(settings.POLL_EVERY_S, custom_storages.drain, "connection test poller")
    _every(settings.POLL_EVERY_S, backups.drain, "backup poller")
    _every(periodic.TICK_EVERY_S, periodic.tick, "timetable")


@worker_process_shutdown.connect
def stop_clocks(**kwargs: Any) -> None:
    """Give back what is not finished, so that a deployment counts as nobody's crash."""
    _stopping.set()
    copying.stop()
