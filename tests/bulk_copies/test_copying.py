"""From the count to the end: the window, gaps by reason, pausing, cancelling, trying again."""

from datetime import timedelta
from hashlib import md5, sha256
from io import BytesIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from storages_app.bulk_copies import (
    ending,
    estimate,
    figures,
    leases,
    planning,
    runner,
    services,
    window,
)
from storages_app.copying import runner as copying
from storages_app.custom_storages import circuit
from storages_app.custom_storages import services as custom_storages
from storages_app.models import BulkItem, BulkJob, CopyJob, CustomStorage, Event
from storages_app.objectstores.base import PutOptions
from storages_app.objectstores.errors import AccessDenied, KeyInvalid
from tests.factories import make_bulk_job, make_copy_job, make_file


def keys(bucket):
    return {found.key for found in bucket.inner.list_objects()}


def put(bucket, key, content=b"other bytes"):
    bucket.inner.put(
        key,
        BytesIO(content),
        size=len(content),
        sha256=sha256(content).hexdigest(),
        md5=md5(content).hexdigest(),
        options=PutOptions(content_type="text/plain"),
    )


def lease_lapses():
    BulkJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


class TestDone:
    def test_the_numbers_are_those_of_the_bucket(self, project, order, worked, bucket):
        files = [make_file(project, b"x" * n) for n in range(1, 8)]
        job = worked(order())
        assert (job.state, job.n_copied, job.n_bytes_ended) == ("done", 7, 28)
        assert keys(bucket) == {f"{file.pk}/notes.txt" for file in files}
        assert CopyJob.objects.filter(state="done").count() == 7

    def test_what_was_there_already_is_told_apart(self, project, storage, order, worked, bucket):
        known, unknown, _new = (make_file(project, content) for content in (b"a", b"b", b"c"))
        make_copy_job(known, storage, key=f"{known.pk}/notes.txt")
        put(bucket, f"{unknown.pk}/notes.txt", b"b")
        job = worked(order())
        assert (job.n_already, job.n_found, job.n_copied) == (1, 1, 1)
        assert job.state == "done"

    def test_a_waiting_copy_of_somebody_else_is_joined_and_becomes_urgent(
        self, project, storage, order, counted
    ):
        file = make_file(project)
        theirs = make_copy_job(
            file,
            storage,
            key=f"{file.pk}/notes.txt",
            state="pending",
            evidence="",
            lane=CopyJob.Lane.BACKUP,
        )
        job = counted(order())
        theirs.refresh_from_db()
        assert job.items.get().copy_job == theirs
        assert (theirs.lane, theirs.asked_by) == (CopyJob.Lane.BULK, "somebody")

    def test_a_copy_that_ended_badly_is_made_again_by_the_rule_of_this_job(
        self, project, storage, order, worked, bucket
    ):
        file = make_file(project)
        key = f"{file.pk}/notes.txt"
        make_copy_job(file, storage, key=key, state="failed", reason="key_conflict")
        put(bucket, key)
        job = worked(order(on_clash="overwrite"))
        assert (job.state, job.n_copied) == ("done", 1)
        assert CopyJob.objects.get().on_clash == "overwrite"

    def test_somebody_else_may_have_copied_a_file_since_the_count(
        self, project, storage, order, counted, worked
    ):
        file = make_file(project)
        job = counted(order(is_dry_run=True))
        make_copy_job(file, storage, key=f"{file.pk}/notes.txt")
        services.start(bulk_job=job, actor="ann")
        worked(job)
        assert (job.state, job.n_copied, job.n_found) == ("done", 0, 1)

    def test_a_proof_that_was_lost_on_the_way_is_looked_for_again_before_the_end(
        self, project, storage, order, counted, worked
    ):
        """I1: the end word comes from the ledger as it is then, not from sums on the way."""
        there, _new = make_file(project), make_file(project)
        known = make_copy_job(there, storage, key=f"{there.pk}/notes.txt")
        job = counted(order(is_dry_run=True))
        CopyJob.objects.filter(pk=known.pk).update(state="failed", reason="dest_checksum_mismatch")
        services.start(bulk_job=job, actor="ann")
        worked(job)
        assert (job.state, job.n_copied) == ("gaps", 1)
        assert job.gaps == {"dest_checksum_mismatch": 1}
        assert services.retry(bulk_job=job, actor="ann") == 1
        assert worked(job).state == "done"
        assert (job.n_copied, job.n_files) == (2, 2)

    def test_a_worker_that_lost_the_job_does_not_say_how_it_ended(self, project, order, counted):
        make_file(project)
        job = counted(order())
        (late,) = leases.claim_each()
        lease_lapses()
        assert next(leases.claim_each()).pk == job.pk
        with pytest.raises(leases.LostJob):
            ending.finish(late)
        job.refresh_from_db()
        assert job.finished_at is None


