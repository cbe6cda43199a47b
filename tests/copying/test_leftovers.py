"""Copies whose file or storage goes while they are under way, and workers that meet limits."""

import errno
from datetime import timedelta
from threading import Event

import pytest

from storages_app.copying import orders, runner
from storages_app.copying.claiming import claim_one
from storages_app.custom_storages import services as custom_storages
from storages_app.library import services as library
from storages_app.models import CopyJob, CustomStorage, Reason
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now
from storages_app.objectstores.errors import ServerError
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db


@pytest.fixture
def storage():
    return make_custom_storage(make_project(), capabilities=PROVEN)


@pytest.fixture
def job(storage) -> CopyJob:
    order = orders.order_for(file=make_file(storage.project), custom_storage=storage)
    (placed,) = orders.place([order], lane=CopyJob.Lane.AUTO_COPY, asked_by="a test")
    return placed


def drained(job: CopyJob) -> CopyJob:
    runner.drain()
    job.refresh_from_db()
    return job


def fail_once_under_way(bucket, job, work) -> None:
    """The attempt ends badly, and meanwhile `work` was done."""
    bucket.fail("put", ServerError(http_status=500))
    assert drained(job).state == State.RETRY_WAIT
    CopyJob.objects.filter(pk=job.pk).update(
        state=State.LEASED, run_after=None, lease_until=db_now() + timedelta(seconds=30)
    )
    work()
    CopyJob.objects.filter(pk=job.pk).update(
        state=State.RETRY_WAIT, run_after=db_now(), lease_until=None
    )
    bucket.calls.clear()


def test_f49_a_copy_is_not_tried_again_when_its_file_is_gone(bucket, job):
    fail_once_under_way(bucket, job, lambda: library.delete(file=job.file, actor="a test"))
    assert drained(job).state == State.CANCELLED
    assert (job.reason, bucket.calls) == (Reason.FILE_DELETED, [])


def test_f49_nor_when_its_worker_died_and_its_file_is_gone(bucket, job):
    CopyJob.objects.update(
        state=State.LEASED, run_after=None, lease_until=db_now() - timedelta(seconds=1)
    )
    library.delete(file=job.file, actor="a test")
    assert drained(job).state == State.CANCELLED
    assert (job.reason, bucket.calls) == (Reason.FILE_DELETED, [])


def test_f10_a_copy_that_failed_while_its_storage_was_disconnected_ends_with_it(
    bucket, job, storage
):
    def disconnect() -> None:
        custom_storages.disconnect(custom_storage=storage, actor="a test")

    fail_once_under_way(bucket, job, disconnect)
    assert drained(job).state == State.CANCELLED
    assert (job.reason, bucket.calls) == (Reason.STORAGE_DELETED, [])


def test_copies_of_storages_that_are_there_are_no_orphans(bucket, job, storage):
    other = make_custom_storage(storage.project)
    CustomStorage.objects.filter(pk=other.pk).update(removed_at=db_now())
    assert drained(job).state == State.DONE


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ENFILE, "Too many open files in system"),
        RuntimeError("can't start new thread"),
    ],
    ids=["memory", "files of the process", "files of the machine", "threads"],
)
def test_f53_a_copy_that_met_a_limit_of_the_machine_is_tried_again_and_the_slot_recovers(
    bucket, job, storage, settings, error
):
    settings.COPY_THREADS = 1
    bucket.fail("put", error)
    other = make_file(storage.project)
    order = orders.order_for(file=other, custom_storage=storage)
    (second,) = orders.place([order], lane=CopyJob.Lane.BULK, asked_by="a test")
    assert drained(job).state == State.RETRY_WAIT
    assert job.reason == Reason.INTERNAL
    second.refresh_from_db()
    assert second.state == State.DONE
    CopyJob.objects.filter(pk=job.pk).update(run_after=db_now())
    assert drained(job).state == State.DONE


