"""Each invariant is broken on purpose, and the doctor has to name what is broken."""

import json
from datetime import timedelta
from io import BytesIO, StringIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from storages_app.models import CopyJob, Event, File, Tally, WorkerHeartbeat, counting
from storages_app.objectstores.base import PutOptions
from storages_app.objectstores.errors import AccessDenied
from storages_app.oversight.invariants import Unknown, check, examine
from tests.factories import (
    make_backup_plan,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_group,
    make_project,
    make_secret_key,
    make_webhook,
    make_webhook_delivery,
)

pytestmark = pytest.mark.django_db
PROOF = {"evidence": "checksum", "evidence_checksum": "sha256:ab", "etag": "ab"}
CONTENT = b"some bytes"


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def custom_storage(project):
    return make_custom_storage(project, prefix="in/", last_served_at=timezone.now())


@pytest.fixture
def file(project):
    return make_file(project, CONTENT)


@pytest.fixture
def copy(file, custom_storage, bucket):
    """A proved copy that is in the bucket."""
    job = make_copy_job(file, custom_storage, **PROOF)
    write(bucket, job.key, CONTENT, file.sha256)
    return job


@pytest.fixture
def a_worker():
    return WorkerHeartbeat.objects.create(name="worker", seen_at=timezone.now())


def write(bucket, key, content, sha256):
    bucket.put(key, BytesIO(content), size=len(content), sha256=sha256, options=PutOptions())


def open_upload(bucket, key, *, hours_ago=2.0):
    upload_id = bucket.start_multipart(key, PutOptions())
    upload = bucket.inner.bucket.uploads[upload_id]
    upload.started_at -= timedelta(hours=hours_ago)
    return upload_id


def an_hour_ago():
    return timezone.now() - timedelta(hours=1)


def found(**options):
    return [(violation.code, violation.subject) for violation in check(**options)]


class TestAHealthyInstallation:
    def test_has_no_violation_however_deep_one_looks(self, copy, project, a_worker):
        make_secret_key(project)
        assert list(examine(deep=True)) == []


class TestI1OriginalsAreDurable:
    def test_names_a_file_whose_bytes_are_gone(self, file):
        storages["uploads"].delete(file.blob_name)
        assert found() == [("I1", f"file {file.pk}")]

    def test_names_a_file_that_was_cut(self, file):
        storages["uploads"].delete(file.blob_name)
        storages["uploads"].save(file.blob_name, ContentFile(CONTENT[:-1]))
        assert found() == [("I1", f"file {file.pk}")]

    def test_a_changed_byte_is_seen_by_a_deep_look_only(self, file):
        storages["uploads"].delete(file.blob_name)
        storages["uploads"].save(file.blob_name, ContentFile(b"SOME BYTES"))
        assert found() == []
        assert found(deep=True) == [("I1", f"file {file.pk}")]

    def test_says_nothing_of_removed_files(self, file):
        storages["uploads"].delete(file.blob_name)
        File.objects.filter(pk=file.pk).update(removed_at=timezone.now(), stored_at=None)
        assert found() == []


