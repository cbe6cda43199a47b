"""F51: the database restarts, breaks deadlocks and drops connections; copies under way are kept."""

import hashlib
from io import BytesIO

import pytest
from django.db import DataError, InterfaceError, OperationalError, connection, transaction

from storages_app.copying import orders, persistence, runner, suspects
from storages_app.copying.assignments import Assignment
from storages_app.copying.claiming import claim_one
from storages_app.copying.evidence import Evidence, Expected
from storages_app.copying.making import Outcome
from storages_app.copying.settling import Finished
from storages_app.custom_storages import circuit
from storages_app.models import CopyJob, CustomStorage, Reason
from storages_app.models.copy_jobs import State
from storages_app.objectstores.base import PutOptions
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def job(monkeypatch) -> CopyJob:
    monkeypatch.setattr(persistence, "_PAUSES_S", (0, 0, 0))
    storage = make_custom_storage(make_project(), capabilities=PROVEN)
    order = orders.order_for(file=make_file(storage.project), custom_storage=storage)
    with transaction.atomic():
        (placed,) = orders.place([order], lane=CopyJob.Lane.AUTO_COPY, asked_by="a test")
    return placed


def failing(work, *errors: Exception):
    """`work`, after so many calls that end with these errors."""
    left = list(errors)

    def call(*args, **kwargs):
        if left:
            raise left.pop(0)
        return work(*args, **kwargs)

    return call


@pytest.mark.parametrize("step", ["claim_batch", "settle"])
@pytest.mark.parametrize(
    "errors",
    [
        [OperationalError("deadlock detected")],
        [OperationalError("could not serialize access"), InterfaceError("connection is closed")],
    ],
    ids=["deadlock", "serialization failure, then a lost connection"],
)
def test_a_step_that_the_database_refused_is_done_again(job, bucket, monkeypatch, step, errors):
    monkeypatch.setattr(runner, step, failing(getattr(runner, step), *errors))
    assert runner.drain() == 1
    job.refresh_from_db()
    assert (job.state, job.attempts, job.crashes) == (State.DONE, 1, 0)
    assert bucket.calls.count("put") == 1


def test_a_look_for_suspects_that_the_database_refused_is_done_again(job, bucket, monkeypatch):
    """It is taken while copies are under way."""
    looks = failing(suspects.has_suspects, OperationalError("server closed the connection"))
    monkeypatch.setattr(suspects, "has_suspects", looks)
    assert runner.drain() == 1


@pytest.fixture
def lost_reply(monkeypatch) -> None:
    """Outcomes are committed, and the first time nobody hears of it."""
    settle, replies = runner.settle, [OperationalError("server closed the connection")]

    def committed_and_lost(finished):
        held = settle(finished)
        if replies:
            raise replies.pop()
        return held

    monkeypatch.setattr(runner, "settle", committed_and_lost)


@pytest.mark.usefixtures("lost_reply")
def test_outcomes_that_were_committed_although_the_reply_was_lost_are_not_lost(job, bucket):
    runner.drain()
    job.refresh_from_db()
    assert (job.state, job.attempts) == (State.DONE, 1)


@pytest.mark.usefixtures("lost_reply")
def test_a_bucket_is_told_of_once_although_the_reply_to_the_commit_was_lost(job, bucket):
    CustomStorage.objects.update(recent_outcomes="t")
    runner.drain()
    job.refresh_from_db()
    assert (job.state, job.duplicates) == (State.DONE, 0)
    assert CustomStorage.objects.get().recent_outcomes == "t+"


def test_an_outcome_and_what_it_says_of_its_bucket_are_written_together(job, bucket, monkeypatch):
    """Or after a fault between the two the breaker would never hear of it."""
    CustomStorage.objects.update(recent_outcomes="t")
    reports, states = [OperationalError("server closed the connection")], []
    report = circuit.report

    def fail_once(custom_storage, outcomes, **options):
        states.append(CopyJob.objects.get().state)
        report(custom_storage, outcomes, **options)
        if reports:
            raise reports.pop()

    monkeypatch.setattr(circuit, "report", fail_once)
    runner.drain()
    job.refresh_from_db()
    assert (job.state, job.duplicates, states) == (State.DONE, 0, [State.DONE, State.DONE])
    assert CustomStorage.objects.get().recent_outcomes == "t+"


@pytest.mark.usefixtures("lost_reply")
def test_keep_both_goes_on_in_the_same_call_although_the_reply_was_lost(job, bucket):
    CopyJob.objects.update(on_clash="keep_both")
    other = hashlib.sha256(b"other").hexdigest()
    bucket.inner.put(job.key, BytesIO(b"other"), size=5, sha256=other, options=PutOptions())
    made = runner.make_one(copy_job_id=job.pk)
    assert made is not None
    job.refresh_from_db()
    assert (job.state, job.key.endswith("-2.txt"), job.duplicates) == (State.DONE, True, 0)


def test_a_connection_that_is_cut_while_a_copy_is_written_costs_no_attempt(job, bucket):
    pids: list[int] = []

    def cut_first(put, *args, **kwargs):
        if pids:
            _cut(pids[0])
        return put(*args, **kwargs)

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pids.append(cursor.fetchone()[0])
    bucket.fail("put", cut_first)
    runner.drain()
    job.refresh_from_db()
    assert (job.state, job.attempts, job.crashes) == (State.DONE, 1, 0)


def _cut(pid: int) -> None:
    """From the thread of the copy, which has a connection of its own for this."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    finally:
        connection.close()


def test_a_database_that_stays_away_ends_the_drain_and_the_lease_brings_the_copy_back(
    job, bucket, monkeypatch
):
    settle = runner.settle
    monkeypatch.setattr(runner, "settle", failing(settle, *[OperationalError("gone")] * 9))
    with pytest.raises(OperationalError):
        runner.drain()
    job.refresh_from_db()
    assert job.state == State.LEASED
    monkeypatch.setattr(runner, "settle", settle)
    CopyJob.objects.update(lease_until="2026-01-01T00:00:00Z")
    runner.drain()
    job.refresh_from_db()
    assert (job.state, job.reason) == (State.DONE, "already_there")


def test_an_outcome_that_the_database_does_not_take_harms_no_other_copy(job, bucket, monkeypatch):
    others = make_custom_storage(make_project(), capabilities=PROVEN)
    wanted = orders.order_for(file=make_file(others.project), custom_storage=others)
    (other,) = orders.place([wanted], lane=CopyJob.Lane.BULK, asked_by="a test")
    settle = runner.settle

    def refuse(finished):
        if any(one.assignment.job == job and one.outcome.evidence for one in finished):
            raise DataError("value too long")
        return settle(finished)

    monkeypatch.setattr(runner, "settle", refuse)
    claimed = [row for pk in (job.pk, other.pk) for row in claim_one(pk=pk, worker="a")]
    done = Outcome(State.DONE, evidence=Evidence("checksum", "c"), expected=Expected(1, "a", "b"))
    pump = runner.Pump(worker="a", threads=1)
    pump._write([Finished(Assignment(row, bucket, 1, 1), done) for row in claimed])
    job.refresh_from_db()
    other.refresh_from_db()
    assert (job.state, job.reason) == (State.RETRY_WAIT, Reason.INTERNAL)
    assert other.state == State.DONE


def test_inside_a_transaction_of_somebody_else_nothing_is_tried_again():
    calls = []

    def fail():
        calls.append(1)
        raise OperationalError

    with pytest.raises(OperationalError), transaction.atomic():
        persistence.persist(fail)
    assert len(calls) == 1
