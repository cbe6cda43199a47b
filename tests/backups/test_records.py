"""What a run writes: only what changed, whole after every fault, and never more than is proved."""

from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.backups import manifest, reading, records, runner, sampling, services, tasks
from storages_app.backups.errors import NoManifest
from storages_app.copying import orders as copy_orders
from storages_app.copying import runner as copying
from storages_app.custom_storages import conclusions
from storages_app.library import orders as library
from storages_app.models import BackupPlan, BackupRun, BackupSegment, CopyJob, Event
from storages_app.models.copy_jobs import State
from storages_app.objectstores.errors import AccessDenied, Archived, KeyInvalid
from tests.factories import make_custom_storage, make_file
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db


class Died(BaseException):
    """A worker that is killed: nothing of ours catches it."""


def go_on(plan) -> BackupRun:
    """Let the open run and its copies go as far as they can."""
    for _ in range(3):
        BackupRun.objects.update(lease_until=None)
        tasks.drain()
        copying.drain()
    return plan.runs.latest("pk")


def run_again(plan) -> BackupRun:
    plan.refresh_from_db()
    services.request_run(plan=plan, asked_by="a test")
    return go_on(plan)


def names_in(bucket, run) -> dict[str, dict]:
    opened = manifest.open_manifest(bucket.inner, run.manifest_key)
    return {line["original_filename"]: line for line in manifest.iter_lines(bucket.inner, opened)}


def records_keys(bucket) -> set[str]:
    return {key for key in bucket.inner.objects if "/records/" in key}


def make_files(project, names: str):
    return [make_file(project, name.encode(), name=name) for name in names]


def test_a_run_with_nothing_to_do_writes_a_manifest_and_no_records(project, plan, bucket):
    make_files(project, "abc")
    go_on(plan)
    before = records_keys(bucket)
    run = run_again(plan)
    assert records_keys(bucket) == before
    assert (run.state, run.n_new, run.n_changed, run.n_already) == ("done", 0, 0, 3)
    assert set(names_in(bucket, run)) == set("abc")


def test_a_run_writes_the_lines_that_changed_and_no_others(project, plan, bucket):
    files = make_files(project, "abcdefgh")
    go_on(plan)
    before = records_keys(bucket)
    files[0].metadata = {"note": "new"}
    files[0].save()
    CopyJob.objects.filter(file=files[0]).update(record=None)
    library.remove(files[1])
    run = run_again(plan)
    (key,) = records_keys(bucket) - before
    assert BackupSegment.objects.get(key=key).n_lines == 2
    assert (run.state, run.n_files, run.n_new, run.n_changed) == ("done", 7, 0, 2)
    found = names_in(bucket, run)
    assert set(found) == set("acdefgh")
    assert found["a"]["metadata"] == {"note": "new"}


def test_a_line_has_all_that_a_restore_needs(project, plan, bucket):
    file = make_file(project, b"x", name="a", metadata={"k": "v"}, appdata={"app": {"a": 1}})
    run = go_on(plan)
    line = names_in(bucket, run)["a"]
    job = CopyJob.objects.get()
    assert line == {
        "op": "put",
        "uuid": str(file.pk),
        "key": job.key,
        "version_id": "",
        "size": 1,
        "sha256": file.sha256,
        "md5": file.md5,
        "original_filename": "a",
        "mime_type": "text/plain",
        "detected_type": "text/plain",
        "is_image": False,
        "content_info": None,
        "metadata": {"k": "v"},
        "appdata": {"app": {"a": 1}},
        "uploaded_at": file.uploaded_at.isoformat(),
        "stored_at": file.stored_at.isoformat(),
        "expires_at": None,
        "evidence": {"method": job.evidence, "checksum": job.evidence_checksum, "etag": job.etag},
    }
    head = manifest.open_manifest(bucket.inner, run.manifest_key).head
    assert (head["files"], head["bytes"], head["gaps"], head["run"]) == (1, 1, 0, run.pk)
    assert (head["project"], head["public_key"]) == (project.name, project.public_key)


def test_records_are_cut_into_segments(project, plan, bucket, monkeypatch):
    monkeypatch.setattr(manifest, "MAX_LINES", 3)
    make_files(project, "abcdefgh")
    run = go_on(plan)
    assert [s.n_lines for s in BackupSegment.objects.order_by("pk")] == [3, 3, 2]
    assert set(names_in(bucket, run)) == set("abcdefgh")
    assert (run.n_new, run.n_changed) == (8, 0)


