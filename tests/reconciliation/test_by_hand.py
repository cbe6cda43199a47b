"""One copy that somebody looks at, links to, or takes away."""

import pytest

from storages_app.models import CopyJob, Event
from storages_app.models.copy_jobs import State
from storages_app.objectstores.errors import AccessDenied, ObjectMissing
from storages_app.reconciliation import by_hand
from storages_app.reconciliation.by_hand import Found
from storages_app.reconciliation.errors import (
    BucketDidNotTell,
    CopyNotThere,
    CopyOfBackup,
    NameShared,
    StorageNotConnected,
)
from tests.factories import make_copy_job, make_file

pytestmark = pytest.mark.django_db

ACTOR = "owner@example.com"


@pytest.fixture(autouse=True)
def _memory(bucket, monkeypatch):
    monkeypatch.setattr(by_hand, "open_store", lambda custom_storage: bucket)


def is_there(bucket, job):
    try:
        bucket.inner.head(job.key)
    except ObjectMissing:
        return False
    return True


class TestVerify:
    def test_of_what_is_there_proves_it_anew(self, copy_of):
        job = copy_of()
        before = job.verified_at
        assert by_hand.verify(copy_job=job, actor=ACTOR) == Found.SAME
        job.refresh_from_db()
        assert job.state == State.DONE
        assert before is None or job.verified_at > before
        assert Event.objects.get(kind="copy.verified").data["found"] == "same"

    def test_of_what_is_gone_or_other_ends_the_promise(
        self, copy_of, custom_storage, bucket, write
    ):
        custom_storage.mends_differences = False
        gone, changed = copy_of(), copy_of()
        bucket.inner.delete(gone.key)
        write(changed.key, b"other byte", changed.file)
        for job in (gone, changed):
            assert by_hand.verify(copy_job=job, actor=ACTOR) == Found.WRONG
            job.refresh_from_db()
            assert (job.state, job.reason) == (State.FAILED, "dest_checksum_mismatch")

    def test_orders_it_anew_where_the_storage_mends_by_itself(self, copy_of, bucket):
        job = copy_of()
        bucket.inner.delete(job.key)
        assert by_hand.verify(copy_job=job, actor=ACTOR) == Found.WRONG
        job.refresh_from_db()
        assert (job.state, job.asked_by) == (State.PENDING, ACTOR)

    def test_that_the_bucket_does_not_answer_changes_nothing(self, copy_of, monkeypatch):
        job = copy_of()

        def refuse(custom_storage):
            raise AccessDenied

        monkeypatch.setattr(by_hand, "open_store", refuse)
        with pytest.raises(BucketDidNotTell):
            by_hand.verify(copy_job=job, actor=ACTOR)
        job.refresh_from_db()
        assert job.state == State.DONE

    def test_of_a_copy_that_is_not_done_is_refused(self, copy_of):
        job = copy_of(state="unverified")
        with pytest.raises(CopyNotThere):
            by_hand.verify(copy_job=job, actor=ACTOR)


class TestLink:
    def test_leads_to_the_object_for_an_hour(self, copy_of):
        assert by_hand.link(copy_job=copy_of()).endswith("expires=3600")

    def test_of_a_copy_that_is_not_there_is_refused(self, copy_of):
        with pytest.raises(CopyNotThere):
            by_hand.link(copy_job=copy_of(state="failed", reason="timeout", evidence=""))

    def test_into_a_disconnected_storage_is_refused(self, copy_of, custom_storage):
        job = copy_of()
        custom_storage.removed_at = job.created_at
        custom_storage.save()
        job.custom_storage.refresh_from_db()
        with pytest.raises(StorageNotConnected):
            by_hand.link(copy_job=job)


class TestRemove:
    def test_takes_the_object_and_the_promise(self, copy_of, bucket):
        job = copy_of()
        by_hand.remove(copy_job=job, actor=ACTOR)
        assert not is_there(bucket, job)
        job.refresh_from_db()
        assert (job.state, job.reason) == (State.CANCELLED, "cancelled_by_user")
        assert job.detail == "Removed from the bucket by owner@example.com."
        assert Event.objects.get(kind="copy.removed").actor == ACTOR

    def test_that_the_bucket_refuses_leaves_both(self, copy_of, bucket, monkeypatch):
        job = copy_of()

        def refuse(key):
            raise AccessDenied

        monkeypatch.setattr(bucket, "delete", refuse, raising=False)
        with pytest.raises(BucketDidNotTell):
            by_hand.remove(copy_job=job, actor=ACTOR)
        job.refresh_from_db()
        assert (job.state, job.reason, job.detail) == (State.DONE, "", "")
        assert is_there(bucket, job)
        assert not Event.objects.filter(kind="copy.removed").exists()

    def test_never_takes_what_the_backup_counts(self, copy_of, bucket):
        job = copy_of(is_backup=True)
        with pytest.raises(CopyOfBackup):
            by_hand.remove(copy_job=job, actor=ACTOR)
        assert is_there(bucket, job)

    def test_never_takes_what_another_file_has_under_the_same_name(
        self, copy_of, custom_storage, bucket
    ):
        job = copy_of()
        other = make_file(custom_storage.project)
        make_copy_job(other, custom_storage, key=job.key)
        with pytest.raises(NameShared):
            by_hand.remove(copy_job=job, actor=ACTOR)
        assert is_there(bucket, job)

    def test_of_a_copy_that_was_opened_again_meanwhile_does_nothing(self, copy_of, bucket):
        job = copy_of()
        CopyJob.objects.filter(pk=job.pk).update(fence=job.fence + 1)
        with pytest.raises(CopyNotThere):
            by_hand.remove(copy_job=job, actor=ACTOR)
        assert is_there(bucket, job)
