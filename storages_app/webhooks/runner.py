"""What a worker does with deliveries: requests side by side, each in a thread of its own.

Only the pump touches the database: it claims, keeps the leases, and writes what came of them.
"""

import logging
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from time import monotonic

from django.conf import settings
from django.db import close_old_connections, connection

from storages_app.lib import shortage
from storages_app.lib.crashpoints import crashpoint
from storages_app.webhooks import holding
from storages_app.webhooks.holding import Hold
from storages_app.webhooks.sending import Answer, send

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5  # for what is new, while others are under way
_MOMENT_S = 0.02

_stopping = threading.Event()
_one_drain_a_process = threading.Lock()
_asked_again = threading.Event()


def drain() -> None:
    """Send all that is due; a second call in the same process only says that there is more."""
    _asked_again.set()
    while _is_wanted() and _one_drain_a_process.acquire(blocking=False):
        try:
            _asked_again.clear()
            Pump().run()
        finally:
            _one_drain_a_process.release()


def drain_apart() -> None:
    """The same in a thread: a slow receiver must not hold up the worker's other tasks."""

    def work() -> None:
        close_old_connections()
        try:
            drain()
        except Exception as error:
            shortage.note(error)
            log.exception("Sending to webhooks failed; the poller goes on with it.")
        finally:
            connection.close()

    threading.Thread(target=work, name="webhooks", daemon=True).start()


def _is_wanted() -> bool:
    return _asked_again.is_set() and not _stopping.is_set()


def stop() -> None:
    """The process ends: the pump gives back what is not finished."""
    _stopping.set()
    if _one_drain_a_process.acquire(timeout=5):
        _one_drain_a_process.release()


class Pump:
    """One drain; ends when nothing is due and nothing is under way."""

    def __init__(self) -> None:
        self.flying: dict[Future[Answer], Hold] = {}
        self.renewed_at = monotonic()

    def run(self) -> None:
        pool = ThreadPoolExecutor(settings.WEBHOOK_THREADS, thread_name_prefix="webhook")
        try:
            while not _stopping.is_set():
                self._claim(pool)
                if not self.flying:
                    return
                self._settle(self._ended())
                self._renew()
        except BaseException as error:
            shortage.note(error)
            raise
        finally:
            self._give_back()
            pool.shutdown(wait=False, cancel_futures=True)

    def _claim(self, pool: ThreadPoolExecutor) -> None:
        n_free = settings.WEBHOOK_THREADS - len(self.flying)
        if n_free:
            for hold in holding.claim(at_most=n_free):
                self.flying[pool.submit(_send, hold)] = hold

    def _ended(self) -> set[Future[Answer]]:
        """What has ended, with what ends in the same moment: they are written together."""
        wait(self.flying, timeout=_LOOK_EVERY_S, return_when=FIRST_COMPLETED)
        return wait(self.flying, timeout=_MOMENT_S).done

    def _settle(self, ended: set[Future[Answer]]) -> None:
        answers = [(self.flying[future], _answer_of(future)) for future in ended]
        holding.settle(answers)
        for future in ended:
            del self.flying[future]

    def _renew(self) -> None:
        if monotonic() - self.renewed_at > settings.LEASE.total_seconds() / 3:
            self.renewed_at = monotonic()
            holding.renew(self.flying.values())

    def _give_back(self) -> None:
        for hold in self.flying.values():
            holding.give_back(hold)


def _send(hold: Hold) -> Answer:
    crashpoint("webhook_claimed")
    answer = send(hold.message)
    crashpoint("webhook_sent")
    return answer


def _answer_of(future: Future[Answer]) -> Answer:
    """A fault of ours counts as an attempt, so that it ends, and is not the receiver's."""
    error = future.exception()
    if error is None:
        return future.result()
    shortage.note(error)
    log.error("A webhook was not sent", exc_info=error)
    return Answer(error="Internal error.")