def test_a_segment_that_grows_too_heavy_gives_its_rest_to_the_next(
    project, plan, bucket, monkeypatch
):
    make_files(project, "abcd")
    monkeypatch.setattr(manifest, "MAX_BYTES", 1)
    run = go_on(plan)
    assert [s.n_lines for s in BackupSegment.objects.order_by("pk")] == [1, 1, 1, 1]
    assert set(names_in(bucket, run)) == set("abcd")
    assert (run.n_new, run.n_changed) == (4, 0)


def test_many_small_runs_leave_few_segments(project, plan, bucket):
    make_files(project, "abcdefgh")
    go_on(plan)
    for name in "ijklmnop":
        make_file(project, b"x", name=name)
        run = run_again(plan)
    assert BackupSegment.objects.filter(retired_at=None).count() <= 4
    assert set(names_in(bucket, run)) == set("abcdefghijklmnop")


def test_once_most_lines_are_dead_all_are_written_anew_and_removed_files_forgotten(
    project, plan, bucket, monkeypatch
):
    files = make_files(project, "abcdefgh")
    go_on(plan)
    monkeypatch.setattr(manifest, "MAX_LINES", 4)
    for file in files[1:]:
        library.remove(file)
    run_again(plan)
    assert CopyJob.objects.filter(is_backup=True).count() == 8  # their drop lines still count
    run = run_again(plan)
    assert set(names_in(bucket, run)) == {"a"}
    live = BackupSegment.objects.filter(retired_at=None)
    assert [segment.n_lines for segment in live] == [1]
    assert CopyJob.objects.filter(is_backup=True).count() == 1


def test_a_removed_file_does_not_come_back_by_an_older_line(project, plan, bucket, monkeypatch):
    monkeypatch.setattr(manifest, "MAX_LINES", 4)
    files = make_files(project, "abcdefgh")
    go_on(plan)
    library.remove(files[0])
    run_again(plan)
    for name in "ijklmnop":  # absorbs the segment with the drop line again and again
        make_file(project, b"x", name=name)
        run = run_again(plan)
        assert "a" not in names_in(bucket, run)
    assert set(names_in(bucket, run)) == set("bcdefghijklmnop")


def test_records_that_are_gone_from_the_bucket_are_written_anew(project, plan, bucket):
    make_files(project, "abc")
    go_on(plan)
    (key,) = records_keys(bucket)
    bucket.inner.delete(key)
    run = run_again(plan)
    assert (run.state, run.n_changed) == ("done", 0)
    assert set(names_in(bucket, run)) == set("abc")


def test_a_file_whose_copy_was_found_damaged_is_not_in_the_manifest(project, plan, bucket):
    make_files(project, "abc")
    go_on(plan)
    bucket.inner.delete(CopyJob.objects.get(file__original_filename="b").key)
    run = run_again(plan)
    assert (run.state, run.n_gaps, run.n_failed) == ("gaps", 1, 1)
    assert set(names_in(bucket, run)) == set("ac")
    assert [(gap["reason"], gap["n"], gap["files"][0]["name"]) for gap in run.gaps] == [
        ("dest_checksum_mismatch", 1, "b")
    ]
    assert Event.objects.filter(kind="copy.failed").count() == 1
    assert set(names_in(bucket, run_again(plan))) == set("abc")


def test_of_two_copies_of_a_file_the_proved_one_is_told(project, plan, bucket):
    (file,) = make_files(project, "a")
    go_on(plan)
    old = CopyJob.objects.get()
    plan.custom_storage.prefix = "c/"
    plan.custom_storage.save()
    CopyJob.objects.filter(pk=old.pk).update(state=State.FAILED, reason="internal", record=None)
    run = run_again(plan)
    assert run.state == "done"
    assert names_in(bucket, run)["a"]["key"] == f"c/{file.pk}/a"


