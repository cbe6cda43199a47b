"""What may be asked for, what is refused, and what people do with a job."""

import uuid
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from storages_app.bulk_copies import orders, services
from storages_app.bulk_copies.errors import (
    FilesUnknown,
    FilterInvalid,
    ImageTooLarge,
    NothingChosen,
    NotPublic,
    StorageNotConnected,
    StoragePaused,
    TooManyChosen,
    TooManyJobs,
    WrongMoment,
)
from storages_app.custom_storages.errors import BadPattern
from storages_app.imaging.errors import BadEffects
from storages_app.models import BulkJob, CopyJob, CustomStorage, Event
from tests.factories import make_custom_storage, make_file, make_project

MB_100 = 104_857_600


class TestRequest:
    def test_takes_what_is_not_said_from_the_storage(self, project, storage, order):
        storage.on_clash, storage.key_pattern = "skip", "${uuid}${ext}"
        storage.save()
        make_file(project)
        job = order()
        assert (job.pattern, job.on_clash, job.is_public) == ("${uuid}${ext}", "skip", False)

    def test_counts_first_over_a_hundred_files(self, project, order):
        for _ in range(100):
            make_file(project)
        assert not order(is_dry_run=None).is_dry_run
        make_file(project)
        assert order(is_dry_run=None).is_dry_run

    def test_is_written_into_the_activity_with_whether_it_is_public(self, project, order):
        make_file(project)
        job = order()
        event = Event.objects.get(kind="bulk_copy.ordered")
        assert (event.actor, event.subject_id) == ("ann@example.com", str(job.pk))
        assert event.data == {"storage": "archive", "public": False}

    @pytest.mark.parametrize("state", ["removed", "draft", "foreign"])
    def test_refuses_a_storage_that_is_not_connected(self, project, storage, order, state):
        make_file(project)
        if state == "removed":
            storage.removed_at = timezone.now()
        elif state == "draft":
            storage.connected_at = None
        else:
            storage = make_custom_storage(make_project())
        storage.save()
        with pytest.raises(StorageNotConnected):
            order(custom_storage=storage)
        assert not BulkJob.objects.exists()

    def test_refuses_a_paused_storage_and_says_since_when(self, project, storage, order):
        make_file(project)
        storage.paused_at = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
        storage.save()
        with pytest.raises(StoragePaused) as refused:
            order()
        assert refused.value.message == (
            "Storage “archive” is paused since 2026-03-04 05:06 UTC. Resume it or choose another."
        )

    def test_takes_a_broken_storage_for_which_copies_wait(self, project, storage, order):
        make_file(project)
        storage.circuit_opened_at = timezone.now()
        storage.save()
        assert order().state == "counting"

    def test_refuses_when_no_file_matches(self, project, order):
        with pytest.raises(NothingChosen):
            order()
        make_file(project, name="cat.jpg")
        with pytest.raises(NothingChosen):
            order(what="filter", filter_by={"q": "dog"})
        assert order(what="filter", filter_by={"q": "CAT"}).filter == {"q": "CAT"}

    @pytest.mark.parametrize(
        "bad",
        [
            {"colour": "red"},
            {"q": "x" * 256},
            {"q": "a\0b"},
            {"q": 7},
            {"stored": "maybe"},
            {"stored": True},
            {"type": "colour"},
            {"since": "yesterday"},
            {"copied_to": "no such storage"},
            {"metadata": "x" * 65},
        ],
    )
    def test_refuses_a_filter_that_makes_no_sense(self, project, order, bad):
        make_file(project)
        with pytest.raises(FilterInvalid):
            order(what="filter", filter_by=bad)

    def test_refuses_a_bad_pattern_and_bad_effects(self, project, order):
        make_file(project)
        for pattern in ("${foo}", "a//b", "é", "../${uuid}", "x" * 513):
            with pytest.raises(BadPattern):
                order(pattern=pattern)
        for effects in ("-/nonsense/", "-/resize/", "-/resize/0x0/"):
            with pytest.raises(BadEffects):
                order(effects=effects)

    def test_refuses_a_public_copy_where_the_storage_keeps_them_private(
        self, project, storage, order
    ):
        make_file(project)
        with pytest.raises(NotPublic):
            order(make_public=True)
        storage.public_mode = CustomStorage.PublicMode.POLICY
        storage.save()
        with pytest.raises(NotPublic):
            order(make_public=False)
        assert not order(make_public=True).is_public  # it is public without an ACL

    @pytest.mark.parametrize(("asked", "public"), [(None, True), (True, True), (False, False)])
    def test_a_storage_with_acls_may_have_both(self, project, storage, order, asked, public):
        make_file(project)
        storage.public_mode = CustomStorage.PublicMode.ACL
        storage.save()
        assert order(make_public=asked).is_public is public

    def test_refuses_more_open_jobs_than_there_is_room_for(self, project, order, monkeypatch):
        make_file(project)
        monkeypatch.setattr(orders, "OPEN_JOBS_LIMIT", 2)
        first = order()
        order()
        with pytest.raises(TooManyJobs):
            order()
        services.cancel(bulk_job=first, actor="ann")
        order()


