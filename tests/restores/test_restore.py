"""The way back: what a backup holds becomes files again, and nothing else does."""

import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from storages_app.copying import runner as copying
from storages_app.library import services as library
from storages_app.models import CopyJob, Event, File, RestoreItem, RestoreRun, WebhookDelivery
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now
from storages_app.restores import runner, services, tasks, verdicts
from storages_app.restores.errors import (
    FilterInvalid,
    ManifestUnknown,
    NothingArchived,
    NotWaiting,
    ReplacingUnconfirmed,
    SourceUnusable,
)
from tests.factories import (
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
    make_webhook,
)

pytestmark = pytest.mark.django_db
RunState, Plan = RestoreRun.State, RestoreItem.Plan

TOLD = (
    *("uuid", "original_filename", "size", "sha256", "md5", "mime_type", "detected_type"),
    *("is_image", "content_info", "metadata", "appdata", "uploaded_at", "stored_at"),
)


def facts(project):
    """All that a restore has to bring back of each file."""
    return {row["uuid"]: row for row in File.objects.filter(project=project).values(*TOLD)}


def forget_everything():
    """As if the database and the disk were lost, and the bucket alone is left."""
    RestoreItem.objects.all().delete()
    CopyJob.objects.all().delete()
    for file in File.objects.all():
        storages["uploads"].delete(file.blob_name)
    File.objects.all().delete()


def bytes_of(file):
    with file.open_bytes() as original:
        return original.read()


def ask(project, storage, key, **options):
    run = services.request(
        project=project, custom_storage=storage, manifest_key=key, asked_by="a test", **options
    )
    return settle(run)


def settle(run):
    """Let workers do all that they may."""
    for _ in range(20):
        RestoreRun.objects.filter(finished_at=None).update(lease_until=None)
        tasks.drain()
        run.refresh_from_db()
        if run.is_over or run.state == RunState.COUNTED:
            break
    return run


def restore(project, storage, key, **options):
    run = ask(project, storage, key, **options)
    if run.state == RunState.COUNTED:
        services.start(run=run, actor="a test", typed_name=project.name)
    return settle(run)


@pytest.fixture
def files(project):
    return [
        make_file(
            project,
            bytes([n]) * (n * 1000),
            name=name,
            metadata={"colour": f"n° {n}"},
            appdata={"scan": {"version": "1", "data": {"n": n}}},
            content_info={"mime": {"mime": "text/plain", "type": "text", "subtype": "plain"}},
            detected_type="application/octet-stream",
        )
        for n, name in enumerate(["empty.bin", "näïve 🐘.bin", "a b%20c.bin", ".hidden"])
    ]


class TestWebhooks:
    @pytest.fixture(autouse=True)
    def _listening(self, project):
        for event in ("file.uploaded", "file.stored", "file.deleted"):
            make_webhook(project, event)

    def told(self):
        rows = WebhookDelivery.objects.order_by("created_at", "event")
        return sorted((row.event, json.loads(row.body)["data"]["uuid"]) for row in rows)

    def test_are_told_of_a_file_that_is_new_here(self, project, storage, files, back_up):
        key = back_up().manifest_key
        forget_everything()
        restore(project, storage, key)
        both = ("file.stored", "file.uploaded")
        assert self.told() == sorted((event, str(file.pk)) for event in both for file in files)

    def test_are_told_that_a_removed_file_is_kept_again(self, project, storage, files, back_up):
        key, gone = back_up().manifest_key, files[1]
        library.delete(file=gone, actor="a test")
        restore(project, storage, key)
        assert self.told() == [("file.deleted", str(gone.pk)), ("file.stored", str(gone.pk))]

    def test_hear_nothing_of_a_file_that_was_here_nor_of_a_drill(
        self, project, storage, files, back_up
    ):
        key = back_up().manifest_key
        storages["uploads"].delete(files[1].blob_name)
        assert restore(project, storage, key).n_done == 1
        restore(project, storage, key, is_drill=True)
        assert self.told() == []


