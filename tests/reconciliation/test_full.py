"""The whole listing against the whole ledger: F60, F61, F62, F63, and G10 in small."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.copying import runner as copying
from storages_app.models import CopyJob, CustomStorage, Difference, Event, Reconciliation
from storages_app.objectstores.errors import (
    AccessDenied,
    BucketMissing,
    ServerError,
    Throttled,
    TimedOut,
)
from storages_app.reconciliation import (
    comparison,
    inventory,
    mending,
    notebook,
    passes,
    runner,
    services,
)
from storages_app.reconciliation.looking import Seen
from tests.factories import make_copy_job, make_custom_storage, make_file, make_project

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_waiting")]


def differences(run):
    return sorted((d.kind, d.key, d.resolution) for d in run.differences.all())


class TestWhatAgrees:
    def test_is_clean_and_counted(self, copy_of, reconcile):
        copy_of(), copy_of(b"other bytes")
        run = reconcile()
        assert (run.state, run.n_objects, run.n_copies, run.n_differences) == ("clean", 2, 2, 0)
        assert run.reason == ""
        assert not Event.objects.exists()

    def test_objects_of_our_own_housekeeping_are_no_difference(self, copy_of, write, reconcile):
        job = copy_of()
        for name in (".connection-test/a.txt", ".ucdash-backup/pk/m.jsonl", ".ucdash-proof"):
            write(f"in/{name}", b"x", job.file)
        assert reconcile().state == "clean"

    def test_copies_of_another_storage_of_the_same_bucket_are_known(
        self, copy_of, write, project, reconcile
    ):
        other = make_custom_storage(project, prefix="in/deeper/")
        file = make_file(project)
        write("in/deeper/key", b"some bytes", file)
        make_copy_job(file, other, key="in/deeper/key")
        assert reconcile().state == "clean"

    def test_a_copy_that_was_made_after_the_listing_is_not_missing(
        self, copy_of, bucket, reconcile
    ):
        job = copy_of()
        bucket.fail("list_objects", lambda real, *args, **kwargs: iter([]))
        assert reconcile().state == "clean"
        job.refresh_from_db()
        assert job.state == "done"


class TestF60BehindOurBack:
    def test_a_deleted_object_is_named_and_copied_again(self, copy_of, bucket, reconcile):
        job = copy_of()
        bucket.inner.delete(job.key)
        run = reconcile()
        assert (run.state, run.counts, run.n_mended) == ("different", {"missing": 1}, 1)
        assert differences(run) == [("missing", job.key, "ordered")]
        job.refresh_from_db()
        assert (job.state, job.asked_by) == ("pending", f"reconciliation {run.pk}")

    def test_a_truncated_object_is_named(self, copy_of, write, reconcile):
        job = copy_of()
        write(job.key, b"some", job.file)
        run = reconcile()
        assert differences(run) == [("size", job.key, "ordered")]
        found = run.differences.get()
        assert (found.expected, found.found, found.copy_job) == ("10 bytes", "4 bytes", job)

    def test_other_bytes_of_the_same_size_are_named(self, copy_of, write, reconcile):
        job = copy_of()
        write(job.key, b"SOME BYTES", job.file)
        assert differences(reconcile()) == [("content", job.key, "ordered")]

    def test_the_same_bytes_without_our_metadata_are_named_and_stay_done(
        self, copy_of, write, reconcile
    ):
        job = copy_of()
        write(job.key, b"some bytes", job.file, uuid="another", name="x.txt")
        run = reconcile()
        assert differences(run) == [("metadata", job.key, "reported")]
        assert run.differences.get().found == "uuid: another, name: x.txt"
        job.refresh_from_db()
        assert job.state == "done"

    def test_the_same_bytes_under_another_etag_are_read_and_proved_anew(
        self, copy_of, bucket, reconcile
    ):
        job = copy_of()
        stored = bucket.inner.objects[job.key]
        info = replace(stored.info, etag="abc-2", sha256="")
        bucket.inner.objects[job.key] = replace(stored, info=info)
        assert reconcile().state == "clean"
        assert "get" in bucket.calls
        job.refresh_from_db()
        assert (job.etag, job.evidence) == ("abc-2", "read_back")
        bucket.calls.clear()
        assert reconcile().state == "clean"
        assert "get" not in bucket.calls

    def test_without_leave_to_mend_it_fails_and_is_told(
        self, copy_of, bucket, custom_storage, reconcile
    ):
        custom_storage.mends_differences = False
        custom_storage.save()
        job = copy_of()
        bucket.inner.delete(job.key)
        run = reconcile()
        assert differences(run) == [("missing", job.key, "reported")]
        job.refresh_from_db()
        assert (job.state, job.reason) == ("failed", "dest_checksum_mismatch")
        assert "not in the bucket" in job.detail
        assert Event.objects.get(kind="copy.failed").subject_id == str(job.pk)

    def test_a_strangers_object_in_its_place_is_not_overwritten_in_silence(
        self, copy_of, bucket, write, reconcile
    ):
        job = copy_of()
        write(job.key, b"a stranger's", job.file, uuid="", sha256="")
        reconcile()
        copying.drain()
        job.refresh_from_db()
        assert (job.state, job.reason) == ("failed", "key_conflict")
        assert bucket.inner.objects[job.key].body == b"a stranger's"

    def test_a_copy_of_a_file_that_was_deleted_is_no_difference(self, copy_of, bucket, reconcile):
        job = copy_of()
        type(job.file).objects.update(removed_at=timezone.now(), stored_at=None)
        bucket.inner.delete(job.key)
        assert reconcile().state == "clean"
        job.refresh_from_db()
        assert (job.state, job.reason) == ("cancelled", "file_deleted")

    def test_two_copies_of_one_key_do_not_overwrite_each_other_for_ever(
        self, copy_of, write, reconcile
    ):
        first = copy_of(on_clash="overwrite")
        second = copy_of(b"later ones", key=first.key, on_clash="overwrite")
        CopyJob.objects.filter(pk=second.pk).update(verified_at=timezone.now())
        run = reconcile()
        assert differences(run) == [("content", first.key, "reported")]
        first.refresh_from_db(), second.refresh_from_db()
        assert (first.state, first.reason, second.state) == ("failed", "key_conflict", "done")

    def test_a_row_that_was_opened_again_meanwhile_is_left_alone(self, copy_of, bucket, reconcile):
        job = copy_of()
        bucket.inner.delete(job.key)
        CopyJob.objects.filter(pk=job.pk).update(fence=7)
        assert mending.settle(job, Seen("missing"), asked_by="x") is None
        job.refresh_from_db()
        assert job.state == "done"


class TestF61Extra:
    def test_is_reported_and_never_deleted(self, copy_of, bucket, write, reconcile):
        job = copy_of()
        write("in/somebody's", b"other bytes", job.file, uuid="", sha256="")
        write("outside/of the prefix", b"x", job.file)
        run = reconcile()
        assert differences(run) == [("extra", "in/somebody's", "reported")]
        assert "in/somebody's" in bucket.inner.objects
        assert "delete" not in bucket.calls

    def test_only_so_many_are_asked_whose_they_are_and_all_are_counted(
        self, copy_of, write, bucket, reconcile, monkeypatch
    ):
        job = copy_of()
        for n in range(5):
            write(f"in/extra {n}", b"x", job.file)
        monkeypatch.setattr(passes, "_EXTRAS_ASKED", 2)
        run = reconcile()
        assert run.counts == {"extra": 5}
        assert bucket.calls.count("head") == 3

    def test_so_many_differences_are_kept_and_all_are_counted(
        self, copy_of, write, reconcile, monkeypatch
    ):
        job = copy_of()
        for n in range(5):
            write(f"in/extra {n}", b"x", job.file)
        monkeypatch.setattr(notebook, "KEPT", 3)
        run = reconcile()
        assert (run.n_differences, run.differences.count()) == (5, 3)


class TestF52AnOlderDatabase:
    def test_adopts_a_copy_of_which_the_database_does_not_know(
        self, copy_of, custom_storage, reconcile
    ):
        job = copy_of()
        key, file = job.key, job.file
        job.delete()
        run = reconcile()
        assert differences(run) == [("extra", key, "adopted")]
        adopted = CopyJob.objects.get()
        assert (adopted.file, adopted.key, adopted.state) == (file, key, "done")
        assert (adopted.evidence, adopted.etag != "", adopted.size) == ("checksum", True, 10)
        assert adopted.verified_at
        assert reconcile().state == "clean"

    def test_does_not_believe_metadata_without_the_bytes(self, copy_of, write, reconcile):
        job = copy_of()
        key, file = job.key, job.file
        job.delete()
        write(key, b"SOME BYTES", file)
        run = reconcile()
        assert differences(run) == [("extra", key, "reported")]
        assert not CopyJob.objects.exists()

    def test_names_the_file_of_an_object_whose_row_is_lost(self, copy_of, reconcile):
        job = copy_of()
        key, uuid = job.key, job.file_id
        file = job.file
        job.delete()
        file.delete()
        run = reconcile()
        assert differences(run) == [("extra", key, "reported")]
        assert f"not here: {uuid}" in run.differences.get().found

    def test_adopts_nothing_into_another_project(self, copy_of, write, reconcile):
        copy_of()
        stranger = make_file(make_project())
        write("in/key", b"some bytes", stranger)
        assert differences(reconcile()) == [("extra", "in/key", "reported")]

    def test_only_reports_where_it_may_not_mend(self, copy_of, custom_storage, reconcile):
        job = copy_of()
        job.delete()
        custom_storage.mends_differences = False
        custom_storage.save()
        assert [resolution for *_, resolution in differences(reconcile())] == ["reported"]


class TestF62Listings:
    """Faults of listings: broken off, wrong continuation, page twice, keys spelled wrongly."""

    def test_resumes_at_its_cursor_after_a_503(self, copy_of, bucket, reconcile, no_waiting):
        keys = sorted(copy_of().key for _ in range(6))
        asked = []

        def breaks_off(real, prefix, *, start_after=""):
            asked.append(start_after)
            for n, info in enumerate(real(prefix, start_after=start_after)):
                if n == 2:
                    raise Throttled(retry_after=7)
                yield info

        bucket.fail("list_objects", breaks_off, breaks_off)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(inventory, "_PAGE", 2)
            run = reconcile()
        assert asked == ["", keys[1]]
        assert no_waiting == [7, 7]
        assert (run.state, run.n_objects) == ("clean", 6)

    def test_a_page_that_comes_twice_changes_nothing(self, copy_of, bucket, reconcile):
        for _ in range(3):
            copy_of()

        def twice(real, prefix, *, start_after=""):
            infos = list(real(prefix, start_after=start_after))
            return iter(infos + infos)

        bucket.fail("list_objects", twice)
        run = reconcile()
        assert (run.state, run.n_objects) == ("clean", 3)

    def test_a_continuation_that_leaves_keys_out_makes_none_of_them_missing(
        self, copy_of, bucket, reconcile
    ):
        for _ in range(4):
            copy_of()
        bucket.fail("list_objects", lambda real, *a, **k: iter(list(real(*a, **k))[::2]))
        run = reconcile()
        assert (run.state, run.n_objects) == ("clean", 2)

    def test_a_listing_that_goes_in_circles_is_given_up(self, copy_of, bucket, reconcile):
        copy_of()

        def for_ever(real, prefix, *, start_after=""):
            while True:
                yield from real(prefix)

        bucket.fail("list_objects", for_ever)
        run = reconcile()
        assert run.state == "failed"
        assert "again and again" in run.reason

    def test_keys_that_come_encoded_although_nobody_asked_are_not_extra(
        self, copy_of, bucket, reconcile
    ):
        copy_of(key="in/a b+c.txt")

        def encoded(real, prefix, *, start_after=""):
            return (replace(info, key="in/a%20b%2Bc.txt") for info in real(prefix))

        bucket.fail("list_objects", encoded)
        assert reconcile().state == "clean"

    def test_a_listing_that_never_ends_well_fails_the_run_and_says_why(
        self, copy_of, bucket, reconcile
    ):
        copy_of()
        bucket.fail("list_objects", *[ServerError()] * 20)
        run = reconcile()
        assert run.state == "failed"
        assert "server_error" in run.reason
        assert CopyJob.objects.get().state == "done"
        assert Event.objects.get().kind == "check.failed"


class TestF63WithoutChecksums:
    def test_a_storage_without_etags_is_read_where_an_object_was_written_anew(
        self, copy_of, bucket, custom_storage, reconcile
    ):
        custom_storage.capabilities = {}
        custom_storage.save()
        job = copy_of(etag="", verified_at=timezone.now() + timedelta(hours=1))
        stored = bucket.inner.objects[job.key]
        plain = replace(stored.info, etag="", sha256="")
        bucket.inner.objects[job.key] = replace(stored, info=plain)
        assert reconcile().state == "clean"
        assert "get" not in bucket.calls
        later = replace(plain, last_modified=timezone.now() + timedelta(hours=2))
        bucket.inner.objects[job.key] = replace(stored, info=later, body=b"SOME BYTES")
        assert differences(reconcile()) == [("content", job.key, "ordered")]

    def test_a_copy_without_a_time_of_its_proof_is_judged_like_any(
        self, copy_of, bucket, write, reconcile
    ):
        job = copy_of(verified_at=None)
        bucket.inner.delete(job.key)
        write(job.key, b"cut", job.file)
        assert differences(reconcile()) == [("size", job.key, "ordered")]


class TestRights:
    def test_without_the_right_to_list_each_copy_is_asked_for_and_the_report_says_so(
        self, copy_of, bucket, reconcile
    ):
        job, _ = copy_of(), copy_of()
        bucket.inner.delete(job.key)
        bucket.fail("list_objects", AccessDenied())
        run = reconcile()
        assert differences(run) == [("missing", job.key, "ordered")]
        assert run.n_copies == 2
        assert run.reason.startswith("The bucket may not be listed")

    def test_without_the_right_to_read_the_listing_alone_decides(self, copy_of, bucket, reconcile):
        job, cut, fine = copy_of(), copy_of(), copy_of()
        bucket.inner.delete(job.key)
        stored = bucket.inner.objects[cut.key]
        bucket.inner.objects[cut.key] = replace(stored, info=replace(stored.info, size=3))
        bucket.inner.bucket.denied.add("HeadObject")
        run = reconcile()
        assert {(d.kind, d.key) for d in run.differences.all()} == {
            ("missing", job.key),
            ("size", cut.key),
        }
        assert "only the listing was compared" in run.reason
        fine.refresh_from_db()
        assert fine.state == "done"

    def test_without_the_right_to_read_what_a_listing_left_out_is_asked_for_by_its_key(
        self, copy_of, bucket, reconcile
    ):
        job = copy_of()
        bucket.inner.bucket.denied.add("HeadObject")
        bucket.fail("list_objects", lambda real, *args, **kwargs: iter([]))
        assert reconcile().state == "clean"
        job.refresh_from_db()
        assert job.state == "done"

    def test_with_neither_right_the_run_fails_and_nothing_is_called_clean(
        self, copy_of, bucket, reconcile
    ):
        job = copy_of()
        bucket.inner.bucket.denied |= {"HeadObject", "ListObjectsV2"}
        run = reconcile()
        assert run.state == "failed"
        assert "could not be looked at" in run.reason
        job.refresh_from_db()
        assert job.state == "done"


class TestFaults:
    def test_an_object_is_asked_for_again_when_the_provider_fails(
        self, copy_of, bucket, reconcile, no_waiting
    ):
        copy_of()
        bucket.fail("head", TimedOut(), ServerError())
        assert reconcile().state == "clean"
        assert len(no_waiting) == 2

    def test_a_bucket_that_is_gone_fails_the_run_and_no_copy(self, copy_of, bucket, reconcile):
        job = copy_of()
        bucket.fail("list_objects", BucketMissing())
        run = reconcile()
        assert (run.state, "bucket_missing" in run.reason) == ("failed", True)
        job.refresh_from_db()
        assert job.state == "done"

    def test_a_bucket_that_stops_answering_is_given_up_soon(self, copy_of, bucket, reconcile):
        for _ in range(60):
            copy_of()
        bucket.fail("head", *[TimedOut()] * 1000)
        run = reconcile()
        assert run.state == "failed"
        assert bucket.calls.count("head") <= 60 * 4

    def test_a_run_whose_worker_died_begins_anew(self, copy_of, bucket, custom_storage, reconcile):
        job = copy_of()
        bucket.inner.delete(job.key)
        services.request(custom_storage=custom_storage, kind="full", asked_by="x")
        dead = runner.claim()
        assert runner.claim() is None
        Difference.objects.create(reconciliation=dead, kind="extra", key="from the dead")
        Reconciliation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        run = reconcile()
        assert run.pk == dead.pk
        assert [kind for kind, *_ in differences(run)] == ["missing"]

    def test_a_worker_that_lost_the_run_adds_nothing_to_its_report(self, custom_storage):
        services.request(custom_storage=custom_storage, kind="full", asked_by="x")
        late = runner.claim()
        Reconciliation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        runner.claim()
        found = notebook.Notebook(late)
        found.difference("extra", "from the late")
        runner._finish(late, found)
        assert not Difference.objects.exists()
        assert Reconciliation.objects.get().finished_at is None

    def test_a_storage_that_goes_meanwhile_ends_the_run_and_orders_nothing(
        self, copy_of, bucket, custom_storage, monkeypatch
    ):
        job = copy_of()
        bucket.inner.delete(job.key)
        monkeypatch.setattr(runner, "_BEAT_EVERY_S", 0)
        services.request(custom_storage=custom_storage, kind="full", asked_by="x")
        run = runner.claim()
        CustomStorage.objects.update(removed_at=timezone.now())
        runner.conduct(run)
        job.refresh_from_db()
        assert job.state == "done"
        Reconciliation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        runner.drain()
        run.refresh_from_db()
        assert (run.state, "storage_not_connected" in run.reason) == ("failed", True)

    def test_a_look_that_takes_long_does_not_cost_the_lease(self, monkeypatch):
        """Else two workers would take the run from each other for ever."""
        monkeypatch.setattr(comparison, "_WAIT_S", 0.01)
        beaten = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            at_work = comparison.Comparison(None, None, None, pool, beat=beaten.set)
            assert list(at_work.in_threads(lambda _: beaten.wait(5), ["a", "b"])) == [True, True]


def test_g10_every_planted_difference_is_found_and_named(copy_of, bucket, write, reconcile):
    """G10 in small: missing, extra, size, checksum and metadata among copies that are right."""
    jobs = [copy_of(f"content {n:06}".encode()) for n in range(60)]
    planted = set()
    for n, job in enumerate(jobs[:50]):
        kind = ("missing", "size", "content", "metadata", "extra")[n % 5]
        key = job.key
        if kind == "missing":
            bucket.inner.delete(job.key)
        elif kind == "size":
            write(job.key, b"cut", job.file)
        elif kind == "content":
            write(job.key, f"CONTENT {n:06}".encode(), job.file)
        elif kind == "metadata":
            write(job.key, f"content {n:06}".encode(), job.file, sha256="0" * 64)
        else:
            key = f"in/extra {n}"
            write(key, b"extra", job.file, uuid="")
        planted.add((kind, key))
    run = reconcile()
    assert {(kind, key) for kind, key, _ in differences(run)} == planted
    assert run.counts == dict.fromkeys(("missing", "size", "content", "metadata", "extra"), 10)
    for job in jobs[50:]:
        job.refresh_from_db()
        assert job.state == "done"


class TestWithoutLookingAtEach:
    """Of a large bucket only those are asked for of which the listing leaves a doubt."""

    @pytest.fixture(autouse=True)
    def _no_sample(self, monkeypatch):
        monkeypatch.setattr(passes, "_LOOKS", 0)

    @pytest.fixture
    def proved(self, copy_of):
        """A copy whose proof is younger than the object, as it is with every copy."""
        return lambda: copy_of(verified_at=timezone.now() + timedelta(hours=1))

    def test_what_the_listing_tells_is_believed(self, proved, bucket, reconcile):
        proved(), proved()
        assert reconcile().state == "clean"
        assert "head" not in bucket.calls

    def test_a_doubt_of_any_kind_is_followed(self, proved, bucket, write, reconcile):
        missing, cut, other, renamed = proved(), proved(), proved(), proved()
        bucket.inner.delete(missing.key)
        write(cut.key, b"some", cut.file)
        write(other.key, b"SOME BYTES", other.file)
        write(renamed.key, b"some bytes", renamed.file, uuid="another")
        stored = bucket.inner.objects[renamed.key]
        later = replace(stored.info, last_modified=timezone.now() + timedelta(hours=2))
        bucket.inner.objects[renamed.key] = replace(stored, info=later)
        assert {(kind, key) for kind, key, _ in differences(reconcile())} == {
            ("missing", missing.key),
            ("size", cut.key),
            ("content", other.key),
            ("metadata", renamed.key),
        }

    def test_the_buckets_clock_is_put_right_first(self, proved, bucket, reconcile):
        """F44."""
        job = proved()
        stored = bucket.inner.objects[job.key]
        ahead = replace(stored.info, last_modified=timezone.now() + timedelta(hours=10))
        bucket.inner.objects[job.key] = replace(stored, info=ahead)

        def ten_hours_ahead(real):
            return replace(real(), clock_offset_s=-36_000.0)

        bucket.fail("connection", ten_hours_ahead)
        assert reconcile().state == "clean"
        assert "head" not in bucket.calls
