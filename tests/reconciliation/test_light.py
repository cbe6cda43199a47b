"""What is looked at every hour, and when it is looked at."""

from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from storages_app.models import CopyJob, CustomStorage, Event, File, Reconciliation
from storages_app.objectstores.base import PutOptions
from storages_app.objectstores.errors import AccessDenied, ServerError
from storages_app.reconciliation import orders, runner, services, tasks
from storages_app.reconciliation.errors import StorageNotConnected
from tests.factories import make_backup_plan, make_custom_storage, make_file

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_waiting")]

WAITING = {"state": "retry_wait", "reason": "throttled", "evidence": "", "finished_at": None}


@pytest.fixture
def light(reconcile):
    return lambda: reconcile("light")


def open_upload(bucket, key, *, hours_ago=2.0):
    upload_id = bucket.start_multipart(key, PutOptions())
    bucket.inner.bucket.uploads[upload_id].started_at -= timedelta(hours=hours_ago)
    return upload_id


class TestWhatWasNeverOrdered:
    def test_is_ordered_for_auto_copy(self, custom_storage, project, light):
        file = make_file(project)
        CustomStorage.objects.filter(pk=custom_storage.pk).update(
            auto_copy=True, auto_copy_since=file.uploaded_at
        )
        run = light()
        found = run.differences.get()
        assert (found.kind, found.resolution) == ("not_ordered", "ordered")
        job = CopyJob.objects.get()
        assert (job.file, job.state, job.lane) == (file, "pending", 1)
        assert light().state == "clean"

    def test_a_missing_rendition_does_not_order_the_original_under_its_new_name(
        self, copy_of, custom_storage, light
    ):
        original = copy_of(key="in/as it was called then")
        File.objects.update(is_image=True, mime_type="image/png", detected_type="image/png")
        CustomStorage.objects.filter(pk=custom_storage.pk).update(
            auto_copy=True,
            auto_copy_since=original.file.uploaded_at,
            auto_copy_rule={"renditions": ["-/resize/200x/"]},
        )
        light()
        ordered = CopyJob.objects.exclude(pk=original.pk)
        assert [job.effects for job in ordered] == ["-/resize/200x/"]

    def test_is_only_reported_where_it_may_not_mend(self, custom_storage, project, light):
        file = make_file(project)
        CustomStorage.objects.filter(pk=custom_storage.pk).update(
            auto_copy=True, auto_copy_since=file.uploaded_at, mends_differences=False
        )
        assert light().differences.get().resolution == "reported"
        assert not CopyJob.objects.exists()

    def test_is_ordered_for_the_backup_once_a_run_has_looked(self, custom_storage, project, light):
        make_file(project)
        plan = make_backup_plan(custom_storage)
        assert light().state == "clean"
        plan.runs.create(
            asked_by="x", has_ordered_all=True, state="done", finished_at=timezone.now()
        )
        assert light().counts == {"not_ordered": 1}
        assert CopyJob.objects.get().is_backup

    def test_an_open_run_of_the_backup_orders_by_itself(self, custom_storage, project, light):
        make_file(project)
        make_backup_plan(custom_storage).runs.create(asked_by="x", has_ordered_all=True)
        assert light().state == "clean"