class TestAfterALoss:
    def test_every_file_is_back_with_all_that_it_was(self, project, storage, files, back_up):
        key, before = back_up().manifest_key, facts(project)
        contents = {file.pk: bytes_of(file) for file in files}
        forget_everything()
        run = restore(project, storage, key)
        assert (run.state, run.n_files, run.n_done) == (RunState.DONE, 4, 4), run.reason
        assert facts(project) == before
        for file in File.objects.all():
            assert bytes_of(file) == contents[file.pk]
        assert verdicts.sentence(run) == "4 files restored, all match."

    def test_a_dry_run_writes_nothing_and_waits(self, project, storage, files, back_up):
        key = back_up().manifest_key
        forget_everything()
        run = ask(project, storage, key)
        assert run.state == RunState.COUNTED
        assert run.plan_counts == {"restore": [4, 6000]}
        assert not File.objects.exists()
        settle(run)
        assert run.state == RunState.COUNTED

    def test_what_is_there_and_the_same_is_left_alone(
        self, project, storage, files, back_up, bucket
    ):
        key = back_up().manifest_key
        names = set(File.objects.values_list("blob_name", flat=True))
        run = restore(project, storage, key)
        assert (run.state, run.n_done) == (RunState.DONE, 0)
        assert run.plan_counts == {"same": [4, 6000]}
        assert set(File.objects.values_list("blob_name", flat=True)) == names
        assert verdicts.sentence(run) == (
            "Nothing to restore: 4 files are here already, and the same. "
            "What was deleted before this backup was made is in an earlier one."
        )

    def test_a_removed_file_comes_back_under_its_uuid(self, project, storage, files, back_up):
        key, before = back_up().manifest_key, facts(project)
        library.delete(file=files[1], actor="somebody")
        run = restore(project, storage, key)
        assert run.plan_counts["revive"][0] == 1
        assert (run.state, run.n_done) == (RunState.DONE, 1)
        assert facts(project) == before
        file = File.objects.get(pk=files[1].pk)
        assert (file.is_removed, bytes_of(file)) == (False, b"\x01" * 1000)

    @pytest.mark.parametrize("harm", ["lost", "rotten"])
    def test_lost_or_damaged_bytes_are_healed(self, project, storage, files, back_up, harm):
        key = back_up().manifest_key
        storages["uploads"].delete(files[2].blob_name)
        if harm == "rotten":
            storages["uploads"].save(files[2].blob_name, BytesIO(b"\x07" * 2000))
        run = restore(project, storage, key)
        assert run.plan_counts["heal"][0] == 1
        assert run.state == RunState.DONE
        assert bytes_of(File.objects.get(pk=files[2].pk)) == b"\x02" * 2000

    def test_a_second_restore_finds_nothing_to_do(self, project, storage, files, back_up):
        key = back_up().manifest_key
        forget_everything()
        restore(project, storage, key)
        again = restore(project, storage, key)
        assert (again.state, again.n_done, again.plan_counts["same"][0]) == (RunState.DONE, 0, 4)

    def test_it_is_in_the_activity(self, project, storage, files, back_up):
        restore(project, storage, back_up().manifest_key)
        kinds = set(Event.objects.filter(project=project).values_list("kind", flat=True))
        assert {"restore.requested", "restore.finished"} <= kinds


