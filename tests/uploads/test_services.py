"""Received bytes become files."""

import errno
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError
from PIL import Image

from storages_app.imaging.errors import ImagingBusy
from storages_app.lib.errors import UcdashError
from storages_app.models import CopyJob, File
from storages_app.uploads import arrivals, errors, services
from tests.factories import make_custom_storage, make_project

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_storage(upload_storage):
    """No test here sees the bytes of another."""


def receive(upload, project=None, store="auto", metadata=None):
    return services.receive(
        project=project or make_project(), upload=upload, store=store, metadata=metadata or {}
    )


def jpeg(size=(40, 20)):
    out = io.BytesIO()
    Image.new("RGB", size, "navy").save(out, "JPEG", dpi=(72, 72))
    return out.getvalue()


class TestReceive:
    def test_makes_a_ready_file_of_the_bytes(self, received, blobs):
        file = receive(received(b"hello", "héllo (1).txt"), metadata={"pet": "cat"})
        file.refresh_from_db()
        assert file.is_ready
        assert file.original_filename == "héllo (1).txt"
        assert file.size == 5
        assert file.mime_type == file.detected_type == "text/plain"
        assert file.content_info == {
            "mime": {"mime": "text/plain", "type": "text", "subtype": "plain"}
        }
        assert file.metadata == {"pet": "cat"}
        assert blobs() == [file.blob_name]
        with file.open_bytes() as content:
            assert content.read() == b"hello"

    def test_takes_the_bytes_away_from_the_temporary_folder(self, received, incoming):
        receive(received())
        assert list(incoming.iterdir()) == []

    def test_an_image_has_its_facts(self, received):
        file = receive(received(jpeg(), "photo.jpg", "image/jpeg"))
        assert file.is_image
        image = file.content_info["image"]
        assert (image["format"], image["width"], image["height"]) == ("JPEG", 40, 20)
        assert set(image) == {
            "format",
            "width",
            "height",
            "sequence",
            "color_mode",
            "orientation",
            "geo_location",
            "datetime_original",
            "dpi",
        }

    def test_what_only_claims_to_be_an_image_is_none(self, received):
        page = receive(received(b"<html><script>", "photo.jpg", "image/jpeg"))
        assert page.mime_type == "image/jpeg"
        assert page.detected_type == "text/html"
        assert not page.is_image
        torn = receive(received(b"\xff\xd8\xff\xe0 torn", "torn.jpg", "image/jpeg"))
        assert not torn.is_image
        assert "image" not in torn.content_info

    def test_an_empty_file_is_a_file(self, received):
        file = receive(received(b"", "empty"))
        assert file.size == 0
        assert file.detected_type == "application/octet-stream"
        with file.open_bytes() as content:
            assert content.read() == b""

    @pytest.mark.parametrize(
        "declared", ["", "text", "text/html\r\nX-Evil: 1", "a/b/c", "x" * 300 + "/y", "é/ü"]
    )
    def test_a_declared_type_that_is_none_is_not_kept(self, received, declared):
        file = receive(received(declared_type=declared))
        assert file.mime_type == "application/octet-stream"

    def test_a_declared_type_loses_its_parameters(self, received):
        file = receive(received(declared_type="Text/CSV; charset=utf-8"))
        assert file.mime_type == "text/csv"

    @pytest.mark.parametrize(
        ("store", "by_default", "is_stored"),
        [
            ("1", False, True),
            ("0", True, False),
            ("auto", True, True),
            ("auto", False, False),
            ("", True, True),
            ("", False, False),
            ("true", False, True),
            ("false", True, False),
        ],
    )
    def test_is_stored_as_the_client_or_the_project_says(
        self, received, store, by_default, is_stored
    ):
        project = make_project(stores_by_default=by_default)
        file = receive(received(), project, store=store)
        assert file.is_stored is is_stored
        lives = None if is_stored else file.uploaded_at + timedelta(hours=24)
        assert file.expires_at == lives


