"""Whose copies are claimed next, and how many of them (spec/RELIABILITY 5.9, G6, F28, F31)."""

import itertools
import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from storages_app.copying import claiming, orders, runner
from storages_app.custom_storages import circuit
from storages_app.models import CopyJob, CustomStorage
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now, read_db_now
from storages_app.objectstores.errors import ServerError, Throttled
from storages_app.projects import lifecycle
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db

Lane = CopyJob.Lane


@pytest.fixture
def storage():
    return make_custom_storage(make_project(), capabilities=PROVEN)


def order(storage, n=1, *, lane=Lane.BULK, **changed) -> list[CopyJob]:
    wanted = [
        orders.order_for(file=make_file(storage.project), custom_storage=storage) for _ in range(n)
    ]
    placed = orders.place(wanted, lane=lane, asked_by="a test")
    if changed:
        CopyJob.objects.filter(pk__in=[job.pk for job in placed]).update(**changed)
    return placed


def claim(limit=10, worker="a") -> list[CopyJob]:
    return claiming.claim_batch(worker=worker, limit=limit)


class TestRemovedProject:
    """Its doors are closed, so nothing leaves by them; for a week it can be brought back."""

    def test_has_its_copies_wait_until_it_is_brought_back(self, storage):
        (job,) = order(storage)
        lifecycle.remove(project=storage.project, actor="a test")
        assert claim() == []
        lifecycle.bring_back(project=storage.project, actor="a test")
        assert claim() == [job]

    def test_has_no_broken_storage_tried(self, storage):
        (job,) = order(storage)
        circuit.open_(storage, reason="auth_denied")
        CustomStorage.objects.update(circuit_probe_after=read_db_now() - timedelta(minutes=1))
        lifecycle.remove(project=storage.project, actor="a test")
        assert claim() == []
        lifecycle.bring_back(project=storage.project, actor="a test")
        assert claim() == [job]

    def test_whose_storage_recovers_loses_no_copy(self, storage):
        (job,) = order(storage)
        circuit.open_(storage, reason="auth_denied")
        lifecycle.remove(project=storage.project, actor="a test")
        circuit.close(storage, why="its test passed")
        lifecycle.bring_back(project=storage.project, actor="a test")
        assert claim() == [job]


class TestTurns:
    def test_f28_a_new_file_of_another_tenant_waits_for_one_batch_and_not_for_the_backlog(
        self, storage
    ):
        order(storage, 30)
        assert {job.custom_storage_id for job in claim()} == {storage.pk}
        other = make_custom_storage(make_project())
        (new,) = order(other)
        assert claim() == [new]

    def test_storages_with_work_are_served_in_turn(self, storage):
        others = [make_custom_storage(storage.project) for _ in range(2)]
        for one in (storage, *others):
            order(one, 4)
        served = [claim(limit=2)[0].custom_storage_id for _ in range(6)]
        assert served[:3] == served[3:]
        assert set(served) == {storage.pk, *(one.pk for one in others)}

    def test_g6_a_new_upload_is_claimed_before_a_backlog_of_the_same_storage(self, storage):
        order(storage, 20, lane=Lane.BACKUP)
        order(storage, 20, lane=Lane.BULK)
        (upload,) = order(storage, lane=Lane.AUTO_COPY)
        (asked,) = order(storage, lane=Lane.INTERACTIVE)
        lanes = sorted((job.lane, job.pk) for job in claim(limit=3))
        assert lanes[:2] == [(Lane.INTERACTIVE, asked.pk), (Lane.AUTO_COPY, upload.pk)]
        assert lanes[2][0] == Lane.BULK

    def test_copies_whose_time_has_not_come_hold_up_no_later_lane(self, storage):
        later = db_now() + timedelta(hours=1)
        order(storage, 5, lane=Lane.AUTO_COPY, state=State.RETRY_WAIT, run_after=later)
        (due,) = order(storage, lane=Lane.BACKUP)
        assert claim() == [due]

    def test_what_a_dead_worker_left_comes_first(self, storage):
        order(storage, 3, lane=Lane.INTERACTIVE)
        gone = db_now() - timedelta(seconds=1)
        (left,) = order(storage, state=State.LEASED, run_after=None, lease_until=gone)
        assert claim(limit=1) == [left]

    def test_an_idle_ledger_costs_one_query_for_waiting_copies(self, storage):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert claim() == []
        assert len(queries) == 2  # and one for broken storages whose trial is due