class TestTheLedgerAfterwards:
    def test_the_copy_in_the_backup_is_done_by_what_was_read(
        self, project, storage, files, back_up, bucket
    ):
        key = back_up().manifest_key
        forget_everything()
        bucket.calls.clear()
        run = restore(project, storage, key)
        jobs = list(CopyJob.objects.filter(custom_storage=storage))
        assert len(jobs) == 4
        for job in jobs:
            assert (job.state, job.is_backup, job.evidence) == (State.DONE, True, "read_back")
            assert (job.sha256, job.size) == (job.file.sha256, job.file.size)
            assert job.evidence_checksum == f"sha256:{job.sha256}"
            assert job.asked_by == f"restore {run.pk}"
        copying.drain()
        assert "put" not in bucket.calls

    def test_the_next_backup_writes_records_and_no_bytes(
        self, project, storage, files, back_up, bucket
    ):
        key = back_up().manifest_key
        forget_everything()
        restore(project, storage, key)
        before = {name: found.info for name, found in bucket.inner.objects.items()}
        following = back_up()
        assert (following.state, following.n_files, following.n_gaps) == ("done", 4, 0)
        after = {name: found.info for name, found in bucket.inner.objects.items()}
        assert all(after[name] == info for name, info in before.items())
        assert all(".ucdash-backup/" in name for name in after.keys() - before.keys())

    def test_a_draft_vouches_for_nothing(self, storage, files, back_up, bucket):
        key = back_up().manifest_key
        other = make_project("Empty")
        draft = make_custom_storage(other, prefix="b/", connected_at=None)
        forget_everything()
        run = restore(other, draft, key)
        assert (run.state, run.n_done) == (RunState.DONE, 4)
        assert not CopyJob.objects.exists()

    def test_auto_copy_takes_restored_files_as_new_ones(self, project, storage, files, back_up):
        key = back_up().manifest_key
        forget_everything()
        copies = make_custom_storage(project, name="copies", auto_copy=True)
        restore(project, storage, key)
        assert CopyJob.objects.filter(custom_storage=copies).count() == 4


class TestIntoAnotherProject:
    def test_taken_uuids_are_left_and_told(self, storage, files, back_up):
        key = back_up().manifest_key
        other = make_project("Elsewhere")
        run = restore(other, storage, key)
        assert run.plan_counts == {"taken": [4, 6000]}
        assert (run.state, run.n_skipped) == (RunState.FAILED, 4)
        assert not File.objects.filter(project=other).exists()

    def test_files_of_another_project_are_never_replaced(self, project, storage, files, back_up):
        key, before = back_up().manifest_key, facts(project)
        other = make_project("Elsewhere")
        run = restore(other, storage, key, on_taken="replace")
        assert run.state == RunState.FAILED
        assert set(run.items.values_list("reason", flat=True)) == {"uuid_of_other_project"}
        assert facts(project) == before

    def test_a_new_uuid_brings_a_second_file(self, project, storage, files, back_up):
        key, before = back_up().manifest_key, facts(project)
        other = make_project("Elsewhere")
        run = restore(other, storage, key, on_taken="new_uuid")
        assert (run.state, run.n_done) == (RunState.DONE, 4)
        assert facts(project) == before
        twins = File.objects.filter(project=other)
        assert {file.sha256 for file in twins} == {file.sha256 for file in files}
        assert not set(before) & {file.pk for file in twins}
        assert not CopyJob.objects.filter(file__in=twins, custom_storage=storage).exists()

    def test_times_of_uploads_stay_unique(self, storage, files, back_up):
        key = back_up().manifest_key
        other = make_project("Elsewhere")
        moment = files[0].uploaded_at
        make_file(other, uploaded_at=moment)
        run = restore(other, storage, key, on_taken="new_uuid")
        assert run.state == RunState.DONE
        moved = File.objects.get(project=other, original_filename="empty.bin")
        assert moved.uploaded_at == moment + timedelta(microseconds=1)

    def test_many_files_of_one_moment_cost_a_few_questions_each(self, storage, files, back_up):
        """One by one, the thousandth would ask a thousand times."""
        key = back_up().manifest_key
        other = make_project("Elsewhere")
        moment = files[0].uploaded_at
        first = make_file(other, uploaded_at=moment)
        n_taken = 300
        File.objects.bulk_create(
            File(
                project=other,
                original_filename="x",
                blob_name=f"{n}",
                size=first.size,
                sha256=first.sha256,
                md5=first.md5,
                uploaded_at=moment + timedelta(microseconds=n),
            )
            for n in range(1, n_taken)
        )
        with CaptureQueriesContext(connection) as asked:
            run = restore(other, storage, key, on_taken="new_uuid")
        assert run.state == RunState.DONE
        looks = [query for query in asked.captured_queries if '"uploaded_at" =' in query["sql"]]
        assert 0 < len(looks) < n_taken / 4
        moved = File.objects.get(project=other, original_filename="empty.bin")
        assert n_taken <= (moved.uploaded_at - moment) / timedelta(microseconds=1) <= 16**6