class TestLeftOverUploads:
    def test_ours_is_removed(self, copy_of, bucket, light):
        job = copy_of(finished_at=timezone.now() - timedelta(hours=2))
        open_upload(bucket, job.key)
        run = light()
        found = run.differences.get()
        assert (found.kind, found.key, found.resolution) == ("open_upload", job.key, "aborted")
        assert bucket.inner.bucket.uploads == {}

    def test_somebody_elses_is_reported_and_left_open(self, bucket, light):
        open_upload(bucket, "in/somebody's")
        assert light().differences.get().resolution == "reported"
        assert len(bucket.inner.bucket.uploads) == 1

    def test_one_begun_after_our_copy_had_ended_is_somebody_elses(self, copy_of, bucket, light):
        job = copy_of(finished_at=timezone.now() - timedelta(hours=3))
        open_upload(bucket, job.key)
        assert light().differences.get().resolution == "reported"
        assert len(bucket.inner.bucket.uploads) == 1

    def test_one_under_the_key_of_a_copy_that_waits_is_left_until_that_has_ended(
        self, copy_of, bucket, light
    ):
        """F30: it may be somebody else's; ours is removed once nobody waits for the key."""
        job = copy_of(**WAITING)
        open_upload(bucket, job.key)
        found = light().differences.get()
        assert (found.kind, found.key, found.resolution) == ("open_upload", job.key, "reported")
        assert len(bucket.inner.bucket.uploads) == 1
        CopyJob.objects.update(
            state="failed", run_after=None, finished_at=timezone.now() - timedelta(hours=1)
        )
        assert light().differences.get().resolution == "aborted"
        assert bucket.inner.bucket.uploads == {}

    def test_one_that_a_waiting_copy_has_noted_is_left_to_its_next_try(
        self, copy_of, bucket, light
    ):
        """F30."""
        job = copy_of(**WAITING)
        CopyJob.objects.update(upload_id=open_upload(bucket, job.key))
        assert light().state == "clean"
        assert len(bucket.inner.bucket.uploads) == 1

    def test_one_that_an_ended_copy_has_noted_is_removed_whoever_waits_for_its_key(
        self, copy_of, bucket, custom_storage, light
    ):
        """F30: the id proves it, whatever the clocks say."""
        job = copy_of(
            state="failed",
            reason="timeout",
            evidence="",
            finished_at=timezone.now() - timedelta(hours=9),
        )
        upload_id = open_upload(bucket, job.key)
        theirs = open_upload(bucket, job.key)
        CopyJob.objects.filter(pk=job.pk).update(upload_id=upload_id)
        copy_of(**WAITING, key=job.key)
        found = light().differences.values_list("resolution", flat=True)
        assert sorted(found) == ["aborted", "reported"]
        assert list(bucket.inner.bucket.uploads) == [theirs]

    def test_a_young_one_may_be_at_work(self, copy_of, bucket, light):
        open_upload(bucket, copy_of().key, hours_ago=0.5)
        assert light().state == "clean"
        assert len(bucket.inner.bucket.uploads) == 1

    def test_without_the_right_to_list_them_the_report_says_so(self, copy_of, bucket, light):
        copy_of()
        bucket.fail("list_multiparts", AccessDenied())
        run = light()
        assert (run.state, run.reason) == (
            "clean",
            "Open multipart uploads may not be listed, so none was looked for.",
        )

    def test_a_bucket_that_fails_to_list_them_does_not_hide_what_is_lost(
        self, copy_of, bucket, light
    ):
        job = copy_of()
        bucket.inner.delete(job.key)
        bucket.fail("list_multiparts", ServerError())
        run = light()
        assert (run.state, run.counts) == ("failed", {"missing": 1})
        assert run.reason.startswith("1 things could not be looked at. Open uploads:")

    def test_a_zero_character_in_a_name_reaches_neither_query_nor_report(
        self, bucket, light, monkeypatch
    ):
        """PostgreSQL refuses one, and the run would never end."""
        asked = []
        real = CopyJob.objects.filter
        monkeypatch.setattr(
            CopyJob.objects,
            "filter",
            lambda **by: asked.extend(by.get("key__in", [])) or real(**by),
        )
        open_upload(bucket, "in/a%00b\0c")
        open_upload(bucket, "in/d%00e")
        keys = {found.key for found in light().differences.all()}
        assert keys == {"in/a%00b\N{REPLACEMENT CHARACTER}c", "in/d%00e"}
        assert asked == ["in/d%00e"]


class TestTheNewest:
    def test_copies_are_asked_for(self, copy_of, bucket, light):
        job = copy_of()
        bucket.inner.delete(job.key)
        run = light()
        assert (run.counts, run.n_copies, run.n_mended) == ({"missing": 1}, 1, 1)
        assert "list_objects" not in bucket.calls

    def test_originals_are_looked_for(self, project, light):
        file = make_file(project)
        storages["uploads"].delete(file.blob_name)
        found = light().differences.get()
        assert (found.kind, found.key, found.found) == (
            "original_missing",
            str(file.pk),
            "nothing",
        )

    def test_an_original_that_cannot_be_looked_at_fails_the_run(self, project, light, monkeypatch):
        def refuse(name):
            raise PermissionError(13, "Permission denied")

        make_file(project)
        monkeypatch.setattr(storages["uploads"], "size", refuse)
        run = light()
        assert (run.state, "Permission denied" in run.reason) == ("failed", True)


class TestTheActivity:
    def test_tells_of_differences_once_and_not_every_hour(self, bucket, light):
        open_upload(bucket, "in/somebody's")
        light(), light()
        told = Event.objects.get()
        assert (told.kind, told.data["open_upload"]) == ("check.found_differences", 1)

    def test_names_clocks_that_are_far_apart(self, copy_of, bucket, light):
        """F44."""
        copy_of()

        def an_hour_off(real):
            answer = real()
            return type(answer)(answer.host, 1, clock_offset_s=-3600)

        bucket.fail("connection", an_hour_off)
        run = light()
        assert (run.clock_offset_s, run.reason) == (-3600, "Its clock and ours are 3600 s apart.")


