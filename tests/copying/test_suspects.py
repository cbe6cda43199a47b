"""Copies over which workers died: made apart, one by one, and stopped after the third (F27)."""

from datetime import timedelta

import pytest

from storages_app.copying import claiming, orders, runner, suspects
from storages_app.custom_storages import circuit
from storages_app.models import CopyJob, CustomStorage, Event, Reason
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db


@pytest.fixture
def storage():
    return make_custom_storage(make_project(), capabilities=PROVEN)


def order(storage) -> CopyJob:
    wanted = orders.order_for(file=make_file(storage.project), custom_storage=storage)
    (job,) = orders.place([wanted], lane=CopyJob.Lane.AUTO_COPY, asked_by="a test")
    return job


def left_behind(storage, *, crashes: int) -> CopyJob:
    """A copy whose worker is dead, after `crashes` others."""
    job = order(storage)
    CopyJob.objects.filter(pk=job.pk).update(
        state=State.LEASED,
        run_after=None,
        crashes=crashes,
        lease_until=db_now() - timedelta(seconds=1),
    )
    return job


def states() -> list[str]:
    return list(CopyJob.objects.order_by("pk").values_list("state", flat=True))


@pytest.fixture
def flown(monkeypatch) -> list[tuple[int, ...]]:
    """How many workers each copy of a batch had killed, batch by batch."""
    flown: list[tuple[int, ...]] = []
    start = runner.Pump._start

    def watch(pump, pool, jobs):
        flown.append(tuple(job.crashes for job in jobs))
        start(pump, pool, jobs)

    monkeypatch.setattr(runner.Pump, "_start", watch)
    return flown


def test_after_one_crash_the_whole_batch_is_made_again_and_nobody_is_blamed(
    storage, bucket, flown, started_apart
):
    for _ in range(5):
        left_behind(storage, crashes=0)
    runner.drain()
    assert states() == [State.DONE] * 5
    assert (flown, started_apart) == ([(1, 1, 1, 1, 1)], [])


def test_after_two_crashes_copies_are_made_one_by_one_in_a_process_of_their_own(
    storage, bucket, flown, started_apart
):
    for crashes in (0, 1, 1):
        left_behind(storage, crashes=crashes)
    runner.drain()
    assert states() == [State.DONE, State.LEASED, State.LEASED]
    assert [command[-1] for command in started_apart] == ["make_suspects"]
    runner.make_suspects()  # as that process does
    assert states() == [State.DONE] * 3
    assert flown == [(1,), (2,), (2,)]


def test_other_copies_do_not_wait_for_suspects(storage, bucket, started_apart):
    suspect = left_behind(storage, crashes=1)
    for _ in range(40):
        order(storage)
    runner.drain()
    assert CopyJob.objects.filter(state=State.DONE).count() == 40
    suspect.refresh_from_db()
    assert suspect.state == State.LEASED


def test_only_one_process_is_started_as_long_as_it_is_at_work(storage, bucket, started_apart):
    left_behind(storage, crashes=1)
    runner.drain()
    runner.drain()
    assert len(started_apart) == 1
    suspects.stop()
    assert started_apart[-1] == ("terminate",)


def test_a_worker_that_ends_waits_for_it_but_not_for_ever(storage, bucket, started_apart):
    left_behind(storage, crashes=1)
    runner.drain()
    try:
        runner.stop()
    finally:
        runner._stopping.clear()
        runner._asked_again.clear()
    assert started_apart[1:] == [("terminate",), ("wait",)]


def test_other_copies_are_made_where_that_process_cannot_be_started(storage, bucket, monkeypatch):
    def refuse(*args, **options):
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(suspects, "Popen", refuse)
    left_behind(storage, crashes=1)
    order(storage)
    runner.drain()
    assert states() == [State.LEASED, State.DONE]


def test_none_is_started_for_copies_of_a_paused_storage(storage, bucket, started_apart):
    left_behind(storage, crashes=1)
    storage.paused_at = db_now()
    storage.save()
    runner.drain()
    runner.make_suspects()
    assert (started_apart, states()) == ([], [State.LEASED])


def test_none_is_made_by_a_process_that_answers_requests(storage, bucket):
    suspect, lapsed = left_behind(storage, crashes=1), left_behind(storage, crashes=0)
    assert runner.make_one(copy_job_id=suspect.pk) is None
    assert runner.make_one(copy_job_id=lapsed.pk) == lapsed
    assert states() == [State.LEASED, State.DONE]


def test_none_is_the_trial_of_a_broken_storage(storage, bucket):
    """A worker makes trial copies beside all others."""
    left_behind(storage, crashes=1)
    waiting = order(storage)
    circuit.open_(storage, reason="")
    CustomStorage.objects.update(circuit_probe_after=db_now())
    (trial,) = claiming.claim_batch(worker="a", limit=10)
    assert trial.pk == waiting.pk


def test_f27_a_copy_that_killed_three_workers_fails_with_its_reason_and_others_go_on(
    storage, bucket
):
    poison = left_behind(storage, crashes=2)
    other = left_behind(storage, crashes=1)
    runner.make_suspects()
    assert states() == [State.FAILED, State.DONE]
    poison.refresh_from_db()
    assert (poison.reason, poison.crashes) == (Reason.WORKER_CRASHED, 3)
    assert "3 workers died" in poison.detail
    assert bucket.calls.count("put") == 1
    assert Event.objects.get(kind="copy.failed").subject_id == str(poison.pk)
    assert other.pk != poison.pk


def test_what_a_stopping_process_gives_back_is_no_suspect_any_more(storage, bucket, monkeypatch):
    job = left_behind(storage, crashes=0)
    monkeypatch.setattr(runner.Pump, "_collect", lambda pump: runner._stopping.set() or 0)
    monkeypatch.setattr(runner.Pump, "_work", lambda pump, assignment: None)
    try:
        runner.drain()
    finally:
        runner._stopping.clear()
    job.refresh_from_db()
    assert (job.state, job.crashes, job.attempts) == (State.PENDING, 0, 0)