class TestI2EveryFileHasItsCopies:
    def test_names_a_file_that_auto_copy_never_ordered(self, project, file, custom_storage):
        custom_storage.auto_copy = True
        custom_storage.auto_copy_since = file.uploaded_at
        custom_storage.save()
        assert found() == [("I2", f"file {file.pk}")]

    def test_a_copy_that_failed_was_ordered(self, file, custom_storage):
        custom_storage.auto_copy = True
        custom_storage.auto_copy_since = file.uploaded_at
        custom_storage.save()
        job = make_copy_job(file, custom_storage, state="failed", reason="key_invalid")
        Event.objects.record("copy.failed", actor="x", subject="x", subject_id=job.pk)
        assert found() == []

    def test_files_from_before_auto_copy_are_not_wanted(self, file, custom_storage):
        custom_storage.auto_copy = True
        custom_storage.auto_copy_since = file.uploaded_at + timedelta(seconds=1)
        custom_storage.save()
        assert found() == []

    def test_a_file_that_the_rule_leaves_out_is_not_wanted(self, file, custom_storage):
        custom_storage.auto_copy = True
        custom_storage.auto_copy_since = file.uploaded_at
        custom_storage.auto_copy_rule = {"types": ["image/*"]}
        custom_storage.save()
        assert found() == []

    def test_names_an_image_without_a_rendition_of_the_rule(self, project, custom_storage):
        image = make_file(project, detected_type="image/png")
        custom_storage.auto_copy = True
        custom_storage.auto_copy_since = image.uploaded_at
        custom_storage.auto_copy_rule = {"renditions": ["-/resize/200x/"]}
        custom_storage.save()
        make_copy_job(image, custom_storage, **PROOF)
        assert found() == [("I2", f"file {image.pk}")]

    def test_a_rule_on_store_wants_stored_files_only(self, project, file, custom_storage):
        custom_storage.auto_copy = True
        custom_storage.auto_copy_since = file.uploaded_at
        custom_storage.auto_copy_rule = {"when": "store"}
        custom_storage.save()
        make_file(project, stored_at=None)
        assert found() == [("I2", f"file {file.pk}")]

    def test_names_a_stored_file_that_a_backup_run_passed_over(self, file, custom_storage):
        plan = make_backup_plan(custom_storage)
        plan.runs.create(asked_by="x", has_ordered_all=True, snapshot_at=timezone.now())
        assert found() == [("I2", f"file {file.pk}")]

    def test_waits_for_the_first_run_of_a_backup(self, file, custom_storage):
        make_backup_plan(custom_storage).runs.create(asked_by="x", snapshot_at=timezone.now())
        assert found() == []


class TestI3TheRightBytesAreInTheBucket:
    def test_names_a_copy_that_is_gone(self, copy, bucket):
        bucket.delete(copy.key)
        assert found() == []
        assert found(deep=True) == [("I3", f"copy {copy.pk}, key {copy.key}")]

    def test_names_a_copy_with_other_bytes_of_the_same_size(self, copy, bucket):
        other = b"SOME BYTES"
        stored = bucket.inner.objects[copy.key]
        bucket.inner.objects[copy.key] = type(stored)(stored.info, other)
        assert found(deep=True) == [("I3", f"copy {copy.pk}, key {copy.key}")]

    def test_what_may_not_be_read_is_unknown_and_no_violation(self, copy, bucket):
        bucket.fail("get", AccessDenied())
        remarks = list(examine(deep=True))
        assert [type(remark) for remark in remarks] == [Unknown]
        assert f"copy {copy.pk}" in remarks[0].subject

    def test_names_a_key_that_two_copies_with_different_bytes_claim(self, copy, custom_storage):
        other = make_file(copy.project, b"something else")
        make_copy_job(other, custom_storage, key=copy.key, **PROOF)
        assert found() == [("I3", f"key {copy.key} of storage {custom_storage.pk}")]


class TestI4DoneHasEvidence:
    @pytest.mark.parametrize("lost", [{"evidence_checksum": ""}, {"verified_at": None}])
    def test_names_a_copy_whose_evidence_is_not_whole(self, copy, lost):
        CopyJob.objects.filter(pk=copy.pk).update(**lost)
        assert found() == [("I4", f"copy {copy.pk}")]

    def test_names_a_copy_whose_evidence_is_of_other_bytes(self, copy):
        CopyJob.objects.filter(pk=copy.pk).update(sha256="0" * 64)
        assert found() == [("I4", f"copy {copy.pk}")]