class TestReplacing:
    @pytest.fixture
    def changed(self, project, storage, files, back_up):
        """The UUID of one file has other bytes now; the key of the manifest."""
        key = back_up().manifest_key
        other = make_file(project, b"quite another", name="other.txt")
        File.objects.filter(pk=files[1].pk).update(
            blob_name=other.blob_name, size=other.size, sha256=other.sha256, md5=other.md5
        )
        File.objects.filter(pk=other.pk).update(blob_name="00/nothing")
        return key

    def test_the_file_that_is_there_stays_by_default(self, project, storage, files, changed):
        run = restore(project, storage, changed)
        assert (run.state, run.n_skipped) == (RunState.GAPS, 1)
        assert bytes_of(File.objects.get(pk=files[1].pk)) == b"quite another"

    def test_it_asks_for_the_name_of_the_project(self, project, storage, changed):
        run = ask(project, storage, changed, on_taken="replace")
        assert services.n_replaced(run) == 1
        for typed in ("", "shop", "Shop!"):
            with pytest.raises(ReplacingUnconfirmed):
                services.start(run=run, actor="a test", typed_name=typed)
        run.refresh_from_db()
        assert run.state == RunState.COUNTED

    def test_once_told_so_it_replaces(self, project, storage, files, changed):
        run = restore(project, storage, changed, on_taken="replace")
        assert (run.state, run.n_done) == (RunState.DONE, 1)
        file = File.objects.get(pk=files[1].pk)
        assert (bytes_of(file), file.original_filename) == (b"\x01" * 1000, "näïve 🐘.bin")

    @pytest.mark.parametrize(("on_taken", "is_held"), [("replace", False), ("skip", True)])
    def test_a_copy_that_has_the_old_bytes_in_its_hands_proves_nothing(
        self, project, storage, files, changed, on_taken, is_held
    ):
        elsewhere = make_custom_storage(project, name="elsewhere")
        file = File.objects.get(pk=files[1].pk)
        make_copy_job(file, elsewhere, state=State.PENDING, run_after=db_now())
        going = CopyJob.objects.filter(custom_storage=elsewhere)
        (job,) = going.claim(limit=1, worker="w", lease=timedelta(minutes=1))
        restore(project, storage, changed, on_taken=on_taken)
        assert CopyJob.objects.held(pk=job.pk, fence=job.fence).exists() == is_held

    def test_what_nobody_was_shown_is_not_replaced(
        self, project, storage, files, back_up, django_capture_on_commit_callbacks
    ):
        """Somebody took the UUID between the dry run and the restore."""
        key = back_up().manifest_key
        forget_everything()
        run = ask(project, storage, key, on_taken="replace")
        squatter = make_file(project, b"was quicker", uuid=files[1].pk)
        services.start(run=run, actor="a test", typed_name=project.name)
        settle(run)
        assert (run.state, run.n_done, run.n_skipped) == (RunState.GAPS, 3, 1)
        squatter.refresh_from_db()
        assert bytes_of(squatter) == b"was quicker"