def test_a_key_that_may_only_write_runs_again_and_again(project, plan, bucket):
    """Whoever may not read may not ask for the head of an object either."""
    make_files(project, "a")
    storage = plan.custom_storage
    storage.capabilities = storage.capabilities | {"read": False}
    storage.save()
    bucket.inner.bucket.denied |= {"GetObject", "HeadObject"}
    assert go_on(plan).state == "done"
    make_files(project, "b")
    assert run_again(plan).state == "done"


class TestF70:
    """F70: a run that was killed anywhere is taken up where it was."""

    @pytest.mark.parametrize(
        "point",
        [
            "backup_claimed",
            "backup_page_ordered",
            "backup_ordered",
            "backup_sample_read",
            "backup_records_claimed",
            "backup_records_written",
            "backup_manifest_written",
            "backup_before_commit",
        ],
    )
    def test_a_run_that_is_killed_goes_on_and_ends_as_it_would_have(
        self, project, plan, bucket, monkeypatch, point
    ):
        make_files(project, "abcdef")
        monkeypatch.setattr(runner, "_PAGE", 2)
        monkeypatch.setattr(manifest, "MAX_LINES", 4)
        deaths = []

        def die_once(name: str) -> None:
            if name == point and not deaths:
                deaths.append(name)
                raise Died

        for module in (runner, records, sampling):
            monkeypatch.setattr(module, "crashpoint", die_once)
        for _ in range(6):
            BackupRun.objects.update(lease_until=None)
            try:
                tasks.drain()
            except Died:
                continue
            copying.drain()
        run = plan.runs.get()
        assert deaths == [point]
        assert (run.state, run.n_files, run.n_new, run.n_gaps) == ("done", 6, 6, 0)
        assert (run.n_sampled, run.n_sample_matches) == (6, 6)
        assert set(names_in(bucket, run)) == set("abcdef")
        live = BackupSegment.objects.filter(retired_at=None)
        assert [segment.n_lines for segment in live.order_by("pk")] == [4, 2]
        assert records_keys(bucket) <= set(BackupSegment.objects.values_list("key", flat=True))
        assert Event.objects.filter(kind="backup.finished").count() == 1

    def test_what_the_run_has_read_back_is_not_read_again(self, project, plan, bucket, monkeypatch):
        make_files(project, "abcdef")
        tasks.drain()
        copying.drain()
        read = []
        get = bucket.inner.get

        def dies_at_the_fourth(key, **named):
            read.append(key)
            if len(read) == 4:
                raise Died
            return get(key, **named)

        monkeypatch.setattr(bucket.inner, "get", dies_at_the_fourth)
        BackupRun.objects.update(lease_until=None)
        with pytest.raises(Died):
            tasks.drain()
        run = go_on(plan)
        of_files = [key for key in read if ".ucdash-backup" not in key]
        assert (run.n_sampled, run.n_sample_matches) == (6, 6)
        assert len(of_files) == 7  # the fourth was not read to its end
        assert len(set(of_files)) == 6

    def test_ordering_goes_on_after_the_page_that_was_ordered(
        self, project, plan, bucket, monkeypatch
    ):
        files = make_files(project, "abcdef")
        monkeypatch.setattr(runner, "_PAGE", 2)
        seen = []
        order = runner._order

        def watched(run, page):
            seen.append([file.original_filename for file in page])
            if len(seen) == 2:
                raise Died
            order(run, page)

        monkeypatch.setattr(runner, "_order", watched)
        with pytest.raises(Died):
            tasks.drain()
        CopyJob.objects.filter(file__in=files[:2]).delete()  # would be ordered if asked again
        BackupRun.objects.update(lease_until=None)
        tasks.drain()
        assert seen == [["a", "b"], ["c", "d"], ["c", "d"], ["e", "f"]]

    def test_a_worker_whose_run_was_taken_over_writes_no_verdict(self, project, plan, bucket):
        make_files(project, "a")
        tasks.drain()
        copying.drain()
        BackupRun.objects.update(lease_until=None)
        slow = runner.claim()
        BackupRun.objects.update(lease_until=None)
        runner.advance(runner.claim())
        finished_at = plan.runs.get().finished_at
        assert runner.advance(slow)
        assert plan.runs.get().finished_at == finished_at
        assert Event.objects.filter(kind="backup.finished").count() == 1

    def test_a_period_that_overlaps_an_open_run_begins_no_second_one(self, project, plan, bucket):
        make_files(project, "a")
        tasks.drain()
        was_due_at = timezone.now() - timedelta(seconds=1)
        BackupPlan.objects.update(next_run_at=was_due_at)
        assert runner.start_due() == 0
        plan.refresh_from_db()
        assert (plan.runs.count(), plan.next_run_at) == (1, was_due_at)

    def test_it_ends_the_open_one_with_gaps_and_the_next_goes_on(self, project, plan, bucket):
        make_files(project, "a")
        tasks.drain()
        BackupPlan.objects.update(next_run_at=timezone.now() - timedelta(seconds=1))
        assert runner.start_due() == 0
        BackupRun.objects.update(lease_until=None)
        tasks.drain()
        assert plan.runs.get().state == "gaps"
        assert runner.start_due() == 1
        plan.refresh_from_db()
        assert plan.next_run_at > timezone.now()
        assert go_on(plan).state == "done"

    def test_asking_for_a_run_while_one_is_open_does_not_put_the_next_off(self, plan):
        was_due_at = timezone.now() + timedelta(seconds=1)
        BackupPlan.objects.update(next_run_at=was_due_at)
        services.request_run(plan=plan, asked_by="a test")
        plan.refresh_from_db()
        assert plan.next_run_at == was_due_at


