"""Celery, which only wakes workers: the ledger in the database is the queue."""

import logging
import os
import threading

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucdash.settings")

log = logging.getLogger(__name__)

app = Celery("ucdash")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["storages_app"])
app.autodiscover_tasks(["storages_app"], related_name="periodic")


class WakeUps:
    """Send wake-up calls from a thread of their own, the same call at most five times a second.

    A wake-up is a hint that there is due work in the ledger. The sender waits for no broker:
    one that is down costs an upload nothing, because every worker polls as well.
    """

    _PAUSE_S = 0.2

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._changed = threading.Condition()
        self._pid = 0

    def send(self, task_name: str) -> None:
        with self._changed:
            self._wanted.add(task_name)
            self._start_thread()
            self._changed.notify()

    def _start_thread(self) -> None:
        if self._pid != os.getpid():  # threads do not survive a fork
            self._pid = os.getpid()
            threading.Thread(target=self._run, name="wake-ups", daemon=True).start()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            with self._changed:
                while not self._wanted:
                    self._changed.wait()
                names, self._wanted = self._wanted, set()
            for name in sorted(names):
                try:
                    app.send_task(name)
                except Exception as error:  # noqa: BLE001 - any broker, any fault: a hint was lost
                    log.warning("No wake-up was sent for %s: %s", name, type(error).__name__)
            pause.wait(self._PAUSE_S)


_wake_ups = WakeUps()


def wake(task_name: str) -> None:
    """Tell one worker, best effort, that `task_name` has something to do. Returns at once."""
    from django.conf import settings

    if settings.SEND_WAKE_UPS:
        _wake_ups.send(task_name)