class TestI5NoOrphanedUploads:
    @pytest.fixture(autouse=True)
    def _ended_lately(self, copy):
        CopyJob.objects.filter(pk=copy.pk).update(finished_at=timezone.now())

    def test_names_an_upload_of_ours_that_no_copy_goes_on_with(self, copy, bucket, custom_storage):
        open_upload(bucket, copy.key)
        [violation] = check(deep=True)
        assert (violation.code, copy.key in violation.subject) == ("I5", True)

    def test_an_upload_within_the_grace_time_may_be_at_work(self, copy, bucket):
        open_upload(bucket, copy.key, hours_ago=0.01)
        assert found(deep=True) == []
        assert [code for code, _ in found(deep=True, grace=timedelta(0))] == ["I5"]

    def test_an_upload_that_a_waiting_copy_owns_is_no_orphan(self, copy, bucket, a_worker):
        upload_id = open_upload(bucket, copy.key)
        CopyJob.objects.filter(pk=copy.pk).update(
            state="retry_wait", run_after=timezone.now(), upload_id=upload_id
        )
        assert found(deep=True) == []

    def test_an_upload_of_a_copy_under_way_is_no_orphan_before_its_id_is_noted(self, copy, bucket):
        open_upload(bucket, copy.key)
        CopyJob.objects.filter(pk=copy.pk).update(state="leased", lease_until=timezone.now())
        assert found(deep=True) == []

    def test_what_the_ledger_does_not_know_is_somebody_elses(self, copy, bucket):
        open_upload(bucket, "in/of another program")
        assert found(deep=True) == []


class TestI6EveryFailureIsVisible:
    def test_names_a_failure_that_the_activity_does_not_tell(self, file, custom_storage):
        job = make_copy_job(file, custom_storage, state="failed", reason="key_invalid")
        assert found() == [("I6", f"copy {job.pk}")]

    def test_is_content_once_it_is_told(self, file, custom_storage):
        job = make_copy_job(file, custom_storage, state="failed", reason="key_invalid")
        Event.objects.record("copy.failed", actor="x", subject="x", subject_id=job.pk)
        assert found() == []


class TestI7WhatWaitsMoves:
    def test_names_a_storage_whose_due_copies_no_worker_claims(
        self, file, custom_storage, a_worker
    ):
        custom_storage.last_served_at = timezone.now() - timedelta(hours=1)
        custom_storage.save()
        make_copy_job(file, custom_storage, state="pending")
        assert found() == [("I7", f"storage {custom_storage.pk}")]

    def test_a_long_queue_of_a_storage_that_is_served_is_no_fault(
        self, file, custom_storage, a_worker
    ):
        make_copy_job(file, custom_storage, state="pending")
        assert found() == []

    def test_copies_of_a_paused_storage_may_wait(self, file, custom_storage, a_worker):
        custom_storage.last_served_at, custom_storage.paused_at = None, timezone.now()
        custom_storage.save()
        make_copy_job(file, custom_storage, state="blocked")
        assert found() == []

    def test_names_leases_that_nobody_takes_over(self, file, custom_storage, a_worker):
        make_copy_job(file, custom_storage, state="leased")
        assert found() == [("I7", "workers")]

    def test_without_a_worker_nobody_can_tell(self, file, custom_storage):
        make_copy_job(file, custom_storage, state="leased")
        assert [type(remark) for remark in examine()] == [Unknown]