class TestLimits:
    def test_a_storage_takes_so_many_copies_at_once_over_all_workers(self, storage, settings):
        settings.STORAGE_CONCURRENCY = 5
        order(storage, 9)
        counts = [len(claim(limit=3, worker=worker)) for worker in "abc"]
        assert counts == [3, 2, 0]

    def test_leases_of_dead_workers_count_no_more(self, storage, settings):
        settings.STORAGE_CONCURRENCY = 2
        gone = db_now() - timedelta(seconds=1)
        order(storage, 2, state=State.LEASED, run_after=None, lease_until=gone)
        assert len(claim()) == 2

    def test_a_full_storage_does_not_stop_another(self, storage, settings):
        settings.STORAGE_CONCURRENCY = 1
        order(storage, 2)
        other = make_custom_storage(storage.project)
        order(other, 1)
        assert {claim()[0].custom_storage_id, claim()[0].custom_storage_id} == {
            storage.pk,
            other.pk,
        }
        assert claim() == []

    def test_a_copy_that_a_request_makes_itself_keeps_to_them_too(self, storage, settings):
        settings.STORAGE_CONCURRENCY = 1
        first, second = order(storage, 2, lane=Lane.INTERACTIVE)
        assert claiming.claim_one(pk=first.pk, worker="a") == [first]
        assert claiming.claim_one(pk=second.pk, worker="b") == []


class TestRate:
    """CustomStorage.max_rate: copies begun a second, whoever begins them (F31)."""

    @pytest.fixture
    def clock(self, monkeypatch):
        """Moves the time of the rate on, in seconds."""

        def move(seconds: float) -> None:
            for row in CustomStorage.objects.exclude(next_claim_at=None):
                row.next_claim_at -= timedelta(seconds=seconds)
                row.save()

        return move

    def test_is_kept_over_all_workers(self, storage):
        storage.max_rate = 40
        storage.save()
        order(storage, 60)
        began = read_db_now()
        n_begun = 0
        while (took := (read_db_now() - began).total_seconds()) < 0.4:
            n_begun += sum(len(claim(limit=32, worker=worker)) for worker in "ab")
        assert 4 < n_begun <= 40 * took + 8

    def test_of_one_a_second_lets_one_pass(self, storage, clock):
        storage.max_rate = 1
        storage.save()
        order(storage, 3)
        assert [len(claim()), len(claim())] == [1, 0]
        assert 0.5 < claiming.seconds_until_next() <= 1
        clock(1)
        assert len(claim()) == 1

    def test_what_is_claimed_together_is_paid_for_before_the_next(self, storage, clock):
        storage.max_rate = 50
        storage.save()
        order(storage, 60)
        assert len(claim(limit=32)) == 5
        clock(0.05)
        assert claim() == []
        clock(0.05)
        assert len(claim(limit=2)) == 2

    def test_no_rate_is_no_limit_and_nothing_to_wait_for(self, storage):
        order(storage, 40)
        assert len(claim(limit=32)) == 32
        assert claiming.seconds_until_next() is None

    def test_the_drain_does_not_hurry_where_a_rest_is_over_and_others_must_end(
        self, storage, settings, monkeypatch
    ):
        """As it would for as long as a large copy takes: the database would do nothing else."""
        settings.STORAGE_CONCURRENCY = 1
        order(storage, 2)
        assert len(claim()) == 1
        CustomStorage.objects.update(next_claim_at=db_now() - timedelta(seconds=1))
        assert claim() == []
        assert claiming.seconds_until_next() == 0
        waits: list[float] = []
        monkeypatch.setattr(runner._asked_again, "wait", waits.append)
        runner._wait_for_a_rate()
        runner._asked_again.clear()
        assert waits == [runner._CLAIM_EVERY_S]

    def test_the_drain_waits_for_the_next_moment_and_ends_with_all_copies_made(
        self, storage, bucket
    ):
        storage.max_rate = 100
        storage.save()
        order(storage, 25)
        assert runner.drain() == 25
        times = sorted(CopyJob.objects.values_list("first_attempt_at", flat=True))
        assert times[-1] - times[0] >= timedelta(milliseconds=150)


