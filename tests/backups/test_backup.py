"""Backup runs: what they order, when they are done, and what they may claim."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from storages_app.backups import manifest, planner, runner, services, tasks
from storages_app.backups.errors import AlreadyConnected, BackupRefused, StorageNotReady
from storages_app.copying import orders
from storages_app.copying import runner as copying
from storages_app.copying import services as copies
from storages_app.custom_storages import services as custom_storages
from storages_app.lib.crypto import CannotUnseal
from storages_app.models import BackupPlan, BackupRun, CopyJob, Event
from storages_app.models.copy_jobs import State
from storages_app.objectstores.errors import AccessDenied, KeyInvalid, QuotaExceeded, ServerError
from storages_app.projects import lifecycle
from tests.factories import make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db


def connect(project, storage):
    return services.connect(project=project, custom_storage=storage, actor="a test")


def run_through(plan) -> BackupRun:
    """Let the open run and its copies go as far as they can."""
    for _ in range(3):
        BackupRun.objects.update(lease_until=None)
        tasks.drain()
        copying.drain()
    return plan.runs.latest("pk")


def manifest_of(bucket, run) -> list[dict]:
    return list(
        manifest.iter_lines(bucket.inner, manifest.open_manifest(bucket.inner, run.manifest_key))
    )


def test_the_first_run_copies_every_stored_file_and_ends_with_a_manifest(project, storage, bucket):
    files = [make_file(project, bytes([n]) * 10, name=f"n{n}.bin") for n in range(5)]
    make_file(project, b"not stored", stored_at=None)
    run = run_through(connect(project, storage))
    assert (run.state, run.n_files, run.n_new, run.n_gaps) == (BackupRun.State.DONE, 5, 5, 0)
    assert (run.n_sampled, run.n_sample_matches) == (5, 5)
    for file in files:
        with bucket.inner.get(f"b/{file.uuid}/{file.original_filename}") as chunks:
            assert hashlib.sha256(b"".join(chunks)).hexdigest() == file.sha256
    lines = manifest_of(bucket, run)
    assert {line["uuid"] for line in lines} == {str(file.uuid) for file in files}
    assert {line["sha256"] for line in lines} == {file.sha256 for file in files}


def test_a_second_run_copies_only_what_is_new(project, storage, bucket):
    make_file(project)
    plan = connect(project, storage)
    run_through(plan)
    make_file(project, b"new", stored_at=timezone.now() - timedelta(hours=1))
    services.request_run(plan=plan, asked_by="a test")
    run = run_through(plan)
    assert (run.n_new, run.n_already) == (1, 1)


def test_a_file_that_is_stored_goes_to_the_backup_at_once(project, storage, bucket):
    run_through(connect(project, storage))
    copies.order_copies_of_stored_file(file=make_file(project))
    copying.drain()
    assert CopyJob.objects.get().state == State.DONE


def test_one_object_serves_auto_copy_and_backup(project, storage, bucket):
    storage.auto_copy = True
    storage.save()
    connect(project, storage)
    copies.order_copies_of_new_file(file=make_file(project))
    job = CopyJob.objects.get()
    assert job.is_backup


def test_a_run_with_one_copy_that_failed_is_never_done(project, storage, bucket):
    make_file(project)
    make_file(project)
    bucket.fail("put", KeyInvalid())
    run = run_through(connect(project, storage))
    assert (run.state, run.n_gaps) == (BackupRun.State.GAPS, 1)
    assert "key_invalid" in run.reason
    assert len(manifest_of(bucket, run)) == 1


def test_the_next_run_tries_failed_copies_again(project, storage, bucket):
    make_file(project)
    bucket.fail("put", KeyInvalid())
    plan = connect(project, storage)
    run_through(plan)
    services.request_run(plan=plan, asked_by="a test")
    assert run_through(plan).state == BackupRun.State.DONE


def test_a_damaged_object_is_found_by_the_sample_and_mended_by_the_next_run(
    project, storage, bucket
):
    make_file(project)
    plan = connect(project, storage)
    run_through(plan)
    bucket.inner.delete(CopyJob.objects.get().key)
    services.request_run(plan=plan, asked_by="a test")
    damaged = run_through(plan)
    assert damaged.state == BackupRun.State.GAPS
    assert damaged.n_sample_matches == 0
    assert (damaged.n_already, damaged.n_gaps) == (0, 1)
    services.request_run(plan=plan, asked_by="a test")
    assert run_through(plan).state == BackupRun.State.DONE


def test_copies_and_manifest_are_encrypted_as_set_and_only_copies_are_archived(
    project, storage, bucket
):
    storage.encryption = {"mode": "aws:kms", "kms_key_id": "alias/vault"}
    storage.storage_class = "GLACIER_IR"
    storage.save()
    make_file(project)
    seen = []
    put = bucket.inner.put

    def spy(key, body, **named):
        seen.append(named["options"])
        return put(key, body, **named)

    bucket.inner.put = spy
    run = run_through(connect(project, storage))
    assert run.state == BackupRun.State.DONE
    assert [(o.encryption, o.kms_key_id, o.storage_class) for o in seen] == [
        ("aws:kms", "alias/vault", "GLACIER_IR"),
        ("aws:kms", "alias/vault", ""),  # the records
        ("aws:kms", "alias/vault", ""),  # the manifest
    ]


def test_the_backups_own_class_is_of_its_files_and_of_no_others(project, storage, bucket):
    storage.provider = "aws"
    storage.save()
    make_file(project)
    services.connect(project=project, custom_storage=storage, actor="x", storage_class="GLACIER_IR")
    seen = {}
    put = bucket.inner.put

    def spy(key, body, **named):
        seen[key] = named["options"].storage_class
        return put(key, body, **named)

    bucket.inner.put = spy
    file = make_file(project)
    order = orders.order_for(file=file, custom_storage=storage, pattern="other/${uuid}")
    orders.place([order], lane=CopyJob.Lane.BULK, asked_by="a test")
    run_through(project.backup_plan)
    of_files = {key: kind for key, kind in seen.items() if ".ucdash-backup" not in key}
    assert sorted(of_files.values()) == ["", "GLACIER_IR", "GLACIER_IR"]
    assert of_files[order.key] == ""
    assert {kind for key, kind in seen.items() if ".ucdash-backup" in key} == {""}


def test_a_secret_that_cannot_be_opened_fails_the_run_in_words(
    project, storage, bucket, monkeypatch
):
    def locked(custom_storage):
        raise CannotUnseal

    plan = connect(project, storage)
    monkeypatch.setattr(runner, "open_store", locked)
    run = run_through(plan)
    assert run.state == BackupRun.State.FAILED
    assert run.reason


def test_a_passing_fault_of_the_bucket_does_not_end_the_run(project, storage, bucket):
    make_file(project)
    plan = connect(project, storage)
    tasks.drain()
    copying.drain()
    bucket.fail("put", ServerError(), ServerError())
    run = run_through(plan)
    assert (run.state, run.n_tries, run.n_new) == (BackupRun.State.DONE, 2, 1)


@pytest.mark.parametrize(
    ("fault", "times"), [(ServerError(), 6), (QuotaExceeded(), 1), (AccessDenied(), 1)]
)
def test_f72_a_bucket_that_takes_no_manifest_fails_the_run_by_name(
    project, storage, bucket, fault, times
):
    """F72: bucket full, quota, denied: the reason is told, and nothing counts as backed up."""
    plan = connect(project, storage)
    bucket.fail("put", *[fault] * times)
    for _ in range(3):
        run = run_through(plan)
    assert run.state == BackupRun.State.FAILED
    assert fault.code in run.reason
    assert run.manifest_sha256 == ""  # its key stays: who knows what has come to the bucket
    assert services.verdict(plan).state == "not_backed_up"


def test_files_stored_after_the_snapshot_belong_to_the_next_run(project, storage, bucket):
    make_file(project)
    plan = connect(project, storage)
    run = runner.claim()
    runner.advance(run)
    make_file(project, b"later", stored_at=timezone.now() + timedelta(minutes=1))
    assert run_through(plan).n_files == 1


def test_a_paused_storage_ends_the_run_with_gaps_and_its_reason(project, storage, bucket):
    make_file(project)
    plan = connect(project, storage)
    custom_storages.pause(custom_storage=storage, actor="a test")
    run = run_through(plan)
    assert (run.state, run.reason) == (BackupRun.State.GAPS, "The storage is paused.")


def test_only_one_run_of_a_plan_is_open(project, storage):
    plan = connect(project, storage)
    with pytest.raises(IntegrityError, match=r"backup_run_one_at_a_time|plan_id"):
        BackupRun.objects.create(plan=plan, asked_by="x")


def test_asking_for_a_run_while_one_is_open_returns_it(project, storage):
    plan = connect(project, storage)
    assert services.request_run(plan=plan, asked_by="x") == plan.runs.get()


def test_two_workers_never_advance_one_run(project, storage):
    connect(project, storage)
    assert runner.claim() is not None
    assert runner.claim() is None


def test_the_timetable_begins_runs_that_are_due_once(project, storage, bucket):
    plan = connect(project, storage)
    run_through(plan)
    plan.next_run_at = timezone.now() - timedelta(minutes=1)
    plan.save()
    assert runner.start_due() == 1
    assert runner.start_due() == 0
    plan.refresh_from_db()
    assert plan.next_run_at > timezone.now()


def test_no_run_of_a_removed_project_begins_until_it_is_brought_back(project, storage, bucket):
    run_through(connect(project, storage))
    BackupPlan.objects.update(next_run_at=timezone.now() - timedelta(minutes=1))
    lifecycle.remove(project=project, actor="a test")
    assert runner.start_due() == 0
    lifecycle.bring_back(project=project, actor="a test")
    assert runner.start_due() == 1


class TestF26:
    """F26: however the timetable stumbles, a period has one run, and no backup stops for ever."""

    def test_after_hours_without_a_beat_one_run_catches_up(self, project, storage, bucket):
        plan = connect(project, storage)
        run_through(plan)
        BackupPlan.objects.update(next_run_at=timezone.now() - timedelta(hours=9))
        assert [runner.start_due() for _ in range(3)] == [1, 0, 0]
        assert plan.runs.count() == 2

    def test_two_beats_begin_one_run(self, project, storage, bucket):
        plan = connect(project, storage)
        run_through(plan)
        BackupPlan.objects.update(next_run_at=timezone.now() - timedelta(minutes=1))
        late = BackupPlan.objects.get()  # the second beat has read the same row
        assert runner.start_due() == 1
        assert runner.runs.begin(late, asked_by="schedule") is None
        assert plan.runs.count() == 2

    @pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=400)])
    def test_a_clock_that_was_ahead_costs_no_period(self, project, storage, bucket, jump):
        plan = connect(project, storage)
        run_through(plan)
        BackupPlan.objects.update(next_run_at=timezone.now() + jump)
        assert runner.start_due() == 0
        plan.refresh_from_db()
        assert plan.next_run_at <= timezone.now() + timedelta(hours=3)

    def test_a_plan_without_a_time_gets_a_run(self, project, storage, bucket):
        plan = connect(project, storage)
        run_through(plan)
        BackupPlan.objects.update(next_run_at=None)
        assert runner.start_due() == 1
        plan.refresh_from_db()
        assert plan.next_run_at


class TestConnect:
    def test_refuses_a_second_bucket(self, project, storage):
        connect(project, storage)
        with pytest.raises(AlreadyConnected):
            connect(project, make_custom_storage(project))

    def test_refuses_a_draft_and_a_storage_of_others(self, project, storage):
        with pytest.raises(StorageNotReady):
            connect(project, make_custom_storage(make_project()))
        with pytest.raises(StorageNotReady):
            connect(project, make_custom_storage(project, connected_at=None))

    def test_refuses_a_schedule_that_is_none(self, project, storage):
        with pytest.raises(BackupRefused, match="is no schedule"):
            services.connect(project=project, custom_storage=storage, actor="x", cron="often")

    def test_after_turning_off_uses_the_plan_again(self, project, storage):
        plan = connect(project, storage)
        services.turn_off(plan=plan, actor="a test")
        plan.refresh_from_db()
        assert (plan.is_on, plan.next_run_at) == (False, None)
        assert plan.runs.get().state == BackupRun.State.CANCELLED
        assert connect(project, storage).pk == plan.pk


class TestVerdict:
    def test_is_backed_up_only_with_proof_for_every_file(self, project, storage, bucket):
        make_file(project)
        plan = connect(project, storage)
        assert services.verdict(plan).state == "running"
        run_through(plan)
        verdict = services.verdict(plan)
        assert verdict.state == "backed_up"
        assert verdict.sentence.startswith("Backed up. The 1 stored file is in bucket as of ")

    def test_turns_to_gaps_when_the_ledger_loses_its_proof(self, project, storage, bucket):
        make_file(project)
        plan = connect(project, storage)
        run_through(plan)
        CopyJob.objects.update(state=State.FAILED, reason="internal")
        assert services.verdict(plan).state == "gaps"

    def test_turns_to_gaps_when_a_run_finds_even_a_new_file_lost(self, project, storage, bucket):
        make_file(project, stored_at=timezone.now())
        plan = connect(project, storage)
        run_through(plan)
        bucket.inner.objects.clear()
        services.request_run(plan=plan, asked_by="a test")
        assert run_through(plan).state == BackupRun.State.GAPS
        verdict = services.verdict(plan)
        assert verdict.state == "gaps"
        assert "on its way" not in verdict.sentence
        assert "1 file is missing" in verdict.sentence

    def test_a_file_stored_after_the_last_run_is_on_its_way(self, project, storage, bucket):
        make_file(project)
        plan = connect(project, storage)
        run_through(plan)
        make_file(project, stored_at=timezone.now())
        verdict = services.verdict(plan)
        assert verdict.state == "backed_up"
        assert verdict.sentence.endswith("1 new file is on its way.")

    def test_says_not_backed_up_with_the_reason_when_the_first_run_has_gaps(
        self, project, storage, bucket
    ):
        make_file(project)
        bucket.fail("put", KeyInvalid())
        plan = connect(project, storage)
        run_through(plan)
        plan.refresh_from_db()
        verdict = services.verdict(plan)
        assert verdict.state == "not_backed_up"
        assert "key_invalid" in verdict.sentence

    def test_of_a_disconnected_storage_is_not_backed_up(self, project, storage, bucket):
        make_file(project)
        plan = connect(project, storage)
        run_through(plan)
        custom_storages.disconnect(custom_storage=storage, actor="a test")
        plan.custom_storage.refresh_from_db()
        assert services.verdict(plan).state == "not_backed_up"


def test_a_finished_run_is_told_in_the_activity(project, storage, bucket):
    run_through(connect(project, storage))
    assert Event.objects.filter(kind="backup.finished").count() == 1


def test_schedules_are_told_in_words_and_moments():
    assert planner.in_words("0 */3 * * *") == "Every 3 hours"
    after = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
    assert [run.hour for run in planner.next_runs("0 */3 * * *", after=after, count=3)] == [3, 6, 9]
