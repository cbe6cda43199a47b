"""A pump does all that is due, and leaves nothing held behind."""

import threading
from collections.abc import Iterable
from contextlib import contextmanager

import pytest

from storages_app.lib.pumping import Drain, Pump


class Ledger:
    """Rows that wait; what became of them."""

    def __init__(self, n_rows: int) -> None:
        self.waiting = list(range(n_rows))
        self.settled: list[tuple[int, object]] = []
        self.given_back: list[int] = []
        self.most_claimed = 0


class Squares(Pump[int, int]):
    name = "squares"
    look_every_s = 0.05

    def __init__(self, ledger: Ledger, threads: int = 4) -> None:
        super().__init__(threads=threads, renew_every_s=60)
        self.ledger = ledger

    def claim(self, *, at_most: int) -> Iterable[int]:
        claimed, self.ledger.waiting = self.ledger.waiting[:at_most], self.ledger.waiting[at_most:]
        return claimed

    def work(self, hold: int) -> int:
        return hold * hold

    def settle(self, ended) -> None:
        self.ledger.most_claimed = max(self.ledger.most_claimed, len(self.flying))
        self.ledger.settled += [
            (hold, future.exception() or future.result()) for hold, future in ended
        ]

    def renew(self, holds: list[int]) -> None:
        self.ledger.renewed = holds

    def give_back(self, hold: int) -> None:
        self.ledger.given_back.append(hold)


class WaitsForGood(Squares):
    """Its work ends when the test says so."""

    def __init__(self, ledger: Ledger, released: threading.Event) -> None:
        super().__init__(ledger, threads=2)
        self.released = released
        self.begun = threading.Semaphore(0)

    def work(self, hold: int) -> int:
        self.begun.release()
        assert self.released.wait(10)
        return hold


@pytest.fixture
def ledger():
    return Ledger(n_rows=20)


def test_all_that_is_due_is_done_and_settled_once(ledger):
    Squares(ledger).run(threading.Event())

    assert sorted(ledger.settled) == [(n, n * n) for n in range(20)]
    assert ledger.given_back == []


def test_no_more_is_held_than_there_are_threads(ledger):
    Squares(ledger, threads=3).run(threading.Event())

    assert ledger.most_claimed <= 3


def test_a_fault_of_one_is_told_to_who_settles_it_and_stops_no_other(ledger):
    class FailsAtSeven(Squares):
        def work(self, hold: int) -> int:
            return 1 // (hold - 7)

    FailsAtSeven(ledger).run(threading.Event())

    assert len(ledger.settled) == 20
    assert isinstance(dict(ledger.settled)[7], ZeroDivisionError)


def test_what_is_under_way_when_it_stops_is_given_back(ledger):
    released, stopping = threading.Event(), threading.Event()
    pump = WaitsForGood(ledger, released)
    pumping = threading.Thread(target=pump.run, args=[stopping])
    pumping.start()
    for _ in range(2):
        assert pump.begun.acquire(timeout=10)

    stopping.set()
    pumping.join(10)
    released.set()

    assert ledger.given_back == [0, 1]
    assert ledger.settled == []
    assert ledger.waiting == list(range(2, 20))


def test_a_ledger_that_fails_leaves_nothing_held(ledger):
    class CannotWrite(Squares):
        def settle(self, ended) -> None:
            raise OSError("The disk is full.")

    with pytest.raises(OSError, match="full"):
        CannotWrite(ledger).run(threading.Event())

    assert ledger.given_back == [0, 1, 2, 3]


def test_leases_of_what_takes_long_are_renewed(ledger):
    released = threading.Event()
    pump = WaitsForGood(ledger, released)
    pump.renew_every_s = 0
    renewed = threading.Event()
    pump.renew = lambda holds: renewed.set() if holds == [0, 1] else None
    pumping = threading.Thread(target=pump.run, args=[threading.Event()])
    pumping.start()

    assert renewed.wait(10)
    released.set()
    pumping.join(10)


@contextmanager
def no_connection():
    yield


class TestDrain:
    def test_asked_in_the_middle_it_looks_again_in_the_same_thread(self, ledger):
        released = threading.Event()
        pumps = []

        def make_pump():
            pumps.append(WaitsForGood(ledger, released))
            return pumps[-1]

        drain = Drain(make_pump, what="A test", own_connection=no_connection)
        first = threading.Thread(target=drain.run)
        first.start()
        while not pumps:
            pass
        assert pumps[0].begun.acquire(timeout=10)
        drain.run()  # comes back at once, for the first is under way
        released.set()
        first.join(10)

        assert len(pumps) == 2
        assert len(ledger.settled) == 20

    def test_after_stop_it_does_no_more(self, ledger):
        drain = Drain(lambda: Squares(ledger), what="A test", own_connection=no_connection)

        drain.stop()
        drain.run()

        assert ledger.settled == []

    def test_a_failure_apart_is_logged_and_the_thread_ends(self, ledger, caplog):
        failed = threading.Event()

        @contextmanager
        def connection():
            yield
            failed.set()

        def make_pump():
            raise OSError("No database.")

        drain = Drain(make_pump, what="A test", own_connection=connection)
        drain.run_apart()

        assert failed.wait(10)
        assert "A test failed; the poller goes on with it." in caplog.text
