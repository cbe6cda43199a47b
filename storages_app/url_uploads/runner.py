"""What a worker does with addresses: fetches side by side, each in a thread of its own.

One slow server holds up one thread, and one project a part of them. The pump claims, keeps the
leases and writes how far the fetches are; a thread asks the database only when its file is there.
"""

import logging
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from time import monotonic

from django.conf import settings
from django.db import close_old_connections, connection

from storages_app.copying.persistence import persist
from storages_app.lib import shortage
from storages_app.lib.crashpoints import crashpoint
from storages_app.uploads.arrivals import arrive
from storages_app.url_uploads import failures, holding
from storages_app.url_uploads.downloading import downloaded
from storages_app.url_uploads.holding import MAX_ATTEMPTS, Hold, LostFetch

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5  # for what is new, what has ended, and how far the others are

_stopping = threading.Event()
_one_drain_a_process = threading.Lock()
_asked_again = threading.Event()


def drain() -> None:
    """Fetch all that is due; a second call in the same process only says that there is more."""
    _asked_again.set()
    while _is_wanted() and _one_drain_a_process.acquire(blocking=False):
        try:
            _asked_again.clear()
            Pump().run()
        finally:
            _one_drain_a_process.release()


def drain_apart() -> None:
    """The same in a thread: a fetch may take a quarter of an hour, and a task has to end."""

    def work() -> None:
        close_old_connections()
        try:
            drain()
        except Exception as error:
            shortage.note(error)
            log.exception("The fetches from addresses failed; the poller goes on with them.")
        finally:
            connection.close()

    threading.Thread(target=work, name="fetches", daemon=True).start()


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
        self.flying: dict[Future[None], Hold] = {}
        self.written_at = monotonic()

    def run(self) -> None:
        pool = ThreadPoolExecutor(settings.FETCH_THREADS, thread_name_prefix="fetch")
        try:
            while not _stopping.is_set():
                self._claim(pool)
                if not self.flying:
                    return
                ended, _ = wait(self.flying, timeout=_LOOK_EVERY_S, return_when=FIRST_COMPLETED)
                for future in ended:
                    self._let_go(future)
                self._write()
        except BaseException as error:
            shortage.note(error)
            raise
        finally:
            self._give_back()
            pool.shutdown(wait=False, cancel_futures=True)

    def _claim(self, pool: ThreadPoolExecutor) -> None:
        n_free = settings.FETCH_THREADS - len(self.flying)
        if n_free:
            for hold in holding.claim(at_most=n_free):
                self.flying[pool.submit(fetch_apart, hold)] = hold

    def _let_go(self, future: Future[None]) -> None:
        hold = self.flying.pop(future)
        if error := future.exception():  # it is tried again when its lease is over
            shortage.note(error)
            log.error("What came of fetch %s was not written", hold.url_upload, exc_info=error)

    def _write(self) -> None:
        if monotonic() - self.written_at > _LOOK_EVERY_S:
            self.written_at = monotonic()
            persist(partial(holding.renew, list(self.flying.values())))

    def _give_back(self) -> None:
        for hold in self.flying.values():
            persist(partial(holding.give_back, hold))


def fetch_apart(hold: Hold) -> None:
    """In a thread, with a connection to the database that ends with it."""
    try:
        fetch(hold)
    finally:
        connection.close()


def fetch(hold: Hold) -> None:
    """Make the address a file, or write down why not; harmless for a fetch that was lost."""
    crashpoint("url_upload_claimed")
    try:
        _fetch(hold)
    except LostFetch:
        log.info("The fetch %s goes on elsewhere, or has ended.", hold.url_upload)
    except Exception as error:  # noqa: BLE001 - the edge of a worker
        shortage.note(error)
        persist(partial(_settle, hold, error))


def _fetch(hold: Hold) -> None:
    row = hold.url_upload
    if row.attempts > MAX_ATTEMPTS or row.project.removed_at:  # a worker died over each attempt
        persist(partial(holding.fail, hold, *failures.TASK_FAILED))
        return
    with downloaded(hold) as found:
        crashpoint("url_upload_fetched")
        arrive(
            project=row.project,
            path=found.path,
            name=found.name,
            declared_type=found.declared_type,
            size=found.size,
            sha256=found.sha256,
            md5=found.md5,
            store=row.store,
            metadata=row.metadata,
            before_commit=partial(holding.finish, hold),
        )


def _settle(hold: Hold, error: Exception) -> None:
    """Once the row says done, whatever failed after that, this changes nothing any more."""
    words = failures.words_for(error)
    try:
        if words in {None, failures.OUR_FAULT}:
            log.error("The fetch %s failed", hold.url_upload, exc_info=error)
        if words:
            holding.fail(hold, *words)
            return
        if not holding.try_later(hold):
            holding.fail(hold, *failures.OUR_FAULT)
    except LostFetch:
        return