class TestWindow:
    @pytest.fixture(autouse=True)
    def _small_window(self, monkeypatch):
        monkeypatch.setattr(window, "WINDOW", 4)
        monkeypatch.setattr(window, "_REFILL", 1)

    def test_no_more_copies_stand_in_the_ledger_than_the_window_has_room_for(
        self, project, order, counted, worked
    ):
        for _ in range(10):
            make_file(project)
        job = counted(order())
        assert CopyJob.objects.count() == 4
        assert worked(job).n_copied == 10

    def test_pausing_lets_end_what_is_in_the_window(self, project, order, counted, worked):
        for _ in range(10):
            make_file(project)
        job = counted(order())
        services.pause(bulk_job=job, actor="ann")
        worked(job)
        assert (job.n_copied, job.word) == (4, "Paused")
        services.resume(bulk_job=job, actor="ann")
        assert worked(job).n_copied == 10

    def test_cancelling_drops_what_waits_and_keeps_what_is_copied(
        self, project, order, counted, bucket
    ):
        for _ in range(10):
            make_file(project)
        job = counted(order())
        copying.drain()
        counted(job)  # four are done, four more are ordered
        services.cancel(bulk_job=job, actor="bob@example.com")
        assert job.is_stopping
        counted(job)
        copying.drain()
        counted(job)
        assert (job.state, job.ended_by, job.n_copied) == ("cancelled", "bob@example.com", 4)
        assert len(keys(bucket)) == 4
        dropped = CopyJob.objects.filter(state="cancelled")
        assert dropped.count() == 4
        assert {row.detail for row in dropped} == {"Cancelled by bob@example.com."}

    def test_cancelling_waits_for_copies_under_way(self, project, order, counted):
        make_file(project)
        job = counted(order())
        CopyJob.objects.update(
            state="leased", run_after=None, lease_until=timezone.now() + timedelta(seconds=30)
        )
        services.cancel(bulk_job=job, actor="bob")
        assert counted(job).is_stopping
        CopyJob.objects.update(
            state="done", lease_until=None, evidence="etag", sha256="0" * 64, size=1
        )
        assert (counted(job).state, job.n_copied) == ("cancelled", 1)

    def test_cancelling_leaves_copies_to_others_who_want_them(
        self, project, storage, order, counted
    ):
        joined, shared, backed_up = (make_file(project) for _ in range(3))
        make_copy_job(joined, storage, key=f"{joined.pk}/notes.txt", state="pending", evidence="")
        job = counted(order())
        other = order(what="selection", file_uuids=[shared.pk])
        counted(other)
        CopyJob.objects.filter(file=backed_up).update(is_backup=True)
        services.cancel(bulk_job=job, actor="bob")
        assert counted(job).state == "cancelled"
        assert set(CopyJob.objects.values_list("state", flat=True)) == {"pending"}

    def test_a_killed_worker_orders_nothing_twice(self, project, order, counted, worked):
        """F30 for bulk copies: the fence of a worker that was taken over writes nothing."""
        for _ in range(6):
            make_file(project)
        job = counted(order())
        (late,) = leases.claim_each()
        lease_lapses()
        worked(job)
        assert job.state == "done"
        assert not runner.advance(late)
        assert CopyJob.objects.count() == 6

    def test_the_window_of_an_unfinished_step_is_ordered_by_the_next_worker(
        self, project, order, counted, worked, monkeypatch
    ):
        """F30: a crash between the ledger and the items rolls both back."""
        for _ in range(3):
            make_file(project)
        job = order()

        def crash(*args):
            raise SystemExit

        with monkeypatch.context() as patched:
            patched.setattr(window, "_link", crash)
            with pytest.raises(SystemExit):
                counted(job)
        assert not CopyJob.objects.exists()
        lease_lapses()
        assert worked(job).n_copied == 3


