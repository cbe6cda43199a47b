"""What broken uploads leave is swept away, and nothing else."""

import os
from datetime import timedelta

import pytest
from django.core.files.base import File as DjangoFile
from django.core.files.storage import storages
from django.utils import timezone

from storages_app.models import File
from storages_app.uploads import arrivals, services
from storages_app.uploads.local_storage import INCOMING
from storages_app.uploads.runner import sweep
from storages_app.uploads.tasks import sweep_uploads
from tests.factories import make_file, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folders(upload_storage, incoming):
    """The sweep sees only what the test put there."""


def later(hours=2):
    return timezone.now() + timedelta(hours=hours)


def put_blob(name="ab/ab000000-0000-4000-8000-000000000000"):
    import io

    storages["uploads"].save(name, DjangoFile(io.BytesIO(b"orphan")))
    return name


def test_bytes_without_a_row_go_after_the_grace_time(blobs):
    put_blob()
    assert sweep(now=timezone.now()) == 0
    assert len(blobs()) == 1
    assert sweep(now=later()) == 1
    assert blobs() == []


def test_bytes_with_a_row_stay_whatever_became_of_the_file(blobs):
    project = make_project()
    kept = make_file(project)
    removed = make_file(project, removed_at=timezone.now(), stored_at=None)
    assert sweep(now=later(100)) == 0
    assert blobs() == sorted([kept.blob_name, removed.blob_name])


def test_a_row_that_comes_during_the_sweep_keeps_its_bytes(blobs, monkeypatch):
    file = make_file(make_project())
    real = File.objects.filter
    answers = []

    def filter_late(*args, **kwargs):
        answers.append(kwargs)
        return File.objects.none() if "blob_name__in" in kwargs else real(*args, **kwargs)

    monkeypatch.setattr(File.objects, "filter", filter_late)
    assert sweep(now=later()) == 0
    assert blobs() == [file.blob_name]
    assert len(answers) == 2


def test_temporary_files_go_after_the_grace_time_and_strangers_stay(incoming, upload_storage):
    (incoming / "part-abc").write_bytes(b"half")
    (incoming / "something else").write_bytes(b"not ours")
    half_copy = upload_storage / INCOMING / "0123"
    half_copy.parent.mkdir(parents=True)
    half_copy.write_bytes(b"half")
    assert sweep(now=timezone.now()) == 0
    assert sweep(now=later()) == 2
    assert [path.name for path in incoming.iterdir()] == ["something else"]
    assert not half_copy.exists()


def test_an_upload_that_is_still_coming_in_is_left_alone(incoming):
    path = incoming / "part-slow"
    path.write_bytes(b"half")
    now = later(5)
    os.utime(path, (now.timestamp() - 60,) * 2)
    assert sweep(now=now) == 0
    assert path.exists()


def test_the_task_sweeps_by_the_clock(incoming):
    path = incoming / "part-old"
    path.write_bytes(b"half")
    long_ago = timezone.now().timestamp() - 7_200
    os.utime(path, (long_ago, long_ago))
    sweep_uploads()
    assert not path.exists()


def test_a_crash_between_bytes_and_row_leaves_no_row_and_the_sweep_takes_the_bytes(
    received, blobs, monkeypatch
):
    class Killed(BaseException):
        pass

    def die(name):
        if name == "upload_bytes_written":
            raise Killed

    monkeypatch.setattr(arrivals, "crashpoint", die)
    with pytest.raises(Killed):
        services.receive(project=make_project(), upload=received(), store="1", metadata={})
    assert not File.objects.exists()
    assert len(blobs()) == 1
    assert sweep(now=later()) == 1
    assert blobs() == []