class TestChoosing:
    @pytest.mark.parametrize(
        ("only", "names"),
        [
            ({"name": "NÄÏVE"}, {"näïve 🐘.bin"}),
            ({"name": ".bin"}, {"empty.bin", "näïve 🐘.bin", "a b%20c.bin"}),
            ({"after": "2030-01-01"}, set()),
            ({"before": "2025-12-31"}, set()),
            ({}, {"empty.bin", "näïve 🐘.bin", "a b%20c.bin", ".hidden"}),
        ],
    )
    def test_only_the_files_of_a_filter(self, project, storage, files, back_up, only, names):
        key = back_up().manifest_key
        forget_everything()
        restore(project, storage, key, only=only)
        assert set(File.objects.values_list("original_filename", flat=True)) == names

    @pytest.mark.parametrize(("is_drill", "verb"), [(False, "restore"), (True, "read")])
    def test_a_filter_that_fits_nothing_says_so(
        self, project, storage, files, back_up, is_drill, verb
    ):
        """A drill that read nothing has not passed anything."""
        run = restore(
            project, storage, back_up().manifest_key, only={"name": "z"}, is_drill=is_drill
        )
        assert verdicts.sentence(run) == (
            f"Nothing to {verb}: this backup has no such file. "
            "What was deleted before this backup was made is in an earlier one."
        )

    def test_one_file_by_its_uuid(self, project, storage, files, back_up):
        key = back_up().manifest_key
        forget_everything()
        run = restore(project, storage, key, only={"uuids": [str(files[2].pk)]})
        assert (run.what, run.n_done) == ("selection", 1)
        assert File.objects.get().pk == files[2].pk

    @pytest.mark.parametrize(
        "only",
        [
            {"uuids": ["not one"]},
            {"uuids": "x"},
            {"name": 7},
            {"name": "\0"},
            {"name": "\ud800"},
            {"after": "yesterday"},
            {"before": "9999-12-31"},
            {"colour": "red"},
        ],
    )
    def test_a_choice_that_makes_no_sense_is_refused(self, project, storage, only):
        with pytest.raises(FilterInvalid):
            ask(project, storage, "b/m.jsonl", only=only)
        assert not RestoreRun.objects.exists()


class TestRefusals:
    @pytest.mark.parametrize("key", ["elsewhere/m.jsonl", "b/\0", "b/" + "x" * 1030, "b/\ud800"])
    def test_a_manifest_outside_of_the_prefix(self, project, storage, key):
        with pytest.raises(ManifestUnknown):
            ask(project, storage, key)

    def test_a_storage_without_credentials(self, project):
        keyless = make_custom_storage(project)
        keyless.seal_secret("")
        keyless.save()
        with pytest.raises(SourceUnusable):
            ask(project, keyless, "m.jsonl")

    def test_a_disconnected_storage(self, project, storage):
        storage.removed_at = datetime.now(UTC)
        storage.save()
        with pytest.raises(SourceUnusable):
            services.manifests_in(custom_storage=storage)

    def test_starting_what_has_ended(self, project, storage, files, back_up):
        run = restore(project, storage, back_up().manifest_key)
        with pytest.raises(NotWaiting):
            services.start(run=run, actor="a test")

    def test_thawing_what_is_warm(self, project, storage, files, back_up):
        key = back_up().manifest_key
        forget_everything()
        with pytest.raises(NothingArchived):
            services.start_thaw(run=ask(project, storage, key), actor="a test")


class TestCancelling:
    def test_nothing_follows(self, project, storage, files, back_up):
        key = back_up().manifest_key
        forget_everything()
        run = ask(project, storage, key)
        services.cancel(run=run, actor="anna")
        assert settle(run).state == RunState.CANCELLED
        assert not File.objects.exists()
        assert verdicts.sentence(run).startswith("Cancelled by anna after 0 files.")

    def test_one_that_has_ended_stays_as_it_ended(self, project, storage, files, back_up):
        run = restore(project, storage, back_up().manifest_key)
        assert services.cancel(run=run, actor="anna").state == RunState.DONE


def test_the_newest_manifest_is_offered_first(project, storage, files, back_up):
    first, second = back_up(), back_up()
    offered = services.manifests_in(custom_storage=storage)
    assert [one.info.key for one in offered] == [second.manifest_key, first.manifest_key]
    assert [one.run for one in offered] == [second, first]


def test_lists_of_files_are_forgotten_after_a_month(project, storage, files, back_up):
    run = restore(project, storage, back_up().manifest_key)
    assert runner.forget_items(now=run.finished_at + timedelta(days=29)) == 0
    assert runner.forget_items(now=run.finished_at + timedelta(days=31)) == 4
    assert not run.items.exists()


def test_uuids_are_those_of_the_manifest(project, storage, files, back_up):
    key = back_up().manifest_key
    forget_everything()
    run = restore(project, storage, key)
    assert set(run.items.values_list("uuid", flat=True)) == {file.pk for file in files}
    assert all(isinstance(one, uuid.UUID) for one in run.items.values_list("uuid", flat=True))
    digest = hashlib.sha256(b"\x01" * 1000).hexdigest()
    assert File.objects.get(pk=files[1].pk).sha256 == digest