class TestF71:
    """F71: what happens during a run is told: the snapshot is a line in time."""

    def test_a_file_that_is_stored_meanwhile_is_in_the_next_manifest(self, project, plan, bucket):
        make_files(project, "a")
        runner.advance(runner.claim())
        late = make_file(project, b"x", name="b", stored_at=timezone.now() + timedelta(minutes=1))
        copy_orders.place(
            [runner.auto_copy.backup_order(file=late, custom_storage=plan.custom_storage)],
            lane=CopyJob.Lane.BACKUP,
            asked_by="a test",
        )
        run = go_on(plan)
        assert (run.n_files, run.state) == (1, "done")
        assert set(names_in(bucket, run)) == {"a"}
        late.stored_at = timezone.now()
        late.save()
        assert set(names_in(bucket, run_again(plan))) == {"a", "b"}

    def test_a_file_that_is_removed_meanwhile_is_no_gap(self, project, plan, bucket):
        gone, _ = make_files(project, "ab")
        runner.advance(runner.claim())
        library.remove(gone)
        run = go_on(plan)
        assert (run.state, run.n_files, run.n_gaps) == ("done", 1, 0)
        assert set(names_in(bucket, run)) == {"b"}

    def test_a_file_that_is_removed_while_its_line_is_written_is_dropped_by_the_next_run(
        self, project, plan, bucket
    ):
        gone, _ = make_files(project, "ab")
        tasks.drain()
        copying.drain()

        def remove_first(put, key, body, **named):
            library.remove(gone)
            return put(key, body, **named)

        bucket.fail("put", remove_first)
        run = go_on(plan)
        assert run.state == "done"
        assert set(names_in(bucket, run_again(plan))) == {"b"}


class TestSample:
    def test_reads_the_next_copies_in_turn_until_all_were_read(self, project, plan, bucket):
        make_files(project, "abcdefg")
        BackupPlan.objects.update(sample_size=3)
        go_on(plan)
        CopyJob.objects.update(verified_at=timezone.now() - timedelta(days=9))
        seen = set()
        for _ in range(2):
            started = timezone.now()
            assert run_again(plan).n_sampled == 3
            seen |= set(
                CopyJob.objects.filter(verified_at__gte=started).values_list("pk", flat=True)
            )
        assert len(seen) == 6

    def test_of_no_copies_reads_none(self, project, plan, bucket):
        make_files(project, "abc")
        BackupPlan.objects.update(sample_size=0)
        run = go_on(plan)
        assert (run.state, run.n_sampled) == ("done", 0)

    def test_of_archived_copies_says_so_and_claims_nothing(self, project, plan, bucket):
        """F72: Glacier class."""
        make_files(project, "abc")
        bucket.fail("get", Archived())
        run = go_on(plan)
        assert (run.state, run.n_sampled) == ("done", 0)
        assert "archive class" in run.note

    def test_without_the_right_to_read_is_not_tried(self, project, plan, bucket):
        plan.custom_storage.capabilities = PROVEN | {"read": False}
        plan.custom_storage.save()
        make_files(project, "a")
        assert go_on(plan).n_sampled == 0

    def test_that_is_refused_fails_the_run(self, project, plan, bucket):
        make_files(project, "a")
        bucket.fail("get", AccessDenied())
        run = go_on(plan)
        assert run.state == "failed"
        assert "auth_denied" in run.reason


