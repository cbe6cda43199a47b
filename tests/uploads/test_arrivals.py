"""Where all ways in end: bytes become a file, with what else ends in the same moment."""

import contextlib
import errno
import hashlib
import io
import os
import uuid
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import OperationalError, transaction
from django.utils import timezone
from PIL import Image

from storages_app.models import CopyJob, File
from storages_app.uploads import arrivals, errors
from storages_app.uploads.local_storage import DurableFileSystemStorage
from storages_app.uploads.orders import blob_name_for
from storages_app.uploads.runner import sweep
from tests.factories import make_custom_storage, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_storage(upload_storage):
    """No test here sees the bytes of another."""


@pytest.fixture
def arrive(tmp_path):
    def make(content=b"some bytes", project=None, **changes):
        path = tmp_path / f"local-{uuid.uuid4()}"
        path.write_bytes(content)
        return arrivals.arrive(
            **{
                "project": project or make_project(),
                "path": path,
                "name": "notes.txt",
                "declared_type": "text/plain",
                "size": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "md5": hashlib.md5(content).hexdigest(),
                "store": "1",
                "metadata": {},
            }
            | changes
        )

    return make


def png(size=(3, 2)):
    out = io.BytesIO()
    Image.new("RGB", size, "navy").save(out, "PNG")
    return out.getvalue()


class Refused(Exception):
    """What else should have ended with the upload did not."""


def refuse(file):
    raise Refused


class TestArrive:
    def test_moves_the_bytes_and_cleans_the_name(self, arrive, blobs, tmp_path):
        file = arrive(b"hello", name="../../etc/pass\0wd", metadata={"pet": "cat"})
        assert file.original_filename == "passwd"
        assert file.metadata == {"pet": "cat"}
        assert blobs() == [file.blob_name]
        assert not list(tmp_path.glob("local-*"))

    def test_takes_the_uuid_that_was_told_before(self, arrive):
        told = uuid.uuid4()
        file = arrive(file_uuid=told)
        assert file.pk == told
        assert file.blob_name == blob_name_for(told)

    def test_orders_copies(self, arrive):
        project = make_project()
        make_custom_storage(project, auto_copy=True)
        file = arrive(project=project)
        assert CopyJob.objects.get().file == file

    def test_what_ends_with_it_is_in_the_same_transaction(self, arrive):
        seen = []

        def end(file):
            assert transaction.get_connection().in_atomic_block
            assert File.objects.filter(pk=file.pk).exists()
            seen.append(file)

        assert arrive(before_commit=end) == seen[0]

    def test_bytes_are_new_however_old_they_were(self, arrive, tmp_path, monkeypatch):
        """Else the sweep would take a slow upload between its bytes and its row."""

        def look(name):
            assert sweep(now=timezone.now() + timedelta(minutes=59)) == 0

        monkeypatch.setattr(arrivals, "crashpoint", look)
        path = tmp_path / "local-old"
        path.write_bytes(b"some bytes")
        os.utime(path, (1, 1))
        file = arrive(path=path)
        assert storages["uploads"].exists(file.blob_name)


class TestWhatIsNotKept:
    @pytest.fixture(autouse=True)
    def _no_row(self):
        yield
        assert not File.objects.exists()

    def test_if_the_rest_cannot_end_there_is_no_file(self, arrive, blobs):
        with pytest.raises(Refused):
            arrive(before_commit=refuse)
        assert blobs() == []

    def test_bytes_under_a_uuid_that_others_know_stay_for_them(self, arrive, blobs):
        told = uuid.uuid4()
        with pytest.raises(Refused):
            arrive(file_uuid=told, before_commit=refuse)
        assert blobs() == [blob_name_for(told)]
        assert sweep(now=timezone.now() + timedelta(hours=2)) == 1
        assert blobs() == []

    def test_a_commit_whose_answer_was_lost_removes_no_bytes(self, arrive, blobs, monkeypatch):
        real, opened = transaction.atomic, []

        @contextlib.contextmanager
        def losing():
            with real():
                yield
                File.objects.all().delete()
            raise OperationalError("server closed the connection")

        def atomic(**options):
            opened.append(options)
            return losing() if len(opened) == 1 else real(**options)

        monkeypatch.setattr(arrivals.transaction, "atomic", atomic)
        with pytest.raises(OperationalError):
            arrive()
        assert len(blobs()) == 1

    def test_a_project_that_was_removed_while_the_file_came(self, arrive, blobs):
        """F10"""
        project = make_project()
        type(project).objects.update(removed_at=timezone.now())
        with pytest.raises(errors.ProjectRemoved, match="is marked as removed"):
            arrive(project=project)
        assert blobs() == []

    @pytest.mark.parametrize("step", ["fsync", "rename"])
    @pytest.mark.parametrize(
        ("code", "refusal"),
        [
            (errno.ENOSPC, errors.DiskFull),
            (errno.EDQUOT, errors.DiskFull),
            (errno.EIO, errors.StorageFailed),
        ],
    )
    def test_what_a_disk_refuses(self, arrive, blobs, monkeypatch, step, code, refusal):
        """F05: at fsync and at rename; when there is room again it works again."""

        def fail(*args, **kwargs):
            raise OSError(code, "no")

        with monkeypatch.context() as broken:
            broken.setattr(f"storages_app.uploads.local_storage.os.{step}", fail)
            with pytest.raises(refusal):
                arrive()
        assert blobs() == []
        arrive().delete()

    def test_what_any_storage_raises_is_told_in_our_words(self, arrive, monkeypatch):
        """F05: an S3 that is away is neither a fault of ours nor of the client."""

        class ClientError(Exception):
            """As botocore's, which is no OSError."""

        def fail(*args, **kwargs):
            raise ClientError("An error occurred (503)")

        monkeypatch.setattr(DurableFileSystemStorage, "_save", fail)
        monkeypatch.setattr(DurableFileSystemStorage, "delete", fail)
        with pytest.raises(errors.StorageFailed):
            arrive()