class TestCopies:
    def test_are_ordered_with_the_file(self, received):
        project = make_project()
        storage = make_custom_storage(project, auto_copy=True)
        file = receive(received(), project)
        job = CopyJob.objects.get()
        assert (job.file, job.custom_storage) == (file, storage)

    def test_if_they_cannot_be_ordered_there_is_no_file(self, received, monkeypatch):
        def refuse(*, file):
            assert File.objects.filter(pk=file.pk).exists()
            raise UcdashError

        project = make_project()
        make_custom_storage(project)
        monkeypatch.setattr(arrivals.copying, "order_copies_of_new_file", refuse)
        with pytest.raises(UcdashError):
            receive(received(), project)
        assert not File.objects.exists()


class TestSameMoment:
    def test_files_of_one_project_are_a_microsecond_apart(self, received, monkeypatch):
        monkeypatch.setattr(arrivals.timezone, "now", lambda: NOON)
        project = make_project()
        times = [receive(received(), project).uploaded_at for _ in range(3)]
        assert times == [NOON + timedelta(microseconds=n) for n in range(3)]

    def test_files_of_two_projects_may_share_it(self, received, monkeypatch):
        monkeypatch.setattr(arrivals.timezone, "now", lambda: NOON)
        assert receive(received()).uploaded_at == receive(received()).uploaded_at

    def test_another_fault_of_the_database_is_not_taken_for_it(self, received, monkeypatch):
        made = arrivals._row

        def removed(*args):
            file = made(*args)
            file.removed_at = file.stored_at
            return file

        monkeypatch.setattr(arrivals, "_row", removed)
        with pytest.raises(IntegrityError, match="file_removed_is_not_stored"):
            receive(received())


class TestRefusals:
    @pytest.fixture(autouse=True)
    def _nothing_is_kept(self, blobs):
        yield
        assert blobs() == []
        assert not File.objects.exists()

    def test_a_file_over_the_limit_of_the_project(self, received):
        with pytest.raises(errors.FileTooLarge) as caught:
            receive(received(b"x" * 11), make_project(max_upload_size=10))
        assert "10 bytes" in caught.value.advice

    def test_all_files_of_a_request_if_one_is_too_large(self, received):
        with pytest.raises(errors.FileTooLarge):
            services.receive_all(
                project=make_project(max_upload_size=10),
                uploads=[received(b"x"), received(b"x" * 11)],
                store="1",
                metadata={},
            )

    def test_metadata_that_breaks_a_rule(self, received):
        with pytest.raises(errors.MetadataKeyForbidden):
            receive(received(), metadata={"a key": "x"})

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disk_at_the_second_file_takes_the_first_with_it(
        self, received, monkeypatch, code
    ):
        from storages_app.uploads.local_storage import DurableFileSystemStorage

        real = DurableFileSystemStorage._save
        calls = []

        def full(self, name, content):
            calls.append(name)
            if len(calls) == 2:
                raise OSError(code, "no space")
            return real(self, name, content)

        monkeypatch.setattr(DurableFileSystemStorage, "_save", full)
        with pytest.raises(errors.DiskFull):
            services.receive_all(
                project=make_project(),
                uploads=[received(b"one"), received(b"two")],
                store="1",
                metadata={},
            )

    def test_a_part_that_was_swept_away_meanwhile(self, received):
        upload = received()
        upload.discard()
        with pytest.raises(errors.TookTooLong):
            receive(upload)

    def test_an_image_that_nobody_had_time_to_look_at(self, received, monkeypatch):
        def busy(path):
            raise ImagingBusy

        monkeypatch.setattr("storages_app.library.inspection.pipeline.inspect", busy)
        with pytest.raises(ImagingBusy):
            receive(received(jpeg(), "photo.jpg", "image/jpeg"))


def test_a_file_of_exactly_the_limit_passes(received):
    assert receive(received(b"x" * 10), make_project(max_upload_size=10)).size == 10
