import hashlib
from io import BytesIO

import pytest
from django.core.files.base import File as DjangoFile
from django.core.files.storage import Storage

from storages_app.imaging import pipeline
from storages_app.imaging.effects import parse
from storages_app.imaging.errors import NotAnImage, ProcessedTooLarge
from storages_app.models import File
from storages_app.renditions import services as renditions
from tests import pictures
from tests.factories import make_file, make_project

pytestmark = pytest.mark.django_db


class FarStorage(Storage):
    """Like a bucket: it has no paths."""

    def _open(self, name, mode="rb"):
        return DjangoFile(BytesIO(pictures.jpeg()), name)


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, settings):
    settings.RENDITION_CACHE_DIR = tmp_path / "renditions"
    settings.RENDITION_CACHE_BYTES = 1_000_000
    return settings.RENDITION_CACHE_DIR


@pytest.fixture
def photo() -> File:
    return make_file(make_project(), pictures.jpeg(), name="roof.jpg", detected_type="image/jpeg")


@pytest.fixture
def n_renders(monkeypatch) -> list[str]:
    done: list[str] = []
    real = pipeline.render

    def counted(source, effects, *args, **options):
        done.append(effects.canonical)
        return real(source, effects, *args, **options)

    monkeypatch.setattr(pipeline, "render", counted)
    return done


class TestRender:
    def test_makes_the_processed_image_and_keeps_it(self, photo, n_renders):
        first = renditions.render(file=photo, effects=parse("-/resize/200x/"))
        again = renditions.render(file=photo, effects=parse("/-/resize/0200x"))
        assert first == again
        assert first.width == 200
        assert hashlib.sha256(first.path.read_bytes()).hexdigest() == first.sha256
        assert n_renders == ["-/resize/200x/"]

    def test_another_file_with_the_same_bytes_shares_it(self, photo, n_renders):
        twin = make_file(photo.project, pictures.jpeg(), detected_type="image/jpeg")
        renditions.render(file=photo, effects=parse("-/preview/"))
        renditions.render(file=twin, effects=parse("-/preview/"))
        assert len(n_renders) == 1

    def test_the_browser_matters_only_to_format_auto(self, photo, n_renders):
        for accept in ("image/webp", "image/avif", ""):
            renditions.render(file=photo, effects=parse("-/preview/"), accept=accept)
        assert len(n_renders) == 1
        types = [
            renditions.render(
                file=photo, effects=parse("-/preview/-/format/auto/"), accept=accept
            ).content_type
            for accept in ("image/webp", "", "text/html,image/webp;q=0.9")
        ]
        assert types == ["image/webp", "image/png", "image/webp"]  # it has few colours
        assert len(n_renders) == 3

    def test_refuses_what_is_no_image(self, photo):
        page = make_file(photo.project, pictures.HTML, name="a.jpg", detected_type="text/html")
        with pytest.raises(NotAnImage):
            renditions.render(file=page, effects=parse("-/preview/"))

    def test_refuses_an_original_over_100_mb_before_it_is_touched(self, photo):
        photo.size = 104_857_601
        photo.blob_name = "not/there"
        with pytest.raises(ProcessedTooLarge):
            renditions.render(file=photo, effects=parse("-/preview/"))

    def test_says_so_where_the_bytes_are_gone(self, photo):
        photo.blob_name = "aa/not-there"
        with pytest.raises(FileNotFoundError):
            renditions.render(file=photo, effects=parse("-/preview/"))

    def test_reads_an_upload_storage_that_is_not_a_local_disk(self, photo, monkeypatch):
        far = FarStorage()
        for place in ("storages_app.renditions.services", "storages_app.models.files"):
            monkeypatch.setattr(f"{place}.storages", {"uploads": far})
        assert renditions.render(file=photo, effects=parse("-/resize/50x/")).width == 50
        other = make_file(photo.project, b"?", size=9)
        over = parse(f"-/resize/50x/-/overlay/{other.uuid}/")
        assert renditions.render(file=photo, effects=over).width == 50


class TestFingerprint:
    def test_is_computed_once(self, photo, monkeypatch):
        first = renditions.fingerprint(file=photo)
        monkeypatch.setattr(pipeline, "fingerprint", None)
        assert renditions.fingerprint(file=photo) == first
        assert len(first) == 16

    def test_refuses_an_original_over_100_mb(self, photo):
        photo.size = 104_857_601
        with pytest.raises(ProcessedTooLarge):
            renditions.fingerprint(file=photo)
