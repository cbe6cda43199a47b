"""The timetable: every entry once in its period, whoever ticks."""

import inspect
import threading
from collections.abc import Callable
from datetime import timedelta
from queue import SimpleQueue
from types import SimpleNamespace

import pytest
from django.utils import timezone

from storages_app import periodic
from storages_app.models import CopyJob, TimetableSlot, WorkerHeartbeat
from storages_app.models.fields import db_now, read_db_now
from tests.factories import make_copy_job, make_custom_storage, make_file, make_project
from ucdash.celery import app

pytestmark = pytest.mark.django_db


class Tasks(dict[str, Callable[[], None]]):
    """Tasks that only note that they were done."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __getitem__(self, name: str) -> Callable[[], None]:
        return lambda: self.done.append(name)


@pytest.fixture
def done(monkeypatch) -> list[str]:
    tasks = Tasks()
    monkeypatch.setattr(periodic, "app", SimpleNamespace(tasks=tasks))
    return tasks.done


def move_slots(delta: timedelta) -> None:
    """As if the clock had moved the other way."""
    TimetableSlot.objects.update(ran_at=db_now() + delta)


class TestTimetable:
    """F26: once in a period, whatever happens to beat, broker and clock."""

    def test_f26_two_beats_do_every_entry_once(self, done):
        periodic.tick()
        periodic.tick()
        assert sorted(done) == sorted(entry.task for entry in periodic.TIMETABLE)

    def test_an_entry_is_done_again_when_its_period_is_over(self, done):
        periodic.tick()
        done.clear()
        TimetableSlot.objects.filter(entry="backups.schedule").update(
            ran_at=db_now() - timedelta(minutes=2)
        )
        periodic.tick()
        assert done == ["backups.schedule"]

    @pytest.mark.parametrize(
        "jump",
        [timedelta(hours=-2), timedelta(days=-1), timedelta(days=1)],
        ids=["two hours without beat", "a day forward", "a day back"],
    )
    def test_f26_after_a_gap_or_a_jump_an_entry_is_done_once_and_not_many_times(self, done, jump):
        periodic.tick()
        done.clear()
        move_slots(jump)
        periodic.tick()
        periodic.tick()
        assert done.count("backups.schedule") == 1
        assert TimetableSlot.objects.get(entry="backups.schedule").ran_at <= read_db_now()

    def test_a_clock_that_is_put_right_by_seconds_does_nothing_twice(self, done):
        periodic.tick()
        done.clear()
        move_slots(timedelta(seconds=5))
        periodic.tick()
        assert done == []

    def test_f26_after_a_jump_back_no_copy_waits_for_a_day(self, done):
        tomorrow = db_now() + timedelta(days=1)
        storage = make_custom_storage(
            make_project(), next_claim_at=timezone.now() + timedelta(days=1)
        )
        file = make_file(storage.project)
        waiting = make_copy_job(file, storage, state="retry_wait", run_after=tomorrow)
        running = make_copy_job(file, storage, state="leased", lease_until=tomorrow)
        periodic.tick()
        assert not CopyJob.objects.due().exists()
        move_slots(timedelta(days=1))
        periodic.tick()
        assert list(CopyJob.objects.due()) == [waiting]
        assert list(CopyJob.objects.lapsed()) == [running]
        storage.refresh_from_db()
        assert storage.next_claim_at is None

    def test_an_entry_that_fails_does_not_stop_the_others(self, monkeypatch, caplog):
        def fail():
            raise RuntimeError("no disk")

        tasks = Tasks()
        first = periodic.TIMETABLE[0].task
        monkeypatch.setattr(periodic, "app", SimpleNamespace(tasks=tasks))
        monkeypatch.setattr(
            Tasks,
            "__getitem__",
            lambda self, name: fail if name == first else lambda: self.done.append(name),
        )
        periodic.tick()
        assert len(tasks.done) == len(periodic.TIMETABLE) - 1
        assert f"{first} failed" in caplog.text

    def test_f24_no_message_is_needed_for_it(self, monkeypatch):
        """A broker that takes messages and delivers none is no loss: the ticker does the work."""
        monkeypatch.setattr("ucdash.celery.wake", None)
        TimetableSlot.objects.update_or_create(
            entry="periodic.forget_workers",
            defaults={"ran_at": read_db_now() - timedelta(days=1)},
        )
        periodic.heartbeat()
        WorkerHeartbeat.objects.update(seen_at=db_now() - timedelta(days=2))
        only = [entry for entry in periodic.TIMETABLE if entry.task == "periodic.forget_workers"]
        monkeypatch.setattr(periodic, "TIMETABLE", only)
        periodic.tick()
        assert not WorkerHeartbeat.objects.exists()


def test_every_entry_is_a_task_that_celery_knows():
    app.loader.import_default_modules()
    assert {entry.task for entry in periodic.TIMETABLE} <= set(app.tasks)
    assert "periodic.tick" in app.tasks


def test_a_heartbeat_is_one_row_a_process():
    periodic.heartbeat()
    periodic.heartbeat()
    assert WorkerHeartbeat.objects.count() == 1
    WorkerHeartbeat.objects.update(seen_at=db_now() - timedelta(days=2))
    periodic.forget_workers()
    assert not WorkerHeartbeat.objects.exists()


class TestThreads:
    @pytest.fixture(autouse=True)
    def shortages(self, monkeypatch):
        noted: SimpleQueue[BaseException] = SimpleQueue()
        monkeypatch.setattr(periodic.shortage, "note", noted.put)
        return noted

    @pytest.mark.parametrize("what_fails", ["work", "close_old_connections", "log"])
    def test_f53_a_poller_outlives_whatever_goes_wrong_in_it(self, monkeypatch, what_fails):
        """Without memory anything fails, the telling of it included."""
        stopping, n_runs = threading.Event(), 0

        def no_memory(*_: object) -> None:
            raise MemoryError

        def work() -> None:
            nonlocal n_runs
            n_runs += 1
            if n_runs == 3:
                stopping.set()
            if what_fails == "work" or (what_fails == "log" and n_runs < 3):
                raise MemoryError

        def close_old_connections() -> None:
            if what_fails == "close_old_connections" and next(closings, False):
                raise MemoryError

        closings = iter([True])
        monkeypatch.setattr(periodic, "close_old_connections", close_old_connections)
        telling = no_memory if what_fails == "log" else (lambda *_: None)
        monkeypatch.setattr(periodic, "log", SimpleNamespace(exception=telling))
        monkeypatch.setattr(periodic, "_stopping", stopping)
        periodic._every(0, work, "a test")
        assert stopping.wait(5)
        assert n_runs == 3

    def test_f53_a_worker_process_is_watched_for_shortages_before_anything_else(self, monkeypatch):
        begun: list[object] = []
        monkeypatch.setattr(periodic.signal, "signal", lambda *_: None)
        monkeypatch.setattr(periodic, "end_sleeping_transactions", lambda *, after: None)
        monkeypatch.setattr(periodic.shortage, "watch", begun.append)
        monkeypatch.setattr(periodic, "_every", lambda seconds, work, name: begun.append(name))
        periodic.start_clocks()
        assert begun[:2] == [periodic.stop_clocks, "heartbeat"]

    def test_f53_a_shortage_in_a_poller_is_remembered(self, monkeypatch, shortages):
        stopping = threading.Event()

        def fail() -> None:
            stopping.set()
            raise MemoryError

        monkeypatch.setattr(periodic, "log", SimpleNamespace(exception=lambda *_: None))
        monkeypatch.setattr(periodic, "close_old_connections", lambda: None)
        monkeypatch.setattr(periodic, "_stopping", stopping)
        periodic._every(0, fail, "a test")
        assert isinstance(shortages.get(timeout=5), MemoryError)


def test_no_message_says_whose_work_is_to_be_done():
    """S042: whoever can write to the broker can only wake us; what is due stands in the ledger."""
    names = sorted(name for name in app.tasks if not name.startswith("celery."))
    assert len(names) > 15
    for name in names:
        assert not inspect.signature(app.tasks[name].run).parameters, name