class TestTypes:
    @pytest.mark.parametrize(
        ("accepted", "content"),
        [
            ("", b"text"),
            ("text/plain", b"text"),
            ("image/*", png()),
            ("application/pdf, image/png", png()),
        ],
    )
    def test_that_the_project_takes_pass(self, arrive, accepted, content):
        assert arrive(content, project=make_project(accepted_types=accepted))

    @pytest.mark.parametrize(
        ("accepted", "content"),
        [
            ("image/*", b"<html><script>"),
            ("image/png", png()[:4] + b"torn"),
            ("text/*", png()),
            ("application/pdf, image/jpeg", png()),
            ("image/*", b"image/png"),
        ],
    )
    def test_others_are_refused_whatever_was_declared(self, arrive, blobs, accepted, content):
        with pytest.raises(errors.TypeForbidden) as caught:
            arrive(
                content,
                project=make_project(accepted_types=accepted),
                declared_type="image/png",
                name="photo.png",
            )
        assert accepted in caught.value.advice
        assert blobs() == []
        assert not File.objects.exists()


class TestAdopt:
    @staticmethod
    def adopt(content, file_uuid, project=None, **changes):
        return arrivals.adopt(
            **{
                "project": project or make_project(),
                "file_uuid": file_uuid,
                "head": content[:65_536],
                "name": "photo.png",
                "declared_type": "image/png",
                "size": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "md5": hashlib.md5(content).hexdigest(),
                "store": "0",
                "metadata": {},
            }
            | changes
        )

    @staticmethod
    def keep(content):
        told = uuid.uuid4()
        storages["uploads"].save(blob_name_for(told), ContentFile(content))
        return told

    def test_makes_bytes_that_are_there_a_file(self, incoming):
        content = png((7, 5))
        told = self.keep(content)
        file = self.adopt(content, told)
        assert (file.pk, file.size, file.is_stored) == (told, len(content), False)
        assert file.content_info["image"]["width"] == 7
        with file.open_bytes() as kept:
            assert kept.read() == content
        assert list(incoming.iterdir()) == []

    def test_does_not_fetch_what_is_no_image(self, monkeypatch):
        told = self.keep(b"text")
        monkeypatch.setattr(DurableFileSystemStorage, "_open", None)
        assert self.adopt(b"text", told).content_info["mime"]["mime"] == "text/plain"

    def test_does_not_fetch_an_image_too_large_to_be_one(self, monkeypatch):
        content = png()
        told = self.keep(content)
        monkeypatch.setattr(DurableFileSystemStorage, "_open", None)
        file = self.adopt(content, told, size=104_857_601)
        assert not file.is_image

    def test_leaves_the_bytes_of_what_is_refused(self, blobs):
        told = self.keep(b"text")
        with pytest.raises(errors.TypeForbidden):
            self.adopt(b"text", told, make_project(accepted_types="image/*"))
        with pytest.raises(errors.FileTooLarge):
            self.adopt(b"text", told, make_project(max_upload_size=3))
        with pytest.raises(Refused):
            self.adopt(b"text", told, before_commit=refuse)
        assert blobs() == [blob_name_for(told)]
        assert not File.objects.exists()

    def test_a_second_time_is_told_and_takes_nothing_away(self, blobs):
        told = self.keep(b"text")
        project = make_project()
        self.adopt(b"text", told, project)
        with pytest.raises(errors.AlreadyUploaded, match="File is already uploaded"):
            self.adopt(b"text", told, project)
        assert blobs() == [blob_name_for(told)]
        assert File.objects.count() == 1