class TestShortages:
    """F53: whatever the machine refuses, copies are tried again and nobody is blamed."""

    @pytest.fixture(autouse=True)
    def noted(self, monkeypatch):
        errors: list[BaseException] = []
        monkeypatch.setattr(runner.shortage, "note", errors.append)
        return errors

    def require_tried_again(self, job) -> None:
        job.refresh_from_db()
        assert (job.state, job.reason, job.crashes) == (State.RETRY_WAIT, Reason.INTERNAL, 0)
        CopyJob.objects.update(run_after=db_now())
        assert drained(job).state == State.DONE
        assert runner._at_work == []

    def test_of_threads(self, bucket, job, storage, monkeypatch, noted):
        order = orders.order_for(file=make_file(storage.project), custom_storage=storage)
        (second,) = orders.place([order], lane=CopyJob.Lane.BULK, asked_by="a test")

        def refuse(*args, **kwargs):
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patched:
            patched.setattr(runner.ThreadPoolExecutor, "submit", refuse)
            with pytest.raises(RuntimeError):
                runner.drain()
        assert [str(error) for error in noted] == ["can't start new thread"]
        second.refresh_from_db()
        assert second.state == State.RETRY_WAIT
        self.require_tried_again(job)

    def test_of_memory_in_a_thread_that_cannot_even_say_so(self, bucket, job, monkeypatch, noted):
        def fail(*args, **kwargs):
            raise MemoryError

        with monkeypatch.context() as patched:
            patched.setattr(runner, "make_copy", fail)
            with pytest.raises(MemoryError, match="could not say what came of its copy"):
                runner.drain()
        assert len(noted) == 1
        self.require_tried_again(job)

    def test_and_a_pump_that_hangs_is_not_waited_for(self, bucket, job, monkeypatch):
        """As in a thread that is never born: the process ends, and another goes on at once."""
        pump = runner.Pump(worker="a", threads=1)
        monkeypatch.setattr(runner, "_stopping", Event())
        with runner._one_drain_a_process, pump._pools() as pools:
            with monkeypatch.context() as patched:
                patched.setattr(runner.ThreadPoolExecutor, "submit", lambda *args: None)
                pump._start(pools, claim_one(pk=job.pk, worker="a"))
            runner.stop(wait_s=0)
        monkeypatch.setattr(runner, "_stopping", Event())
        self.require_tried_again(job)

    def test_of_memory_in_the_ledger_too_leaves_the_copy_to_its_lease(
        self, bucket, job, monkeypatch
    ):
        def fail(*args, **kwargs):
            raise MemoryError

        with monkeypatch.context() as patched:
            patched.setattr(runner, "settle", fail)
            with pytest.raises(MemoryError):
                runner.drain()
        job.refresh_from_db()
        assert job.state == State.LEASED
        CopyJob.objects.update(lease_until=db_now() - timedelta(seconds=1))
        assert drained(job).state == State.DONE


def test_f53_a_bucket_that_cannot_be_opened_for_an_unforeseen_reason_ends_no_pump(
    bucket, job, monkeypatch
):
    def fail(custom_storage):
        raise KeyError("endpoint")

    with monkeypatch.context() as patched:
        patched.setattr(runner, "open_store", fail)
        assert drained(job).state == State.RETRY_WAIT
    assert job.reason == Reason.INTERNAL


class TestDuplicates:
    def test_f23_a_call_for_a_copy_that_is_done_or_unknown_is_a_no_op_and_counted(
        self, bucket, job
    ):
        assert drained(job).state == State.DONE
        bucket.calls.clear()
        assert runner.make_one(copy_job_id=job.pk) is None
        assert runner.make_one(copy_job_id=job.pk + 1_000_000) is None
        job.refresh_from_db()
        assert (job.state, job.duplicates, bucket.calls) == (State.DONE, 1, [])

    def test_f25_a_copy_that_outlasts_its_message_runs_once(self, bucket, job):
        """The lease is refused to the second worker, however often the broker delivers."""
        lease = timedelta(seconds=30)
        assert CopyJob.objects.all().claim(limit=1, worker="first", lease=lease)
        for _ in range(3):
            assert runner.make_one(copy_job_id=job.pk) is None
            runner.drain()
        job.refresh_from_db()
        assert (job.attempts, job.leased_by, job.duplicates) == (1, "first", 3)
        assert bucket.calls == []

    @pytest.mark.parametrize("notices", ["in the middle", "at the end"])
    def test_f30_a_holder_that_was_only_late_is_no_death_over_the_copy(
        self, bucket, job, monkeypatch, notices
    ):
        """Three deaths would end it as poison (F27)."""

        def notice(assignment, commit):
            if notices == "in the middle":
                raise runner.LostJob
            return runner.Outcome(State.RETRY_WAIT, Reason.TIMEOUT)

        monkeypatch.setattr(runner, "make_copy", notice)
        late = claim_one(pk=job.pk, worker="a")
        CopyJob.objects.update(lease_until=db_now() - timedelta(seconds=1))
        (taken,) = CopyJob.objects.all().claim(limit=1, worker="b", lease=timedelta(hours=1))
        assert (taken.crashes, taken.takeovers) == (1, 1)
        runner.Pump(worker="a", threads=1).finish(late)
        job.refresh_from_db()
        assert (job.state, job.leased_by, job.crashes) == (State.LEASED, "b", 0)
        assert job.late_holders == 1

    def test_a_call_that_comes_while_the_storage_takes_no_more_is_no_duplicate(
        self, bucket, job, storage
    ):
        CustomStorage.objects.update(next_claim_at=db_now() + timedelta(minutes=1))
        assert runner.make_one(copy_job_id=job.pk) is None
        job.refresh_from_db()
        assert (job.state, job.duplicates) == (State.PENDING, 0)