class TestSelection:
    def test_takes_each_chosen_file_once(self, project, order):
        one, two, _ = (make_file(project) for _ in range(3))
        job = order(what="selection", file_uuids=[one.pk, two.pk, one.pk])
        assert set(job.items.values_list("file", flat=True)) == {one.pk, two.pk}

    def test_refuses_files_of_others_as_files_that_are_not_there(self, project, order):
        own, foreign = make_file(project), make_file(make_project())
        deleted = make_file(project, removed_at=timezone.now(), stored_at=None)
        for stranger in (foreign.pk, deleted.pk, uuid.uuid4()):
            with pytest.raises(FilesUnknown) as refused:
                order(what="selection", file_uuids=[own.pk, stranger])
            assert refused.value.message == f"1 of 2 files are not here: {stranger}"
        assert not BulkJob.objects.exists()

    def test_takes_up_to_the_limit_and_not_one_more(self, project, order, monkeypatch):
        monkeypatch.setattr(orders, "SELECTION_LIMIT", 2)
        files = [make_file(project).pk for _ in range(3)]
        order(what="selection", file_uuids=files[:2])
        with pytest.raises(TooManyChosen):
            order(what="selection", file_uuids=files)

    def test_refuses_an_empty_one(self, project, order):
        make_file(project)
        with pytest.raises(NothingChosen):
            order(what="selection", file_uuids=[])

    def test_one_image_over_100_mb_is_refused_at_once_to_the_byte(self, project, order):
        fits, large = make_file(project, size=MB_100), make_file(project, size=MB_100 + 1)
        order(what="selection", file_uuids=[fits.pk], effects="-/resize/9x/")
        with pytest.raises(ImageTooLarge) as refused:
            order(what="selection", file_uuids=[large.pk], effects="-/resize/9x/")
        assert refused.value.message == (
            "This image is 104.9 MB; processed copies are limited to 100 MB. "
            "Copy the original instead."
        )
        order(what="selection", file_uuids=[large.pk])


class TestControls:
    def test_a_counted_job_is_started_once(self, project, order, counted):
        make_file(project)
        job = counted(order(is_dry_run=True))
        services.start(bulk_job=job, actor="bob")
        assert job.state == "copying"
        with pytest.raises(WrongMoment):
            services.start(bulk_job=job, actor="bob")

    def test_a_counted_job_does_not_start_while_the_storage_is_paused(
        self, project, storage, order, counted
    ):
        make_file(project)
        job = counted(order(is_dry_run=True))
        storage.paused_at = timezone.now()
        storage.save()
        job = BulkJob.objects.get(pk=job.pk)
        with pytest.raises(StoragePaused):
            services.start(bulk_job=job, actor="bob")

    def test_a_paused_job_orders_nothing_until_it_is_resumed(self, project, order, worked):
        make_file(project)
        job = order()
        services.pause(bulk_job=job, actor="bob")
        assert worked(job).word == "Paused"
        assert not CopyJob.objects.exists()
        with pytest.raises(WrongMoment):
            services.pause(bulk_job=job, actor="bob")
        services.resume(bulk_job=job, actor="bob")
        assert worked(job).state == "done"
        with pytest.raises(WrongMoment):
            services.resume(bulk_job=job, actor="bob")

    def test_a_count_is_stopped_at_once(self, project, order, counted):
        make_file(project)
        job = order()
        services.cancel(bulk_job=job, actor="bob")
        assert (job.state, job.ended_by, job.is_over) == ("cancelled", "bob", True)
        counted(job)
        assert not job.items.exists()

    def test_what_has_ended_takes_no_order(self, project, order, worked):
        make_file(project)
        job = worked(order())
        for do in (services.start, services.pause, services.resume, services.cancel):
            with pytest.raises(WrongMoment) as refused:
                do(bulk_job=job, actor="bob")
            assert refused.value.message == "The job has ended."
        with pytest.raises(WrongMoment):
            services.retry(bulk_job=job, actor="bob")