class TestWhenItRuns:
    def test_a_request_joins_the_one_that_is_open(self, custom_storage):
        first = services.request(custom_storage=custom_storage, kind="full", asked_by="x")
        assert services.request(custom_storage=custom_storage, kind="full", asked_by="y") == first
        other = services.request(custom_storage=custom_storage, kind="light", asked_by="y")
        assert other != first

    def test_a_request_joins_one_that_ends_at_this_very_moment(self, custom_storage, monkeypatch):
        first = services.request(custom_storage=custom_storage, kind="full", asked_by="x")
        Reconciliation.objects.update(finished_at=timezone.now(), state="clean")
        monkeypatch.setattr(orders, "begin", lambda *args, **kwargs: None)
        assert services.request(custom_storage=custom_storage, kind="full", asked_by="y") == first

    def test_a_storage_that_is_not_connected_is_refused(self, custom_storage):
        custom_storage.connected_at = None
        with pytest.raises(StorageNotConnected):
            services.request(custom_storage=custom_storage, kind="full", asked_by="x")
        assert not Reconciliation.objects.exists()

    def test_a_storage_that_was_disconnected_meanwhile_fails_the_run(self, custom_storage, bucket):
        run = services.request(custom_storage=custom_storage, kind="full", asked_by="x")
        CustomStorage.objects.update(removed_at=timezone.now())
        runner.drain()
        run.refresh_from_db()
        assert (run.state, "storage_not_connected" in run.reason) == ("failed", True)
        assert bucket.calls == []

    def test_both_kinds_are_due_for_a_storage_that_never_had_one(self, custom_storage):
        tasks.schedule()
        assert set(Reconciliation.objects.values_list("kind", flat=True)) == {"light", "full"}
        tasks.schedule()
        assert Reconciliation.objects.count() == 2

    def test_is_due_again_after_its_period_and_not_before(self, custom_storage):
        for kind, hours in (("light", 0.9), ("full", 24 * 6.9)):
            Reconciliation.objects.create(
                custom_storage=custom_storage,
                kind=kind,
                asked_by="x",
                created_at=timezone.now() - timedelta(hours=hours),
                finished_at=timezone.now(),
            )
        assert orders.begin_due() == 0
        Reconciliation.objects.filter(kind="light").update(
            created_at=timezone.now() - timedelta(hours=1)
        )
        assert orders.begin_due() == 1

    def test_new_storages_begin_at_different_times(self, project):
        now = timezone.now()
        made = [make_custom_storage(project, connected_at=now) for _ in range(20)]
        hour = timedelta(hours=1)
        firsts = {orders._next(storage, hour, last=None) for storage in made}
        assert len(firsts) > 15
        assert all(now <= first < now + hour for first in firsts)

    @pytest.mark.parametrize("stopped", ["paused_at", "circuit_opened_at", "removed_at"])
    def test_is_never_due_for_a_storage_that_does_not_work(self, custom_storage, stopped):
        CustomStorage.objects.update(**{stopped: timezone.now()})
        assert orders.begin_due() == 0

    def test_old_reports_are_forgotten_and_those_with_differences_later(self, custom_storage):
        for state, days in (("clean", 8), ("different", 8), ("different", 181), ("clean", 1)):
            Reconciliation.objects.create(
                custom_storage=custom_storage,
                kind="light",
                asked_by="x",
                state=state,
                finished_at=timezone.now() - timedelta(days=days),
            )
        tasks.forget()
        left = Reconciliation.objects.order_by("pk").values_list("state", flat=True)
        assert list(left) == ["different", "clean"]

    def test_one_process_makes_one_at_a_time(self, custom_storage, bucket):
        services.request(custom_storage=custom_storage, kind="light", asked_by="x")
        with runner._one_at_a_time:
            assert runner.drain() == 0
        assert runner.drain() == 1


def test_the_policy_is_told_in_the_activity_once(custom_storage):
    services.set_policy(custom_storage=custom_storage, mends_differences=False, actor="somebody")
    services.set_policy(custom_storage=custom_storage, mends_differences=False, actor="somebody")
    custom_storage.refresh_from_db()
    assert not custom_storage.mends_differences
    assert Event.objects.get().data == {"mends_differences": False}
