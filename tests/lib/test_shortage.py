"""F53: a process that ran out of memory or threads ends, and says so first."""

import threading

import pytest

from storages_app.lib import shortage


class Left(Exception):
    """Stands for the end of the process."""


class Stillborn(threading.Thread):
    """It finds no memory while it is born, so that nobody hears that it has begun."""

    def _bootstrap(self) -> None:
        pass


@pytest.fixture(autouse=True)
def ends(monkeypatch):
    """With which codes the process would have ended."""
    codes: list[int] = []

    def leave(code: int) -> None:
        codes.append(code)
        raise Left

    monkeypatch.setattr(shortage, "_is_met", False)
    monkeypatch.setattr(shortage, "_LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(shortage.os, "_exit", leave)
    monkeypatch.setattr(shortage.signal, "alarm", lambda seconds: None)
    return codes


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")], ids=str)
def test_what_is_held_is_given_back_before_the_end(ends, error):
    given_back = []
    shortage.note(error)
    with pytest.raises(Left):
        shortage._watch(lambda: given_back.append(len(ends)))
    assert (given_back, ends) == ([0], [1])


def test_the_end_comes_although_nothing_can_be_given_back(ends):
    def fail() -> None:
        raise MemoryError

    shortage.note(MemoryError())
    with pytest.raises(Left):
        shortage._watch(fail)
    assert ends == [1]


def test_the_end_comes_although_giving_back_hangs(ends, monkeypatch):
    alarms: list[int] = []
    monkeypatch.setattr(shortage.signal, "alarm", alarms.append)
    shortage.note(MemoryError())
    with pytest.raises(Left):
        shortage._watch(lambda: alarms.append(0))
    assert alarms == [15, 0]


@pytest.mark.parametrize("error", [RuntimeError("dictionary changed size"), OSError(24, "files")])
def test_other_errors_end_nothing(error):
    shortage.note(error)
    assert not shortage._is_met


def test_a_thread_that_was_never_born_is_noticed(ends):
    """Whoever starts it waits for ever, and nothing else tells of that."""
    stillborn = Stillborn(daemon=True)
    waiting = threading.Thread(target=stillborn.start, daemon=True)
    waiting.start()
    try:
        with pytest.raises(Left):
            shortage._watch(lambda: None)
        assert waiting.is_alive()
    finally:
        stillborn._started.set()
        waiting.join()
        threading._limbo.pop(stillborn)


def test_threads_that_live_and_end_are_not_mistaken_for_it(monkeypatch):
    n_looks = 0

    def look(seconds: float) -> None:
        nonlocal n_looks
        n_looks += 1
        if n_looks == 4:
            shortage.note(MemoryError())

    monkeypatch.setattr(shortage.time, "sleep", look)
    rest = threading.Event()
    living = threading.Thread(target=rest.wait)
    living.start()
    shortage._wait_for_shortage()
    rest.set()
    living.join()
    assert n_looks == 4
