"""The count: what it says of each file, page by page, whoever counts."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from storages_app.bulk_copies import leases, planning, runner
from storages_app.library.filters import FileFilter
from storages_app.models import BulkItem, BulkJob, CustomStorage, File
from tests.factories import make_copy_job, make_custom_storage, make_file, make_group

LATE = datetime(2026, 1, 5, tzinfo=UTC)
GB_5, MB_100 = 5_368_709_120, 104_857_600


def key_of(storage, file):
    return f"{storage.prefix}{file.pk}/{file.original_filename}"


def plans(job):
    return dict(job.items.values_list("file", "plan"))


@pytest.fixture
def many_kinds(project):
    """Files of which each filter finds some."""
    elsewhere = make_custom_storage(project, name="elsewhere")
    files = [
        make_file(project, name="cat.png", detected_type="image/png"),
        make_file(project, name="dog.pdf", detected_type="application/pdf", stored_at=None),
        make_file(
            project,
            name="cat.bin",
            detected_type="application/zip",
            size=200_000,
            metadata={"album": "one"},
        ),
        make_file(project, name="late", detected_type="image/gif", uploaded_at=LATE),
    ]
    make_copy_job(files[0], elsewhere)
    make_copy_job(files[2], elsewhere, state="failed", reason="throttled")
    return files


class TestCount:
    def test_tells_what_is_to_copy_with_bytes_and_requests(self, project, order, counted):
        make_file(project, b"12345")
        make_file(project, b"678")
        job = counted(order(is_dry_run=True))
        assert (job.state, job.word) == ("counted", "Waiting")
        assert (job.n_files, job.n_to_copy, job.n_bytes_to_copy) == (2, 2, 8)
        assert job.n_requests == 2
        assert job.counted_at

    def test_leaves_out_what_is_there_with_evidence(self, project, storage, order, counted):
        there, failed, elsewhere = (make_file(project) for _ in range(3))
        make_copy_job(there, storage, key=key_of(storage, there))
        make_copy_job(
            failed, storage, key=key_of(storage, failed), state="failed", reason="throttled"
        )
        other = make_custom_storage(project)
        make_copy_job(elsewhere, other, key=key_of(other, elsewhere))
        job = counted(order(is_dry_run=True))
        assert (job.n_already, job.n_to_copy) == (1, 2)
        assert plans(job)[there.pk] == "already"

    def test_a_copy_under_another_key_or_with_other_operations_does_not_count(
        self, project, storage, order, counted
    ):
        moved, small = make_file(project), make_file(project)
        make_copy_job(moved, storage, key=f"old/{moved.pk}")
        make_copy_job(
            small, storage, key=f"{small.pk}/notes.-resize_9x.txt", effects="-/resize/9x/"
        )
        job = counted(order(is_dry_run=True))
        assert (job.n_to_copy, job.n_already, job.n_clashes) == (2, 0, 0)

    def test_an_end_without_work_is_done(self, project, storage, order, counted):
        file = make_file(project)
        make_copy_job(file, storage, key=key_of(storage, file))
        job = counted(order(is_dry_run=True))
        assert (job.state, job.n_already, job.n_to_do) == ("done", 1, 0)

    def test_size_limits_are_exact(self, project, order, counted):
        """F46: 5 GB pass and one byte more does not."""
        make_file(project, size=GB_5)
        large = make_file(project, size=GB_5 + 1)
        job = counted(order(is_dry_run=True))
        assert (job.n_to_copy, job.n_too_large, job.n_bytes_to_copy) == (1, 1, GB_5)
        assert job.gaps == {"too_large_5gb": 1}
        assert job.items.get(file=large).state == "skipped"

    def test_size_limits_of_processed_copies_are_exact(self, project, order, counted):
        """F47: sources of 100 MB pass and one byte more does not."""
        make_file(project, size=MB_100)
        make_file(project, size=MB_100 + 1)
        job = counted(order(is_dry_run=True, effects="-/resize/9x/"))
        assert (job.n_to_copy, job.n_too_large) == (1, 1)
        assert job.gaps == {"processed_too_large_100mb": 1}

    def test_a_job_of_files_that_are_all_too_large_ends_with_gaps(self, project, order, counted):
        make_file(project, size=GB_5 + 1)
        assert counted(order()).state == "gaps"

    def test_only_files_of_the_filter_and_the_project(self, project, order, counted):
        cat = make_file(project, name="Cat.jpg")
        make_file(project, name="dog.jpg")
        make_file(project, name="cat.png", stored_at=None)
        job = counted(
            order(what="filter", filter_by={"q": "cat", "stored": "yes"}, is_dry_run=True)
        )
        assert set(plans(job)) == {cat.pk}

    @pytest.mark.parametrize(
        "asked",
        [
            {"q": "cat"},
            {"stored": "no"},
            {"type": "image"},
            {"type": "other"},
            {"size": "to-100kb"},
            {"since": "2026-01-02"},
            {"until": "2026-01-01"},
            {"copied_to": "elsewhere"},
            {"not_copied_to": "elsewhere"},
            {"copy_failed": "elsewhere"},
            {"copy_failed": "*"},
            {"metadata": "album"},
            {"q": "cat", "type": "image", "stored": "yes"},
        ],
    )
    @pytest.mark.parametrize("looks_at", [1, 20_000])
    def test_takes_exactly_the_files_that_the_list_shows(
        self, project, many_kinds, order, counted, monkeypatch, asked, looks_at
    ):
        monkeypatch.setattr(planning, "_LOOKS_AT", looks_at)
        shown = {file.pk for file in FileFilter(asked, project=project).files}
        assert shown
        assert len(shown) < File.objects.live().filter(project=project).count()
        job = counted(order(what="filter", filter_by=asked, is_dry_run=True))
        assert set(plans(job)) == shown

    def test_takes_the_files_of_a_group(self, project, many_kinds, order, counted):
        group = make_group(project, many_kinds[0], many_kinds[2])
        asked = {"group": group.wire_id}
        job = counted(order(what="filter", filter_by=asked, is_dry_run=True))
        assert set(plans(job)) == {many_kinds[0].pk, many_kinds[2].pk}

    def test_a_filter_that_lost_its_storage_ends_the_job_and_takes_no_others(
        self, project, many_kinds, order, counted
    ):
        job = order(what="filter", filter_by={"not_copied_to": "elsewhere"})
        CustomStorage.objects.filter(name="elsewhere").update(removed_at=timezone.now())
        assert counted(job).state == "failed"
        assert "not_copied_to" in job.reason
        assert not job.items.exists()

    def test_files_that_come_later_are_not_counted(self, project, order, counted):
        early = make_file(project)
        job = order(is_dry_run=True)
        make_file(project, uploaded_at=timezone.now())
        assert set(plans(counted(job))) == {early.pk}

    def test_a_chosen_file_that_is_deleted_before_the_count_is_a_gap(self, project, order, counted):
        gone, kept = make_file(project), make_file(project)
        job = order(what="selection", file_uuids=[gone.pk, kept.pk], is_dry_run=True)
        gone.removed_at, gone.stored_at = timezone.now(), None
        gone.save()
        counted(job)
        assert (job.n_files, job.n_to_copy, job.gaps) == (2, 1, {"file_deleted": 1})


class TestNames:
    def test_two_files_of_one_name_clash_and_the_first_keeps_it(self, project, order, counted):
        first, second, other = (make_file(project, name=n) for n in ("a.txt", "a.txt", "b.txt"))
        job = counted(order(pattern="${filename}${ext}", is_dry_run=True))
        assert (job.n_to_copy, job.n_clashes) == (2, 1)
        assert plans(job) == {first.pk: "copy", second.pk: "clash", other.pk: "copy"}
        assert job.n_bytes_to_copy == job.n_bytes

    def test_a_name_that_the_ledger_gave_to_another_file_clashes(
        self, project, storage, order, counted
    ):
        stranger, mine, free = (make_file(project, name=n) for n in ("z", "taken.txt", "free.txt"))
        make_copy_job(stranger, storage, key="taken.txt")
        make_copy_job(stranger, storage, key="free.txt", state="failed", reason="throttled")
        job = counted(
            order(
                what="selection",
                file_uuids=[mine.pk, free.pk],
                pattern="${filename}${ext}",
                is_dry_run=True,
            )
        )
        assert plans(job) == {mine.pk: "clash", free.pk: "copy"}
        assert (job.n_to_copy, job.n_clashes) == (1, 1)

    def test_a_processed_copy_under_the_name_of_the_original_clashes(
        self, project, storage, order, counted
    ):
        file = make_file(project)
        make_copy_job(file, storage, key=f"{file.pk}/notes.txt")
        job = counted(
            order(pattern="${uuid}/${filename}${ext}", effects="-/resize/9x/", is_dry_run=True)
        )
        assert plans(job) == {file.pk: "clash"}

    def test_names_with_the_uuid_cost_no_walk_through_the_ledger(
        self, project, order, counted, monkeypatch
    ):
        make_file(project)
        monkeypatch.setattr(planning, "_look_at_names", None)
        assert counted(order(is_dry_run=True)).state == "counted"


class TestWorkers:
    @pytest.fixture(autouse=True)
    def _small_pages(self, monkeypatch):
        monkeypatch.setattr(planning, "PAGE", 2)

    def test_a_killed_worker_loses_no_page_and_counts_none_twice(self, project, order, counted):
        """F70 for bulk copies: another worker goes on where the last transaction ended."""
        files = [make_file(project) for _ in range(5)]
        job = order(is_dry_run=True)
        (held,) = leases.claim_each()
        planning.count_on(held)  # and then the worker is gone
        assert job.items.count() == 2
        BulkJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        counted(job)
        assert (job.state, job.n_files) == ("counted", 5)
        assert set(plans(job)) == {file.pk for file in files}

    def test_a_worker_that_wakes_up_late_writes_nothing(self, project, order, counted):
        for _ in range(3):
            make_file(project)
        job = order(is_dry_run=True)
        (late,) = leases.claim_each()
        BulkJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        counted(job)
        with pytest.raises(leases.LostJob):
            planning.count_on(late)
        assert (BulkItem.objects.count(), job.n_files) == (3, 3)

    def test_a_job_that_is_held_is_left_alone(self, project, order):
        make_file(project)
        order()
        assert len(list(leases.claim_each())) == 1
        assert list(leases.claim_each()) == []

    def test_a_count_without_its_storage_fails_before_it_began(
        self, project, storage, order, counted
    ):
        make_file(project)
        job = order()
        storage.removed_at = timezone.now()
        storage.save()
        counted(job)
        assert (job.state, job.reason) == ("failed", "Storage “archive” was disconnected.")

    def test_jobs_take_turns(self, project, order, monkeypatch):
        for _ in range(8):
            make_file(project)
        first, second = order(is_dry_run=True), order(is_dry_run=True)
        monkeypatch.setattr(runner, "_PAGES_AT_ONCE", 1)
        for _ in range(2):
            for job in leases.claim_each():
                runner.advance(job)
        assert [job.items.count() for job in (first, second)] == [4, 4]