class TestGaps:
    def test_failures_are_told_by_reason_with_samples(self, project, order, worked, bucket):
        files = [make_file(project) for _ in range(5)]
        bucket.fail("put", KeyInvalid("no"), KeyInvalid("no"))
        job = worked(order())
        assert (job.state, job.n_copied, job.n_failed) == ("gaps", 3, 2)
        (gap,) = figures.gaps_of(job)
        assert (gap.reason, gap.n_files, gap.may_retry) == ("key_invalid", 2, True)
        assert {item.file for item in gap.samples} <= set(files)

    def test_those_of_one_reason_are_tried_again(self, project, order, worked, bucket):
        taken = make_file(project)
        make_file(project)
        put(bucket, f"{taken.pk}/notes.txt")
        bucket.fail("put", None)
        gone = make_file(project, size=5_368_709_121)
        job = worked(order())
        assert job.gaps == {"key_conflict": 1, "too_large_5gb": 1}
        bucket.inner.delete(f"{taken.pk}/notes.txt")
        assert services.retry(bulk_job=job, actor="ann", reason="key_conflict") == 1
        assert (job.state, job.n_failed, job.gaps) == ("copying", 0, {"too_large_5gb": 1})
        worked(job)
        assert (job.state, job.n_copied) == ("gaps", 2)
        assert job.n_bytes_ended == job.n_bytes_to_copy
        assert job.items.get(file=gone).state == "skipped"

    def test_what_can_never_be_copied_is_not_tried_again(self, project, order, worked):
        make_file(project, size=5_368_709_121)
        job = worked(order())
        for reason in ("", "too_large_5gb", "key_conflict", "nonsense"):
            with pytest.raises(services.WrongMoment):
                services.retry(bulk_job=job, actor="ann", reason=reason)

    def test_a_skipped_name_is_a_gap(self, project, order, worked, bucket):
        taken = make_file(project)
        put(bucket, f"{taken.pk}/notes.txt")
        job = worked(order(on_clash="skip"))
        assert (job.state, job.n_skipped, job.gaps) == ("gaps", 1, {"key_exists_skipped": 1})

    def test_two_files_with_one_name_are_one_copy_and_one_gap(self, project, order, worked, bucket):
        """F50 in one job: the first wins, the second is a conflict."""
        make_file(project, b"one", name="a.txt")
        make_file(project, b"two", name="a.txt")
        job = worked(order(pattern="${filename}${ext}"))
        assert (job.n_copied, job.gaps) == (1, {"key_conflict": 1})
        assert keys(bucket) == {"a.txt"}

    def test_keeping_both_copies_both(self, project, order, worked, bucket):
        make_file(project, b"one", name="a.txt")
        make_file(project, b"two", name="a.txt")
        job = worked(order(pattern="${filename}${ext}", on_clash="keep_both"))
        assert (job.state, job.n_copied) == ("done", 2)
        assert keys(bucket) == {"a.txt", "a-2.txt"}

    def test_what_was_kept_beside_is_known_again_by_the_next_job(
        self, project, order, worked, bucket
    ):
        for content in (b"one", b"two", b"three"):
            make_file(project, content, name="a.txt")
        asked = {"pattern": "${filename}${ext}", "on_clash": "keep_both"}
        worked(order(**asked))
        there = {"a.txt", "a-2.txt", "a-3.txt"}
        assert keys(bucket) == there
        again = worked(order(**asked))
        assert (again.state, again.n_already, again.n_copied) == ("done", 3, 0)
        assert keys(bucket) == there
        assert set(again.items.values_list("key", flat=True)) == there

    def test_what_was_kept_beside_since_the_count_is_known_as_well(
        self, project, order, counted, worked, bucket
    ):
        make_file(project, b"one")
        make_file(project, b"two")
        asked = {"pattern": "a-2${ext}", "on_clash": "keep_both"}
        late = counted(order(**asked, is_dry_run=True))
        worked(order(**asked))
        assert keys(bucket) == {"a-2.txt", "a-3.txt"}
        services.start(bulk_job=late, actor="ann")
        worked(late)
        assert (late.state, late.n_found, late.n_copied) == ("done", 2, 0)
        assert keys(bucket) == {"a-2.txt", "a-3.txt"}

    def test_a_like_name_of_another_file_or_rule_is_not_taken_for_a_copy(
        self, project, storage, order, counted
    ):
        file, other = (make_file(project, name=name) for name in ("a.txt", "b.txt"))
        make_copy_job(other, storage, key="a-2.txt")
        make_copy_job(file, storage, key="a-x.txt")
        asked = {"pattern": "${filename}${ext}", "is_dry_run": True}
        asked |= {"what": "selection", "file_uuids": [file.pk]}
        assert counted(order(**asked, on_clash="keep_both")).n_to_copy == 1
        make_copy_job(file, storage, key="a-7.txt")
        assert counted(order(**asked, on_clash="overwrite")).n_to_copy == 1
        assert counted(order(**asked, on_clash="keep_both")).n_already == 1

    @pytest.mark.parametrize("wanted", [True, False])
    def test_a_copy_that_others_may_or_may_not_read_is_told_and_not_taken_for_the_other(
        self, project, storage, order, counted, worked, wanted
    ):
        """Nothing changes an ACL afterwards: a gap, known from the count or found later."""
        CustomStorage.objects.update(public_mode="acl")
        storage.refresh_from_db()
        known, late, same = (make_file(project) for _ in range(3))
        make_copy_job(known, storage, key=f"{known.pk}/notes.txt", is_public=not wanted)
        make_copy_job(same, storage, key=f"{same.pk}/notes.txt", is_public=wanted)
        job = counted(order(make_public=wanted, is_dry_run=True))
        assert (job.n_already, job.n_to_copy, job.gaps) == (1, 1, {"other_access": 1})
        make_copy_job(late, storage, key=f"{late.pk}/notes.txt", is_public=not wanted)
        services.start(bulk_job=job, actor="ann")
        worked(job)
        assert (job.state, job.gaps) == ("gaps", {"other_access": 2})
        assert (job.n_copied, job.n_found, job.n_skipped) == (0, 0, 2)
        assert job.n_bytes_ended == job.n_bytes_to_copy
        assert not figures.reasons_to_retry(job)

    def test_where_copies_have_no_acl_of_their_own_nothing_is_told(
        self, project, storage, order, counted
    ):
        file = make_file(project)
        make_copy_job(file, storage, key=f"{file.pk}/notes.txt", is_public=True)
        assert (counted(order()).state, order().gaps) == ("done", {})

    def test_a_file_deleted_before_its_turn_is_a_gap(self, project, order, counted, worked):
        """F49: nothing is copied of a file that is gone."""
        gone, _kept = make_file(project), make_file(project)
        job = counted(order(is_dry_run=True))
        gone.removed_at, gone.stored_at = timezone.now(), None
        gone.save()
        services.start(bulk_job=job, actor="ann")
        worked(job)
        assert (job.state, job.n_copied, job.gaps) == ("gaps", 1, {"file_deleted": 1})
        assert job.n_bytes_ended == job.n_bytes_to_copy