class TestRetention:
    @pytest.fixture
    def old_runs(self, project, plan, bucket):
        make_files(project, "abcd")
        first = go_on(plan)
        make_files(project, "efgh")
        second = run_again(plan)  # absorbs the first segment
        long_ago = timezone.now() - timedelta(days=40)
        BackupRun.objects.update(finished_at=long_ago)
        BackupSegment.objects.exclude(retired_at=None).update(
            retired_at=long_ago - timedelta(hours=1)
        )
        return first, second

    def test_keeps_everything_unless_asked_to_forget(self, plan, bucket, old_runs):
        run_again(plan)
        assert BackupRun.objects.exclude(manifest_key="").count() == 3
        assert len(records_keys(bucket)) == 2

    def test_deletes_old_manifests_and_records_that_none_names_but_never_files(
        self, plan, bucket, old_runs
    ):
        BackupPlan.objects.update(keep_days=30)
        of_files = {key for key in bucket.inner.objects if ".ucdash-backup" not in key}
        run = run_again(plan)
        kept = {key for key in bucket.inner.objects if "/manifests/" in key}
        assert kept == {run.manifest_key}
        assert len(records_keys(bucket)) == 1
        assert of_files <= set(bucket.inner.objects)
        assert set(names_in(bucket, run)) == set("abcdefgh")

    def test_keeps_records_that_a_kept_manifest_names(self, plan, bucket, old_runs):
        BackupPlan.objects.update(keep_days=30)
        _, second = old_runs
        BackupRun.objects.filter(pk=second.pk).update(finished_at=timezone.now())
        BackupSegment.objects.exclude(retired_at=None).update(
            retired_at=timezone.now() + timedelta(seconds=30)
        )
        run_again(plan)
        assert set(names_in(bucket, second)) == set("abcdefgh")
        assert len(records_keys(bucket)) == 2

    def test_leaves_what_the_plan_has_in_another_storage_until_it_is_back(
        self, plan, storage, bucket, old_runs
    ):
        BackupPlan.objects.update(keep_days=30)
        first, second = old_runs
        old_keys = {run.manifest_key for run in old_runs} | records_keys(bucket)
        other = make_custom_storage(plan.project, name="o", prefix="c/", capabilities=PROVEN)
        services.change(plan=plan, actor="a test", custom_storage=other)
        assert go_on(plan).state == "done"
        assert old_keys <= set(bucket.inner.objects)
        for run in old_runs:
            key = run.manifest_key
            run.refresh_from_db()
            assert (run.manifest_key, run.custom_storage) == (key, storage)
        services.change(plan=plan, actor="a test", custom_storage=storage)
        run = go_on(plan)
        assert first.manifest_key not in bucket.inner.objects
        assert second.manifest_key not in bucket.inner.objects
        assert set(names_in(bucket, run)) == set("abcdefgh")

    def test_leaves_what_is_in_a_bucket_that_the_storage_has_left(
        self, plan, storage, bucket, old_runs
    ):
        BackupPlan.objects.update(keep_days=30)
        conclusions._forget_backup(storage)
        assert run_again(plan).state == "done"
        assert all(run.manifest_key in bucket.inner.objects for run in old_runs)

    def test_that_the_bucket_refuses_is_told_and_no_fault_of_the_run(self, plan, bucket, old_runs):
        """F72: Object Lock, or no right to delete."""
        BackupPlan.objects.update(keep_days=30)
        bucket.fail("delete", AccessDenied())
        run = run_again(plan)
        assert run.state == "done"
        assert "does not let us delete" in run.note
        assert len(run.note) <= 200
        assert BackupRun.objects.exclude(manifest_key="").count() == 3


def test_a_copy_that_was_skipped_makes_a_gap_and_is_counted(project, plan, bucket):
    make_files(project, "ab")
    bucket.fail("put", KeyInvalid())
    tasks.drain()
    copying.drain()
    CopyJob.objects.filter(state=State.FAILED).update(
        state=State.SKIPPED, reason="key_exists_skipped"
    )
    run = go_on(plan)
    assert (run.state, run.n_skipped, run.n_failed) == ("gaps", 1, 0)


