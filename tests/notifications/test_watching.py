"""What is wrong becomes an incident, once, and its end ends it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.backups import services as backups
from storages_app.models import (
    BackupPlan,
    BulkJob,
    CustomStorage,
    Finding,
    Incident,
    NotificationDelivery,
    SecretKey,
)
from storages_app.notifications import watching
from tests.factories import (
    make_backup_plan,
    make_backup_run,
    make_bulk_job,
    make_channel,
    make_connection_test,
    make_copy_job,
    make_file,
    make_restore_run,
    make_secret_key,
)

pytestmark = pytest.mark.django_db
Moment = NotificationDelivery.Moment


@pytest.fixture
def channel(project):
    return make_channel(project)


def told(channel):
    """What was ordered for it: moment and headline."""
    return [(row.moment, row.message["what"]) for row in channel.deliveries.order_by("pk")]


class TestStorages:
    def test_a_broken_storage_is_told_once_however_often_one_looks(
        self, channel, storage, break_it, look
    ):
        break_it()
        look()
        look()
        incident = Incident.objects.get()
        assert incident.subject_id == str(storage.pk)
        assert incident.began_at == storage.circuit_opened_at
        ((moment, what),) = told(channel)
        assert moment == Moment.BEGAN
        assert what.startswith("Storage “photos” stopped working: ")

    def test_its_recovery_is_told_once(self, channel, break_it, mend_it, look):
        break_it()
        look()
        mend_it()
        look()
        look()
        assert Incident.objects.get().outcome == "It works again."
        assert told(channel)[1:] == [(Moment.ENDED, "Storage “photos” works again")]

    def test_breaking_again_is_another_incident(self, channel, break_it, mend_it, look):
        for act in (break_it, look, mend_it, look, break_it, look):
            act()
        assert Incident.objects.count() == 2
        assert [moment for moment, _what in told(channel)] == ["began", "ended", "began"]

    def test_the_subject_is_as_specified(self, channel, storage, break_it, look):
        test = make_connection_test(storage, state="failed")
        test.findings.all().delete()
        Finding.objects.create(
            connection_test=test,
            position=1,
            check_id="write",
            name="Write",
            level="required",
            state="failed",
            title="Writing is not allowed.",
            why="The bucket refused s3:PutObject.",
            fix=["Allow s3:PutObject.", "Run the test."],
        )
        break_it("AccessDenied")
        look()
        message = channel.deliveries.get().message
        assert message["subject"] == (
            "[Shop] Storage “photos” stopped working: Writing is not allowed."
        )
        assert "The bucket refused s3:PutObject." in message["facts"]
        assert message["steps"] == ["Allow s3:PutObject.", "Run the test."]
        assert message["url"].endswith(f"/projects/{storage.project.slug}/storages/{storage.pk}/")

    def test_the_message_says_how_many_files_wait(self, channel, project, storage, break_it, look):
        for n in range(3):
            make_copy_job(make_file(project, name=f"{n}.txt"), storage, state="pending")
        break_it()
        look()
        facts = channel.deliveries.get().message["facts"]
        assert "3 files are waiting. They go out by themselves once it works." in facts

    def test_what_copies_met_is_told_where_no_test_has_failed(self, channel, break_it, look):
        break_it("auth_denied")
        look()
        message = channel.deliveries.get().message
        assert "refused these credentials" in message["subject"]
        assert message["steps"]

    def test_a_name_with_line_breaks_stays_one_line(
        self, channel, project, storage, break_it, look
    ):
        type(project).objects.filter(pk=project.pk).update(name="Shop\r\nBcc: all@example.com")
        break_it()
        look()
        subject = channel.deliveries.get().message["subject"]
        assert subject.startswith("[Shop Bcc: all@example.com] ")

    def test_a_paused_storage_is_not_told(self, channel, storage, break_it, look):
        CustomStorage.objects.filter(pk=storage.pk).update(paused_at=timezone.now())
        break_it()
        look()
        assert not Incident.objects.exists()

    def test_a_disconnected_storage_has_no_incident_any_more(
        self, channel, storage, break_it, look
    ):
        break_it()
        look()
        CustomStorage.objects.filter(pk=storage.pk).update(removed_at=timezone.now())
        look()
        assert Incident.objects.get().outcome == "It was disconnected."
        assert told(channel)[-1] == (Moment.ENDED, "Storage “photos” was disconnected")

    def test_another_process_that_was_quicker_is_no_fault(self, channel, break_it, monkeypatch):
        break_it()
        watching.look_at_storages()
        monkeypatch.setattr(watching, "_open", lambda kind: {})
        watching.look_at_storages()
        assert channel.deliveries.count() == 1


class TestWhoIsTold:
    @pytest.mark.parametrize(
        "fields",
        [
            {"is_active": False},
            {"confirmed_at": None},
            {"removed_at": timezone.now()},
            {"topics": ["job_failed"]},
        ],
    )
    def test_nobody_who_does_not_want_it(self, project, break_it, look, fields):
        make_channel(project, **fields)
        break_it()
        look()
        assert Incident.objects.exists()
        assert not NotificationDelivery.objects.exists()

    def test_no_other_project(self, break_it, look):
        from tests.factories import make_project

        make_channel(make_project())
        break_it()
        look()
        assert not NotificationDelivery.objects.exists()

    def test_an_end_is_told_only_to_those_that_were_told_of_the_beginning(
        self, project, channel, break_it, mend_it, look
    ):
        break_it()
        look()
        late = make_channel(project)
        mend_it()
        look()
        assert len(told(channel)) == 2
        assert told(late) == []


class TestBackups:
    @pytest.fixture
    def plan(self, storage):
        return make_backup_plan(storage)

    def look(self):
        watching.look_at_backups()

    def test_a_run_that_failed_is_told_and_a_whole_one_ends_it(self, channel, plan):
        make_backup_run(plan, state="failed", reason="The bucket is gone.")
        self.look()
        self.look()
        ((moment, what),) = told(channel)
        assert moment == Moment.BEGAN
        assert what.startswith("Not backed up since")
        assert "The bucket is gone" in what
        make_backup_run(plan, state="done", snapshot_at=timezone.now())
        assert backups.verdict(plan).state == "backed_up"
        self.look()
        self.look()
        assert told(channel)[1:] == [(Moment.ENDED, "The backup is whole again")]

    def test_a_run_that_nobody_begins_is_told(self, channel, plan):
        make_backup_run(plan, state="done", snapshot_at=timezone.now())
        self.look()
        assert not Incident.objects.exists()
        late = timezone.now() - timedelta(hours=1)
        BackupPlan.objects.filter(pk=plan.pk).update(next_run_at=late)
        self.look()
        assert "no worker has begun it" in told(channel)[0][1]

    def test_turning_it_off_ends_it(self, channel, plan):
        make_backup_run(plan, state="failed", reason="The bucket is gone.")
        self.look()
        BackupPlan.objects.filter(pk=plan.pk).update(is_on=False)
        self.look()
        assert told(channel)[-1] == (Moment.ENDED, "The backup was turned off")

    def test_gaps_that_were_filled_since_are_not_told(self, channel, plan):
        make_backup_run(plan, state="done", snapshot_at=timezone.now())
        make_backup_run(plan, state="gaps", snapshot_at=timezone.now())
        self.look()
        assert not Incident.objects.exists()


class TestJobs:
    def test_a_failed_job_is_told_once_and_has_no_end(self, channel, storage, look):
        job = make_bulk_job(
            storage, state="failed", reason="The storage is paused.", finished_at=timezone.now()
        )
        look()
        look()
        assert told(channel) == [(Moment.BEGAN, "Job failed: Copy to photos")]
        assert Incident.objects.get().ended_at == job.finished_at

    def test_gaps_and_restores_are_told_too(self, channel, storage, look):
        now = timezone.now()
        make_bulk_job(storage, state="gaps", n_failed=2, n_skipped=1, finished_at=now)
        make_restore_run(storage, state="failed", finished_at=now)
        look()
        assert [what for _moment, what in told(channel)] == [
            "Job done with gaps: Copy to photos",
            "Job failed: Restore from photos",
        ]
        first = channel.deliveries.order_by("pk")[0]
        assert "3 files were left out." in first.message["facts"]

    def test_jobs_that_ended_well_or_long_ago_are_not(self, channel, storage, look):
        now = timezone.now()
        make_bulk_job(storage, state="done", finished_at=now)
        make_bulk_job(storage, state="cancelled", finished_at=now)
        make_bulk_job(storage, state="failed", finished_at=now - timedelta(days=8))
        look()
        assert BulkJob.objects.count() == 3
        assert not Incident.objects.exists()


class TestKeys:
    def roll(self, project, ends_in):
        new = make_secret_key(project)
        key = make_secret_key(project)
        SecretKey.objects.filter(pk=key.pk).update(
            label="server", ends_at=timezone.now() + ends_in, replaced_by=new
        )
        return key

    def test_a_rolled_key_is_told_in_its_last_day_and_when_it_has_ended(
        self, channel, project, look
    ):
        key = self.roll(project, timedelta(hours=20))
        look()
        look()
        assert told(channel) == [(Moment.BEGAN, "Secret key “server” is about to end")]
        SecretKey.objects.filter(pk=key.pk).update(ends_at=timezone.now())
        look()
        assert told(channel)[1:] == [(Moment.ENDED, "Secret key “server” has ended")]

    def test_not_before(self, channel, project, look):
        self.roll(project, timedelta(days=3))
        look()
        assert not Incident.objects.exists()


class TestDigests:
    def test_a_day_is_one_mail_after_seven(self, project, break_it, mend_it, look):
        from storages_app.notifications import ordering

        daily = make_channel(project, is_daily=True)
        for act in (break_it, look, mend_it, look):
            act()
        assert set(daily.deliveries.values_list("state", flat=True)) == {"gathered"}
        evening = timezone.now()
        ordering.send_digests(now=evening)
        n_before = daily.deliveries.filter(moment=Moment.DIGEST).count()
        morning = (evening + timedelta(days=1)).replace(hour=7, minute=1)
        ordering.send_digests(now=morning)
        ordering.send_digests(now=morning + timedelta(hours=1))
        digest = daily.deliveries.get(moment=Moment.DIGEST)
        assert n_before == 0
        assert digest.message["subject"] == "[Shop] 2 notifications of the last day"
        assert len(digest.message["items"]) == 2
        assert set(daily.deliveries.exclude(pk=digest.pk).values_list("state", "digest")) == {
            ("in_digest", digest.pk)
        }