class TestTroubleWithTheStorage:
    def test_a_broken_storage_makes_it_wait_and_nothing_is_lost(
        self, project, storage, order, worked, bucket
    ):
        """F39: rights are revoked half way through and given back."""
        for _ in range(40):
            make_file(project)
        bucket.fail("put", *[None] * 10, *[AccessDenied("no")] * 40)
        job = worked(order())
        assert (job.word, job.n_gaps) == ("Needs attention", 0)
        assert 0 < job.n_copied < 40
        bucket.faults.clear()
        storage.refresh_from_db()
        circuit.close(storage, why="mended")
        assert worked(job).n_copied == 40
        assert (job.state, job.n_gaps) == ("done", 0)

    def test_a_storage_that_was_broken_before_gets_one_copy_to_be_tried_with(
        self, project, storage, order, counted, worked
    ):
        """F39: without a copy in the ledger nothing would ever show that it works again."""
        for _ in range(3):
            make_file(project)
        circuit.open_(storage, reason="auth_denied")
        job = counted(order())
        assert CopyJob.objects.get().state == "blocked"
        CustomStorage.objects.update(circuit_probe_after=timezone.now())
        assert (worked(job).state, job.n_copied) == ("done", 3)

    def test_a_paused_storage_makes_it_wait(self, project, storage, order, counted, worked):
        make_file(project)
        job = counted(order(is_dry_run=True))
        services.start(bulk_job=job, actor="ann")
        custom_storages.pause(custom_storage=storage, actor="ann")
        job = BulkJob.objects.get()
        assert worked(job).word == "Needs attention"
        assert not CopyJob.objects.exists()
        custom_storages.resume(custom_storage=storage, actor="ann")
        assert worked(BulkJob.objects.get()).state == "done"

    def test_a_storage_that_goes_half_way_leaves_gaps(
        self, project, storage, order, counted, worked, monkeypatch
    ):
        monkeypatch.setattr(window, "WINDOW", 2)
        monkeypatch.setattr(window, "_REFILL", 1)
        for _ in range(5):
            make_file(project)
        job = counted(order())
        copying.drain()
        counted(job)
        custom_storages.disconnect(custom_storage=storage, actor="ann")
        job = worked(BulkJob.objects.get())
        assert (job.state, job.n_copied, job.gaps) == ("gaps", 2, {"storage_deleted": 3})
        assert job.reason == "Storage “archive” was disconnected."
        assert not job.items.filter(state__in=["waiting", "ordered"]).exists()

    def test_a_storage_that_goes_before_the_first_copy_fails_the_job(
        self, project, storage, order, counted, worked
    ):
        make_file(project)
        counted(order())
        custom_storages.disconnect(custom_storage=storage, actor="ann")
        job = worked(BulkJob.objects.get())
        assert (job.state, job.reason) == ("failed", "Storage “archive” was disconnected.")