class TestI8EveryEventIsTold:
    @pytest.fixture
    def webhook(self, project):
        return make_webhook(project)

    def test_names_a_delivery_that_nobody_took(self, webhook):
        make_webhook_delivery(webhook, state="delivered", status=200)
        assert found() == []
        untaken = make_webhook_delivery(webhook, state="delivered", status=500)
        silent = make_webhook_delivery(webhook, state="delivered")
        assert set(found()) == {("I8", f"webhook delivery {one.pk}") for one in (untaken, silent)}

    def test_names_a_delivery_given_up_without_a_word(self, webhook):
        make_webhook_delivery(webhook, state="dead", error="Nothing listens there.")
        make_webhook_delivery(webhook, state="dead", status=503)
        assert found() == []
        mute = make_webhook_delivery(webhook, state="dead")
        assert found() == [("I8", f"webhook delivery {mute.pk}")]

    def test_names_leases_that_nobody_takes_over(self, webhook, a_worker):
        make_webhook_delivery(webhook, state="leased", lease_until=an_hour_ago())
        assert found() == [("I8", "workers")]

    def test_names_what_is_due_while_nothing_is_sent(self, webhook, a_worker):
        make_webhook_delivery(webhook, run_after=an_hour_ago())
        assert found() == [("I8", "workers")]
        make_webhook_delivery(
            webhook, state="leased", lease_until=timezone.now() + timedelta(minutes=1)
        )
        assert found() == []

    def test_without_a_worker_nobody_can_tell(self, webhook):
        make_webhook_delivery(webhook, run_after=an_hour_ago())
        assert [type(remark) for remark in examine()] == [Unknown]


class TestI10Secrets:
    def test_names_a_secret_that_is_not_sealed(self, custom_storage):
        type(custom_storage).objects.update(sealed_secret="wJalrXUtnFEMI-in-the-open")
        assert found() == [("I10", f"custom storage {custom_storage.pk}")]

    def test_names_a_row_in_which_a_secret_stands_without_repeating_it(self, project):
        make_secret_key(project, "a secret of the tests")
        told = Event.objects.record(
            "x.done", actor="x", subject="x", data={"said": "key: a secret of the tests"}
        )
        assert found() == []
        [violation] = check(deep=True)
        assert (violation.code, violation.subject) == ("I10", f"event {told.pk}")
        assert "a secret of the tests" not in str(violation)


class TestI11Totals:
    @pytest.mark.parametrize("name", ["n_stored", "n_unstored", "n_removed", "n_groups", "n_bytes"])
    def test_names_the_project_whose_total_is_wrong_until_it_is_counted(self, file, name):
        project, other = file.project, make_project()
        make_group(project, make_file(project, stored_at=None))
        make_group(other, make_file(other))
        assert found() == []
        Tally.objects.create(project=project, **{name: 1})
        assert found() == [("I11", f"project {project.pk}")]
        call_command("recount")
        assert found() == []

    def test_sees_files_that_no_trigger_has_counted(self, project):
        counting.remove_triggers(connection)
        make_file(project)
        assert set(found()) == {("I11", f"project {project.pk}")}


class TestTheCommand:
    def test_exits_with_1_and_says_what_is_wrong_and_what_to_do(self, file):
        storages["uploads"].delete(file.blob_name)
        out = StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("doctor", stdout=out)
        assert ended.value.code == 1
        assert "I1  The original is not in the upload storage." in out.getvalue()
        assert f"file {file.pk}" in out.getvalue()
        assert "Do this: Restore the file" in out.getvalue()
        assert out.getvalue().endswith("1 violations.\n")

    def test_says_that_nothing_is_wrong(self, file):
        out = StringIO()
        call_command("doctor", stdout=out)
        assert out.getvalue() == "Nothing is wrong.\n"

    def test_speaks_json_line_by_line(self, file):
        storages["uploads"].delete(file.blob_name)
        out = StringIO()
        with pytest.raises(SystemExit):
            call_command("doctor", "--json", stdout=out)
        first, last = map(json.loads, out.getvalue().splitlines())
        assert (first["kind"], first["code"]) == ("violation", "I1")
        assert first["subject"] == f"file {file.pk}"
        assert last == {"kind": "summary", "violations": {"I1": 1}, "unknown": 0}

    def test_shows_fifty_of_one_kind_and_counts_the_rest(self, project):
        for _ in range(52):
            make_file(project, blob_name="aa/nothing")
        out = StringIO()
        with pytest.raises(SystemExit):
            call_command("doctor", stdout=out)
        assert out.getvalue().count("\n    file ") == 50
        assert "I1  … and 2 more; --json names all." in out.getvalue()
