"""What becomes of a file."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.core.files.base import File as DjangoFile
from django.core.files.storage import storages
from django.utils import timezone

from storages_app.imaging.errors import ImagingBusy, NotAnImage
from storages_app.library import inspection, orders, services
from storages_app.library.errors import FileGone
from storages_app.library.runner import expire_files, remove_left_bytes
from storages_app.library.tasks import expire_files as expire_task
from storages_app.models import BackupPlan, CopyJob, Event, File
from storages_app.models.copy_jobs import Reason, State
from tests.factories import make_copy_job, make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def temporary(project):
    """A file that nobody has stored yet."""
    return make_file(project, stored_at=None, expires_at=timezone.now() + timedelta(hours=24))


def has_bytes(file):
    return storages["uploads"].exists(file.blob_name)


class TestStore:
    def test_keeps_the_file(self, temporary):
        stored = services.store(file=temporary, actor="a test")
        assert stored.is_stored
        assert stored.expires_at is None

    def test_a_second_time_keeps_the_first_time(self, temporary):
        first = services.store(file=temporary, actor="a test").stored_at
        assert services.store(file=temporary, actor="a test").stored_at == first

    def test_orders_the_copies_that_wait_for_it_once(self, temporary, monkeypatch):
        ordered = []
        monkeypatch.setattr(
            services.copying, "order_copies_of_stored_file", lambda *, file: ordered.append(file)
        )
        services.store(file=temporary, actor="a test")
        services.store(file=temporary, actor="a test")
        assert ordered == [temporary]

    def test_if_the_copies_cannot_be_ordered_it_is_not_stored(self, temporary, monkeypatch):
        def refuse(*, file):
            raise ZeroDivisionError

        monkeypatch.setattr(services.copying, "order_copies_of_stored_file", refuse)
        with pytest.raises(ZeroDivisionError):
            services.store(file=temporary, actor="a test")
        temporary.refresh_from_db()
        assert not temporary.is_stored

    def test_a_backup_copies_what_is_stored(self, project, temporary):
        storage = make_custom_storage(project)
        BackupPlan.objects.create(project=project, custom_storage=storage)
        services.store(file=temporary, actor="a test")
        assert [job.is_backup for job in CopyJob.objects.filter(file=temporary)] == [True]

    def test_refuses_a_removed_file(self, temporary):
        services.delete(file=temporary, actor="a test")
        with pytest.raises(FileGone):
            services.store(file=temporary, actor="a test")


class TestDelete:
    def test_marks_the_file_and_removes_its_bytes_after_the_commit(
        self, project, django_capture_on_commit_callbacks
    ):
        file = make_file(project)
        with django_capture_on_commit_callbacks(execute=True):
            services.delete(file=file, actor="somebody")
            assert has_bytes(file)
        file.refresh_from_db()
        assert file.is_removed
        assert not file.is_stored
        assert file.bytes_removed_at
        assert not has_bytes(file)
        event = Event.objects.get(kind="file.deleted")
        assert (event.actor, event.subject_id) == ("somebody", str(file.pk))

    def test_a_second_time_keeps_the_first_time(self, project):
        file = make_file(project)
        first = services.delete(file=file, actor="a test").removed_at
        assert services.delete(file=file, actor="a test").removed_at == first
        assert Event.objects.filter(kind="file.deleted").count() == 1

    def test_cancels_copies_that_wait(self, project):
        file = make_file(project)
        storage = make_custom_storage(project)
        job = CopyJob.objects.create(
            project=project,
            file=file,
            custom_storage=storage,
            key="k",
            on_clash="error",
            lane=CopyJob.Lane.AUTO_COPY,
            asked_by="a test",
            run_after=timezone.now(),
        )
        services.delete(file=file, actor="a test")
        job.refresh_from_db()
        assert (job.state, job.reason) == (State.CANCELLED, Reason.FILE_DELETED)

    def test_bytes_that_cannot_be_removed_now_are_removed_later(
        self, project, monkeypatch, django_capture_on_commit_callbacks
    ):
        def fail(self, name):
            raise PermissionError(13, "not now")

        file = make_file(project)
        with monkeypatch.context() as broken:
            broken.setattr(type(storages["uploads"]), "delete", fail)
            with django_capture_on_commit_callbacks(execute=True):
                services.delete(file=file, actor="a test")
        assert has_bytes(file)
        assert remove_left_bytes(now=timezone.now()) == 0
        assert remove_left_bytes(now=timezone.now() + timedelta(minutes=10)) == 1
        assert not has_bytes(file)
        assert remove_left_bytes(now=timezone.now() + timedelta(minutes=10)) == 0


class TestExpiry:
    def test_a_file_that_was_not_stored_goes_after_its_time(self, temporary):
        assert expire_files(now=timezone.now()) == 0
        assert expire_files(now=timezone.now() + timedelta(hours=25)) == 1
        temporary.refresh_from_db()
        assert temporary.is_removed

    def test_a_stored_file_never_goes(self, project):
        make_file(project)
        assert expire_files(now=timezone.now() + timedelta(days=9_000)) == 0

    def test_a_file_that_is_stored_at_the_last_moment_stays(self, temporary, monkeypatch):
        from storages_app.library import orders

        real = orders.remove

        def store_first(file, **kwargs):
            services.store(file=file, actor="a test")
            return real(file, **kwargs)

        monkeypatch.setattr("storages_app.library.runner.orders.remove", store_first)
        assert expire_files(now=timezone.now() + timedelta(hours=25)) == 0
        temporary.refresh_from_db()
        assert temporary.is_stored
        assert not temporary.is_removed

    def test_the_task_goes_by_the_clock(self, project):
        file = make_file(project, stored_at=None, expires_at=timezone.now() - timedelta(seconds=1))
        expire_task()
        assert File.objects.get(pk=file.pk).is_removed

    def test_is_told_to_the_project_with_the_name(self, temporary):
        expire_files(now=timezone.now() + timedelta(hours=25))
        event = Event.objects.get(kind="file.expired")
        assert event.project == temporary.project
        assert (event.subject, event.subject_id) == (
            temporary.original_filename,
            str(temporary.pk),
        )

    def test_of_many_files_is_told_once_to_each_project(self, project):
        soon = timezone.now() + timedelta(hours=1)
        for owner, n_files in ((project, 25), (make_project(), 1)):
            for _ in range(n_files):
                make_file(owner, stored_at=None, expires_at=soon)
        assert expire_files(now=timezone.now() + timedelta(hours=2)) == 26
        event = Event.objects.get(kind="file.expired", project=project)
        assert event.subject == "25 files that were not stored"
        assert len(event.data["files"]) == 20
        assert Event.objects.filter(kind="file.expired").count() == 2

    def test_cancels_copies_that_wait_and_takes_the_bytes(
        self, project, temporary, django_capture_on_commit_callbacks
    ):
        storages["uploads"].save(temporary.blob_name, DjangoFile(BytesIO(b"x")))
        job = make_copy_job(
            temporary, make_custom_storage(project), state="pending", run_after=timezone.now()
        )
        with django_capture_on_commit_callbacks(execute=True):
            expire_files(now=timezone.now() + timedelta(hours=25))
        job.refresh_from_db()
        assert (job.state, job.reason) == (State.CANCELLED, Reason.FILE_DELETED)
        assert not has_bytes(temporary)


class TestInspection:
    def test_a_file_that_is_no_image_has_only_its_type(self, tmp_path, monkeypatch):
        monkeypatch.setattr(inspection.pipeline, "inspect", lambda path: pytest.fail("asked"))
        assert inspection.inspect(tmp_path / "x", "text/plain") == {
            "mime": {"mime": "text/plain", "type": "text", "subtype": "plain"}
        }

    def test_an_image_that_cannot_be_read_as_one_has_only_its_type(self, tmp_path, monkeypatch):
        def refuse(path):
            raise NotAnImage

        monkeypatch.setattr(inspection.pipeline, "inspect", refuse)
        assert set(inspection.inspect(tmp_path / "x", "image/png")) == {"mime"}

    def test_an_image_that_nobody_had_time_for_is_not_called_a_file_without_image(
        self, tmp_path, monkeypatch
    ):
        def busy(path):
            raise ImagingBusy

        monkeypatch.setattr(inspection.pipeline, "inspect", busy)
        with pytest.raises(ImagingBusy):
            inspection.inspect(tmp_path / "x", "image/png")


def test_bytes_of_a_file_that_came_back_meanwhile_are_not_taken_for_removed():
    file = make_file(make_project(), removed_at=timezone.now(), stored_at=None)
    restored = storages["uploads"].save(f"{file.blob_name}-again", DjangoFile(BytesIO(b"back")))
    File.objects.filter(pk=file.pk).update(blob_name=restored, removed_at=None)
    orders.remove_bytes(file)  # by a sweep that had read the row before
    file.refresh_from_db()
    assert file.bytes_removed_at is None
    assert storages["uploads"].exists(restored)