class TestFigures:
    def test_progress_tells_speed_and_time_left(self, project, order):
        make_file(project)
        job = order()
        now = timezone.now().timestamp()
        BulkJob.objects.update(
            state="copying",
            n_files=5000,
            n_already=0,
            n_to_copy=5000,
            n_bytes_to_copy=10_000,
            n_copied=1200,
            n_failed=4,
            n_bytes_ended=4_000,
            pace=[[now - 10, 204, 2_000], [now, 1204, 4_000]],
        )
        job.refresh_from_db()
        progress = figures.progress(job)
        assert (progress.n_ended, progress.n_files, progress.percent) == (1204, 5000, 24)
        assert progress.files_per_s == pytest.approx(100, rel=0.01)
        assert progress.bytes_per_s == pytest.approx(200, rel=0.01)
        assert progress.seconds_left == pytest.approx(37.96, rel=0.01)

    def test_a_speed_of_long_ago_says_nothing(self, project, order):
        make_file(project)
        job = order()
        old = timezone.now().timestamp() - 100
        BulkJob.objects.update(state="copying", pace=[[old, 0, 0], [old + 10, 9, 9]])
        job.refresh_from_db()
        assert figures.progress(job).seconds_left is None

    def test_jobs_before_it_are_those_that_workers_were_asked_for(self, project, order, counted):
        make_file(project)
        counted(order(is_dry_run=True))  # waits for a person
        order()
        assert figures.n_jobs_before(order()) == 1

    def test_the_end_is_told_once(self, project, order, worked):
        make_file(project)
        job = worked(order())
        worked(job)
        event = Event.objects.get(kind="bulk_copy.finished")
        assert event.data == {
            "storage": "archive",
            "state": "Done",
            "copied": 1,
            "already": 0,
            "gaps": 0,
        }

    def test_the_pace_of_a_storage_leaves_out_the_time_in_which_nothing_ran(self, project, storage):
        assert estimate.pace_of(storage).files == 50  # a guess while nothing is known
        now = timezone.now()
        for hour in range(2):
            for n in range(10):
                make_copy_job(
                    make_file(project),
                    storage,
                    finished_at=now + timedelta(hours=hour, seconds=n / 10),
                )
        assert estimate.pace_of(storage).files == pytest.approx(19 / 2.8)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="plans of small tables say nothing there")
def test_the_next_files_are_found_by_the_index_in_their_order(project, order, counted):
    """Whatever has ended before them: a million items are not sorted for each window."""
    make_file(project)
    job = counted(order(is_dry_run=True))
    services.start(bulk_job=job, actor="ann")
    with CaptureQueriesContext(connection) as queries:
        counted(job)
    asked = next(one["sql"] for one in queries if one["sql"].endswith("LIMIT 500"))
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked}")
        plan = " ".join(row[3] for row in cursor.fetchall())
    assert "bulk_item_next (bulk_job_id=? AND state=? AND reason=?)" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.skipif(connection.vendor != "sqlite", reason="plans of small tables say nothing there")
def test_the_pages_of_a_list_are_found_by_the_index_in_their_order(storage):
    items = BulkItem.objects.filter(bulk_job=make_bulk_job(storage), pk__gt=7).order_by("pk")
    plan = items[:1000].explain()
    assert "bulk_item_list (bulk_job_id=? AND id>?)" in plan
    assert "TEMP B-TREE" not in plan


def test_a_step_holds_a_page_however_many_files_there_are(project, order, counted, monkeypatch):
    for _ in range(30):
        make_file(project)
    monkeypatch.setattr(planning, "PAGE", 7)
    pages = []
    count_page = planning._count_page
    monkeypatch.setattr(
        planning,
        "_count_page",
        lambda job, files: (pages.append(len(files)), count_page(job, files)),
    )
    counted(order(is_dry_run=True))
    assert pages == [7, 7, 7, 7, 2]


def test_lists_of_old_jobs_are_forgotten_and_their_gaps_are_not(project, storage):
    old = make_bulk_job(storage, state="gaps", finished_at=timezone.now() - timedelta(days=91))
    new = make_bulk_job(storage, finished_at=timezone.now() - timedelta(days=89))
    for job in (old, new):
        for state in ("copied", "already", "failed", "skipped"):
            job.items.create(file=make_file(project), state=state)
    assert runner.forget_lists() == 2
    assert set(old.items.values_list("state", flat=True)) == {"failed", "skipped"}
    assert new.items.count() == 4
