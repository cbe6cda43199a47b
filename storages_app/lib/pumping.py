"""Work that is done side by side in threads, from a ledger that only one thread asks."""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from time import monotonic
from typing import ClassVar, Generic, TypeVar

from storages_app.lib import shortage

log = logging.getLogger(__name__)

Hold = TypeVar("Hold")  # a claimed row, with its lease and fence
Result = TypeVar("Result")


class Pump(ABC, Generic[Hold, Result]):
    """One drain: claims while threads are free, ends when nothing is due and nothing under way.

    All but `work` is called in the pump's own thread. What is not finished when it stops is given
    back, and threads that still work on it are left behind.
    """

    name: ClassVar[str]
    look_every_s: ClassVar[float] = 0.5  # for what is new, while others are under way
    moment_s: ClassVar[float] = 0  # what ends within it is settled together

    def __init__(self, *, threads: int, renew_every_s: float) -> None:
        self.threads = threads
        self.renew_every_s = renew_every_s
        self.flying: dict[Future[Result], Hold] = {}
        self.renewed_at = monotonic()

    @abstractmethod
    def claim(self, *, at_most: int) -> Iterable[Hold]:
        """What this process has from now on."""

    @abstractmethod
    def work(self, hold: Hold) -> Result:
        """In a thread of its own."""

    @abstractmethod
    def settle(self, ended: list[tuple[Hold, Future[Result]]]) -> None:
        """Write what came of these."""

    @abstractmethod
    def renew(self, holds: list[Hold]) -> None:
        """Keep the leases of what is under way."""

    @abstractmethod
    def give_back(self, hold: Hold) -> None:
        """Somebody else may have it at once."""

    def run(self, stopping: threading.Event) -> None:
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix=self.name)
        try:
            while not stopping.is_set():
                self._claim(pool)
                if not self.flying:
                    return
                self._settle()
                self._renew()
        except BaseException as error:
            shortage.note(error)
            raise
        finally:
            for hold in self.flying.values():
                self.give_back(hold)
            pool.shutdown(wait=False, cancel_futures=True)

    def _claim(self, pool: ThreadPoolExecutor) -> None:
        n_free = self.threads - len(self.flying)
        if n_free:
            for hold in self.claim(at_most=n_free):
                self.flying[pool.submit(self.work, hold)] = hold

    def _settle(self) -> None:
        wait(self.flying, timeout=self.look_every_s, return_when=FIRST_COMPLETED)
        ended = wait(self.flying, timeout=self.moment_s).done
        self.settle([(self.flying[future], future) for future in ended])
        for future in ended:
            del self.flying[future]

    def _renew(self) -> None:
        if monotonic() - self.renewed_at > self.renew_every_s:
            self.renewed_at = monotonic()
            self.renew(list(self.flying.values()))


class Drain:
    """One pump at a time in this process; who asks meanwhile only says that there is more."""

    def __init__(
        self,
        make_pump: Callable[[], Pump[Hold, Result]],
        *,
        what: str,
        own_connection: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """`what` is drained, in words of a log; `own_connection` is what a thread works in."""
        self.make_pump = make_pump
        self.what = what
        self.own_connection = own_connection
        self.stopping = threading.Event()
        self.one_at_a_time = threading.Lock()
        self.asked_again = threading.Event()

    def run(self) -> None:
        """Do all that is due."""
        self.asked_again.set()
        while self._is_wanted() and self.one_at_a_time.acquire(blocking=False):
            try:
                self.asked_again.clear()
                self.make_pump().run(self.stopping)
            finally:
                self.one_at_a_time.release()

    def run_apart(self) -> None:
        """The same in a thread: what is slow must not hold up a worker's other tasks."""

        def work() -> None:
            with self.own_connection():
                try:
                    self.run()
                except Exception as error:
                    shortage.note(error)
                    log.exception("%s failed; the poller goes on with it.", self.what)

        threading.Thread(target=work, name=self.what, daemon=True).start()

    def stop(self) -> None:
        """The process ends: the pump gives back what is not finished."""
        self.stopping.set()
        if self.one_at_a_time.acquire(timeout=5):
            self.one_at_a_time.release()

    def _is_wanted(self) -> bool:
        return self.asked_again.is_set() and not self.stopping.is_set()
