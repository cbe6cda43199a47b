"""F30: a holder that comes back too late has perhaps written over what another has proved."""

import hashlib
from datetime import timedelta
from io import BytesIO

import pytest

from storages_app.copying import making, orders, runner
from storages_app.copying.claiming import claim_one
from storages_app.models import CopyJob
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now
from storages_app.objectstores.base import PutOptions
from storages_app.objectstores.errors import KeyTaken
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db

CONTENT, DAMAGED = b"some bytes", b"some bytez"


@pytest.fixture(params=[True, False], ids=["conditional writes", "no conditional writes"])
def job(request) -> CopyJob:
    capabilities = PROVEN | {"conditional_put": request.param}
    storage = make_custom_storage(make_project(), capabilities=capabilities)
    file = make_file(storage.project, CONTENT)
    order = orders.order_for(file=file, custom_storage=storage)
    (placed,) = orders.place([order], lane=CopyJob.Lane.AUTO_COPY, asked_by="a test")
    return placed


class Killed(BaseException):
    """Whom it meets tells nobody."""


def held_by_somebody_who_sleeps(job: CopyJob) -> list[CopyJob]:
    asleep = claim_one(pk=job.pk, worker="asleep")
    CopyJob.objects.update(lease_until=db_now() - timedelta(seconds=1))
    return asleep


def damage(bucket, job: CopyJob) -> None:
    """The write that was under way when its process fell asleep, spoilt on its way."""
    options = PutOptions(metadata=bucket.inner.head(job.key).metadata)
    sha256 = hashlib.sha256(DAMAGED).hexdigest()
    bucket.inner.put(job.key, BytesIO(DAMAGED), size=len(DAMAGED), sha256=sha256, options=options)


def wake_up(asleep: list[CopyJob], monkeypatch, bucket, *, notices: str) -> None:
    """It goes on, damages the object, and learns that the copy is not its own any more."""

    def go_on(assignment, commit):
        damage(bucket, assignment.job)
        if notices == "in the middle":
            raise runner.LostJob
        return runner.Outcome(State.RETRY_WAIT, "dest_checksum_mismatch")

    with monkeypatch.context() as patch:
        patch.setattr(runner, "make_copy", go_on)
        runner.Pump(worker="asleep", threads=1).finish(asleep)


def content_of(bucket, job: CopyJob) -> bytes:
    with bucket.inner.get(job.key) as chunks:
        return b"".join(chunks)


@pytest.mark.parametrize("notices", ["in the middle", "at the end"])
def test_what_was_proved_before_is_proved_again_and_mended(bucket, job, monkeypatch, notices):
    asleep = held_by_somebody_who_sleeps(job)
    runner.drain()
    job.refresh_from_db()
    assert job.state == State.DONE

    wake_up(asleep, monkeypatch, bucket, notices=notices)

    job.refresh_from_db()
    assert (job.state, job.late_holders) == (State.PENDING, 1)
    assert content_of(bucket, job) == DAMAGED
    runner.drain()
    job.refresh_from_db()
    assert (job.state, content_of(bucket, job)) == (State.DONE, CONTENT)


@pytest.mark.parametrize("notices", ["in the middle", "at the end"])
def test_what_is_being_proved_meanwhile_is_not_done_yet(bucket, job, monkeypatch, notices):
    asleep = held_by_somebody_who_sleeps(job)
    make_copy = runner.make_copy

    def make_it_and_be_overtaken(assignment, commit):
        outcome = make_copy(assignment, commit)
        if not assignment.job.late_holders:
            assert outcome.state == State.DONE
            overtaken.append(assignment)
        return outcome

    overtaken = []
    settle = runner.settle

    def settle_after_the_sleeper(finished):
        if overtaken:
            overtaken.clear()
            monkeypatch.setattr(runner, "settle", settle)
            wake_up(asleep, monkeypatch, bucket, notices=notices)
            settled = settle(finished)
            states.append(CopyJob.objects.get().state)
            return settled
        return settle(finished)

    states = []
    monkeypatch.setattr(runner, "make_copy", make_it_and_be_overtaken)
    monkeypatch.setattr(runner, "settle", settle_after_the_sleeper)
    runner.drain()

    job.refresh_from_db()
    assert states == [State.PENDING]
    assert (job.state, content_of(bucket, job)) == (State.DONE, CONTENT)
    assert (job.crashes, job.late_holders) == (0, 1)


def test_a_sleeper_in_the_middle_of_mending_does_not_damage_what_another_has_mended(
    bucket, job, monkeypatch
):
    """Whoever killed it before it could report would not have lost anything either."""
    runner.drain()
    damage(bucket, job)
    orders.reopen(
        CopyJob.objects.all(), lane=CopyJob.Lane.AUTO_COPY, asked_by="x", on_clash="error"
    )
    (asleep,) = claim_one(pk=job.pk, worker="asleep")

    def fall_asleep(put, key, body, *, options, **sent):
        if not options.only_if_etag:  # the try to write where nothing is
            return put(key, body, options=options, **sent)
        bucket.faults.clear()
        CopyJob.objects.update(lease_until=db_now() - timedelta(seconds=1))
        runner.drain()
        assert content_of(bucket, job) == CONTENT
        spoilt = {"size": len(DAMAGED), "sha256": hashlib.sha256(DAMAGED).hexdigest()}
        with pytest.raises(KeyTaken):
            put(key, BytesIO(DAMAGED), options=options, **spoilt)
        raise Killed

    bucket.fail("put", fall_asleep, fall_asleep)
    with pytest.raises(Killed):
        making.make_copy(making.Assignment(asleep, bucket, 10**9, 10**9), lambda _: True)

    assert content_of(bucket, job) == CONTENT
    job.refresh_from_db()
    assert (job.state, job.late_holders) == (State.DONE, 0)


def test_an_object_that_is_right_is_looked_at_and_not_sent_again(bucket, job, monkeypatch):
    asleep = held_by_somebody_who_sleeps(job)
    runner.drain()
    with monkeypatch.context() as patch:
        patch.setattr(runner, "make_copy", lambda *_: runner.Outcome(State.RETRY_WAIT, "timeout"))
        runner.Pump(worker="asleep", threads=1).finish(asleep)
    bucket.calls.clear()

    runner.drain()

    job.refresh_from_db()
    assert job.state == State.DONE
    assert [call for call in bucket.calls if "put" in str(call)] == []
