"""Files made of files: the same bytes or a processed image, never anything else."""

import errno
import io
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from threading import BoundedSemaphore

import pytest
from django.core.files.storage import storages
from PIL import Image

from storages_app.copying.errors import CopyFailed, FileTooLarge, TooManyCopies
from storages_app.imaging.errors import NotAnImage, ProcessedTooLarge
from storages_app.models import CopyJob, File
from storages_app.uploads import errors, local_copies
from tests.factories import make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folders(upload_storage, incoming, settings, tmp_path):
    """No test here sees the bytes of another."""
    settings.RENDITION_CACHE_DIR = tmp_path / "renditions"


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def picture(project):
    out = io.BytesIO()
    Image.new("RGB", (40, 20), "navy").save(out, "PNG")
    return make_file(project, out.getvalue(), name="flag.png", detected_type="image/png")


def make(file, effects="", **changes):
    return local_copies.make(
        **{"file": file, "effects": effects, "is_stored": True, "metadata": {}} | changes
    )


def body_of(file):
    with file.open_bytes() as body:
        return body.read()


class TestOriginal:
    def test_has_bytes_of_its_own(self, project, blobs):
        file = make_file(project, b"x" * 3_000_000, md5="m" * 32)
        copy = make(file)
        assert body_of(copy) == body_of(file)
        assert copy.blob_name != file.blob_name
        assert (copy.size, copy.sha256, copy.md5) == (file.size, file.sha256, file.md5)
        storages["uploads"].delete(file.blob_name)
        assert blobs() == [copy.blob_name]
        assert body_of(copy) == b"x" * 3_000_000

    def test_is_inspected_anew(self, picture):
        assert picture.content_info is None
        copy = make(picture)
        assert copy.is_image
        assert (copy.content_info["image"]["width"], copy.content_info["image"]["height"]) == (
            40,
            20,
        )

    def test_is_copied_on_like_every_new_file(self, project):
        make_custom_storage(project, auto_copy=True)
        copy = make(make_file(project))
        assert list(CopyJob.objects.values_list("file", flat=True)) == [copy.pk]

    def test_leaves_nothing_behind(self, project, incoming):
        make(make_file(project))
        assert list(Path(incoming).iterdir()) == []


class TestProcessed:
    def test_is_the_image_under_the_name_of_the_original(self, picture, incoming):
        copy = make(picture, "-/resize/8x/-/format/jpeg/")
        image = Image.open(io.BytesIO(body_of(copy)))
        assert (image.format, image.size) == ("JPEG", (8, 4))
        assert copy.original_filename == "flag.png"
        assert copy.mime_type == copy.detected_type == "image/jpeg"
        assert copy.size == len(body_of(copy))
        assert list(Path(incoming).iterdir()) == []

    def test_leaves_the_cache_whole(self, picture):
        first, second = make(picture, "-/resize/8x/"), make(picture, "-/resize/8x/")
        assert body_of(first) == body_of(second)
        assert first.pk != second.pk

    def test_of_what_is_no_image_is_refused(self, project):
        with pytest.raises(NotAnImage):
            make(make_file(project), "-/resize/8x/")

    def test_over_the_limit_is_refused_in_the_words_of_copies(self, picture, monkeypatch):
        def too_large(**order):
            raise ProcessedTooLarge

        monkeypatch.setattr(local_copies.renditions, "render", too_large)
        with pytest.raises(FileTooLarge):
            make(picture, "-/resize/8x/")

    def test_of_a_hundred_megabytes_passes_and_one_byte_more_does_not(self, picture, monkeypatch):
        render = local_copies.renditions.render
        made = render(file=picture, effects=local_copies.image_effects.parse("-/resize/8x/"))
        monkeypatch.setattr(local_copies, "MAX_PROCESSED", made.size)
        assert make(picture, "-/resize/8x/").size == made.size
        monkeypatch.setattr(local_copies, "MAX_PROCESSED", made.size - 1)
        with pytest.raises(FileTooLarge):
            make(picture, "-/resize/8x/")

    def test_that_changed_on_the_disk_is_refused(self, picture, monkeypatch):
        render = local_copies.renditions.render

        def changed(**order):
            return replace(render(**order), sha256="0" * 64)

        monkeypatch.setattr(local_copies.renditions, "render", changed)
        with pytest.raises(CopyFailed):
            make(picture, "-/resize/8x/")