class TestRest:
    def test_f31_retry_after_slows_the_whole_storage_down(self, storage, bucket):
        order(storage, 1)
        bucket.fail("put", Throttled(http_status=503, retry_after=60))
        runner.drain()
        order(storage, 5)
        assert runner.drain() == 0
        storage.refresh_from_db()
        assert storage.next_claim_at > read_db_now() + timedelta(seconds=55)

    def test_f31_slow_down_without_a_time_is_a_short_rest(self, storage, bucket):
        order(storage, 1)
        bucket.fail("put", Throttled(http_status=503))
        claimed = claim()
        runner.Pump(worker="a", threads=1).finish(claimed)
        order(storage, 5)
        assert claim() == []
        assert 0 < claiming.seconds_until_next() <= 2

    def test_a_longer_rest_is_not_cut_short_by_a_shorter_one(self, storage, bucket):
        order(storage, 2)
        bucket.fail("put", Throttled(retry_after=60), Throttled(retry_after=5))
        for job in claim():
            runner.Pump(worker="a", threads=1).finish([job])
        storage.refresh_from_db()
        assert storage.next_claim_at > read_db_now() + timedelta(seconds=50)

    def test_another_fault_delays_its_own_copy_alone(self, storage, bucket):
        order(storage, 1)
        bucket.fail("put", ServerError(http_status=500))
        runner.Pump(worker="a", threads=1).finish(claim())
        order(storage, 5)
        assert len(claim()) == 5

    def test_other_storages_go_on(self, storage, bucket):
        order(storage, 1)
        bucket.fail("put", Throttled(http_status=503, retry_after=60))
        runner.drain()
        order(make_custom_storage(storage.project, capabilities=PROVEN), 2)
        assert runner.drain() == 2


class TestManyStorages:
    def test_i9_a_bucket_that_hangs_keeps_no_other_waiting(self, storage, bucket, settings):
        """Every thread of a storage may hang: those of another tenant's are its own."""
        settings.COPY_THREADS = 4
        order(storage, 20)
        other = make_custom_storage(make_project(), capabilities=PROVEN, prefix="other/")
        order(other, 20)
        others_are_done = threading.Event()
        n_of_others = itertools.count(1)

        def put(inner_put, key, *args, **kwargs):
            receipt = inner_put(key, *args, **kwargs)
            if not key.startswith("other/"):
                assert others_are_done.wait(10)
            elif next(n_of_others) == 20:
                others_are_done.set()
            return receipt

        bucket.fail("put", *[put] * 40)
        assert runner.drain() == 40
        assert set(CopyJob.objects.values_list("state", flat=True)) == {State.DONE}

    def test_a_worker_passes_over_a_storage_that_keeps_it_busy(self, storage):
        order(storage, 20)
        held = {storage.pk: 3}
        assert claiming.claim_batch(worker="a", limit=8, held=held) == []
        other = make_custom_storage(storage.project)
        (new,) = order(other)
        assert claiming.claim_batch(worker="a", limit=8, held=held) == [new]
        assert len(claiming.claim_batch(worker="a", limit=8, held={storage.pk: 2})) == 6

    def test_threads_of_storages_without_work_end(self, monkeypatch):
        """A worker that always has something to do never ends its run."""
        monkeypatch.setattr(runner, "_MOST_BATCHES", 2)
        pools = runner._Pools(1)
        storages = [uuid4() for _ in range(5)]
        used = [pools.of(storage) for storage in storages]
        pools.keep({storages[0]})
        ended = []
        for pool in used:
            try:
                pool.submit(int)
            except RuntimeError:
                ended.append(pool)
        pools.close()
        assert ended == used[1:3]


class TestHelp:
    @pytest.fixture
    def woken(self, monkeypatch) -> list[str]:
        woken: list[str] = []
        monkeypatch.setattr(runner, "wake", woken.append)
        return woken

    def test_a_process_with_more_than_it_takes_wakes_another_once(
        self, storage, bucket, settings, woken
    ):
        settings.COPY_THREADS = 2
        order(storage, 13)
        runner.drain()
        assert woken == ["copying.drain"]

    def test_one_with_less_to_do_wakes_nobody(self, storage, bucket, settings, woken):
        settings.COPY_THREADS = 2
        order(storage, 3)
        runner.drain()
        assert woken == []