def test_f70_what_a_former_worker_still_sends_harms_no_record_that_counts(
    project, plan, bucket, monkeypatch
):
    """Its lease is over while its bytes are on their way: another worker has written by then."""
    make_files(project, "ab")
    put = records.put_proved
    late = []

    def overtaken(store, storage, key, writing):
        if "/records/" in key and not late:
            late.append(key)
            BackupRun.objects.update(lease_until=None)
            monkeypatch.setattr(records, "put_proved", put)
            tasks.drain()
        return put(store, storage, key, writing)

    monkeypatch.setattr(records, "put_proved", overtaken)
    run = go_on(plan)
    assert late
    assert run.state == "done"
    segment = BackupSegment.objects.get(retired_at=None)
    assert segment.key not in late
    assert BackupSegment.objects.exclude(retired_at=None).get().key in late  # and is known
    assert set(names_in(bucket, run)) == set("ab")


class TestStoppedInTheMiddle:
    """What a run has sent before it was stopped has a name in the ledger, so that it can go."""

    def stop_at(self, plan, bucket, monkeypatch, part: str) -> BackupRun:
        put = records.put_proved

        def stopped(store, storage, key, writing):
            receipt = put(store, storage, key, writing)
            if part in key:
                services.pause(plan=plan, actor="Ann")
            return receipt

        with monkeypatch.context() as patch:
            patch.setattr(records, "put_proved", stopped)
            go_on(plan)
        run = plan.runs.get()
        assert run.state == "cancelled"
        return run

    @pytest.mark.parametrize("part", ["/records/", "/manifests/"])
    def test_and_retention_deletes_it(self, project, plan, bucket, monkeypatch, part):
        make_files(project, "ab")
        stopped = self.stop_at(plan, bucket, monkeypatch, part)
        (sent,) = [key for key in bucket.inner.objects if part in key]
        services.resume(plan=plan, actor="Ann")
        services.change(plan=plan, actor="Ann", keep_days=30)
        assert go_on(plan).state == "done"
        is_named = [
            BackupRun.objects.filter(pk=stopped.pk, manifest_key=sent).exists(),
            BackupSegment.objects.filter(key=sent).exists(),
        ]
        assert is_named == [part == "/manifests/", part == "/records/"]
        long_ago = timezone.now() - timedelta(days=40)
        BackupRun.objects.update(finished_at=long_ago)
        BackupSegment.objects.exclude(retired_at=None).update(retired_at=long_ago)
        run = run_again(plan)
        assert sent not in bucket.inner.objects
        assert set(names_in(bucket, run)) == set("ab")

    def test_but_nobody_is_offered_it_as_a_manifest(self, project, plan, bucket, monkeypatch):
        make_files(project, "a")
        stopped = self.stop_at(plan, bucket, monkeypatch, "/manifests/")
        assert (stopped.manifest_key in bucket.inner.objects, stopped.manifest_sha256) == (True, "")
        with pytest.raises(NoManifest):
            reading.manifest_of(stopped)


class TestReading:
    @pytest.fixture(autouse=True)
    def opened(self, bucket, monkeypatch):
        opened = []
        monkeypatch.setattr(
            reading, "open_store", lambda storage: opened.append(storage.pk) or bucket
        )
        return opened

    def test_goes_to_the_storage_where_the_run_has_left_its_manifest(
        self, project, plan, storage, bucket, opened
    ):
        make_files(project, "a")
        run = go_on(plan)
        other = make_custom_storage(project, name="other", prefix="c/", capabilities=PROVEN)
        services.change(plan=plan, actor="a test", custom_storage=other)
        text = b"".join(reading.manifest_of(BackupRun.objects.get(pk=run.pk)))
        assert text == bucket.inner.objects[run.manifest_key].body
        assert opened == [storage.pk]

    def test_of_a_bucket_that_the_storage_has_left_is_refused(self, project, plan, storage, opened):
        run = go_on(plan)
        conclusions._forget_backup(storage)
        with pytest.raises(NoManifest):
            reading.files_of(BackupRun.objects.get(pk=run.pk))
        assert not opened