class TestRefusals:
    @pytest.fixture(autouse=True)
    def _nothing_is_left(self, incoming, blobs):
        yield
        assert list(Path(incoming).iterdir()) == []
        assert len(blobs()) == File.objects.exclude(blob_name="00/nothing").count()

    @pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"size": 9}])
    def test_an_original_that_rotted_is_not_copied(self, project, wrong):
        file = make_file(project, b"some bytes", **wrong)
        with pytest.raises(CopyFailed, match="not the one that was uploaded"):
            make(file)
        assert File.objects.count() == 1

    @pytest.mark.parametrize("effects", ["", "-/resize/8x/"])
    def test_an_original_that_is_gone(self, picture, effects):
        storages["uploads"].delete(picture.blob_name)
        File.objects.update(blob_name="00/nothing")
        picture.refresh_from_db()
        with pytest.raises(CopyFailed, match="not in the upload storage"):
            make(picture, effects)

    def test_metadata_is_looked_at_before_anything_is_read(self, project, monkeypatch):
        file = make_file(project)
        monkeypatch.setattr(File, "open_bytes", lambda file: pytest.fail("It was read."))
        with pytest.raises(errors.MetadataKeyForbidden):
            make(file, metadata={"a b": "c"})

    def test_a_disk_without_room_for_a_name_is_told(self, project, monkeypatch):
        """F05."""
        file = make_file(project)

        def full(**where):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(local_copies.tempfile, "mkstemp", full)
        with pytest.raises(errors.DiskFull):
            make(file)

    def test_a_disk_without_room_for_the_bytes_is_told(self, project, monkeypatch):
        """F05."""
        file = make_file(project)
        monkeypatch.setattr(local_copies, "_temporary", lambda: nullcontext(Path("/dev/full")))
        with pytest.raises(errors.DiskFull):
            make(file)

    def test_a_storage_that_fails_is_told_in_our_words(self, project, monkeypatch):
        file = make_file(project)

        def fails(file):
            raise RuntimeError("The storage has its own words.")

        monkeypatch.setattr(File, "open_bytes", fails)
        with pytest.raises(errors.StorageFailed):
            make(file)

    def test_a_project_that_has_had_its_share_is_told_to_wait(self, project, settings, monkeypatch):
        """S056: nothing is read for it."""
        settings.REMOTE_COPIES_PER_HOUR = 1
        file = make_file(project)
        make(file)
        monkeypatch.setattr(File, "open_bytes", lambda file: pytest.fail("It was read."))
        with pytest.raises(TooManyCopies) as refusal:
            make(file)
        assert 1 <= refusal.value.retry_after <= 3_600

    def test_large_copies_do_not_take_all_threads(self, project, settings, monkeypatch):
        """S056: those that are under way go on, and small ones pass by."""
        monkeypatch.setattr(local_copies, "_large_copies", BoundedSemaphore(1))
        settings.MULTIPART_THRESHOLD = 10
        large, small = make_file(project, b"x" * 11), make_file(project, b"x" * 10)
        inspected = []

        def another(**arrival):
            with pytest.raises(TooManyCopies):
                make(large)
            inspected.append(arrival)
            return arrive(**arrival)

        arrive = local_copies.arrivals.arrive
        monkeypatch.setattr(local_copies.arrivals, "arrive", another)
        make(large)
        assert len(inspected) == 1
        monkeypatch.setattr(local_copies.arrivals, "arrive", arrive)
        make(large)
        local_copies._large_copies.acquire()
        make(small)

    def test_what_the_project_does_not_take_any_more(self, project):
        file = make_file(project, b"%PDF-1.4 document", detected_type="application/pdf")
        project.accepted_types = "image/*"
        project.save()
        with pytest.raises(errors.TypeForbidden):
            make(file)
