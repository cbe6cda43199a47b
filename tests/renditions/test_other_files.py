"""Pictures made with other files: who may be laid over what, at every door."""

from datetime import timedelta
from io import BytesIO
from itertools import product
from uuid import UUID, uuid4

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone
from PIL import Image

from storages_app.bulk_copies import services as bulk_copies
from storages_app.copying import auto_copy, orders, runner
from storages_app.copying import services as copying
from storages_app.imaging.effects import parse
from storages_app.imaging.errors import BadEffects
from storages_app.models import BulkJob, CopyJob, File, Reason
from storages_app.models.copy_jobs import State
from storages_app.projects import services as projects
from storages_app.renditions import services as renditions
from tests import pictures
from tests.factories import make_custom_storage, make_file, make_group, make_project
from tests.memory_bucket import PROVEN, bucket

__all__ = ["bucket"]

pytestmark = pytest.mark.django_db

GREEN = (0, 200, 0)


@pytest.fixture(autouse=True)
def _cache_folder(tmp_path, settings):
    settings.RENDITION_CACHE_DIR = tmp_path / "renditions"


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="mine", capabilities=PROVEN)


@pytest.fixture
def photo(project) -> File:
    return make_file(project, pictures.png(), name="roof.png", detected_type="image/png")


def make_logo(project, *, colour=GREEN, **fields) -> File:
    body = BytesIO()
    Image.new("RGB", (40, 20), colour).save(body, "PNG")
    kind = {"name": "logo.png", "detected_type": "image/png"}
    return make_file(project, body.getvalue(), **(kind | fields))


@pytest.fixture
def logo(project) -> File:
    return make_logo(project)


def corner(body: bytes) -> tuple[int, ...]:
    return pictures.read(body).convert("RGB").getpixel((5, 5))


def over(uuid: UUID) -> str:
    return f"-/overlay/{uuid}/"


# --- what cannot be laid over, and the doors at which that is tried --------------------------


def of_another(project) -> UUID:
    return make_logo(make_project()).uuid


def unknown(project) -> UUID:
    return uuid4()


def removed(project) -> UUID:
    return make_logo(project, stored_at=None, removed_at=timezone.now()).uuid


def not_ready(project) -> UUID:
    return make_logo(project, is_ready=False).uuid


def expired(project) -> UUID:
    return make_logo(project, stored_at=None, expires_at=timezone.now()).uuid


def too_large(project) -> UUID:
    return make_logo(project, size=104_857_601).uuid


def no_picture(project) -> UUID:
    return make_file(project).uuid


def without_bytes(project) -> UUID:
    file = make_logo(project)
    storages["uploads"].delete(file.blob_name)
    return file.uuid


KNOWN_AT_ONCE = [of_another, unknown, removed, not_ready, expired, too_large]
KNOWN_LATER = [no_picture, without_bytes]


def file_host(photo, storage, effects) -> str:
    host = django_settings.CDN_URL.removeprefix("http://")
    response = Client(HTTP_HOST=host).get(f"/{photo.uuid}/{effects}")
    assert response.status_code == 400
    assert "public" not in response["Cache-Control"]
    return response.content.decode()


def json_of_the_file_host(photo, storage, effects) -> str:
    return file_host(photo, storage, f"{effects}-/json/")


def rest(photo, path, **body) -> str:
    _, secret = projects.create_secret_key(project=photo.project, label="k", actor="a test")
    response = Client().post(
        path,
        body,
        content_type="application/json",
        HTTP_ACCEPT="application/vnd.uploadcare-v0.7+json",
        HTTP_AUTHORIZATION=f"Uploadcare.Simple {photo.project.public_key}:{secret}",
    )
    assert response.status_code == 400
    assert not CopyJob.objects.exists()
    assert not BulkJob.objects.exists()
    return response.content.decode()


def local_copy(photo, storage, effects) -> str:
    return rest(photo, "/files/local_copy/", source=f"{photo.uuid}/{effects}")


def remote_copy(photo, storage, effects) -> str:
    return rest(photo, "/files/remote_copy/", source=f"{photo.uuid}/{effects}", target=storage.name)


def bulk_copy(photo, storage, effects) -> str:
    return rest(
        photo,
        "/api/v1/bulk-jobs/",
        target=storage.name,
        what="selection",
        files=[str(photo.uuid)],
        effects=effects,
    )


def copy_by_hand(photo, storage, effects) -> str:
    with pytest.raises(BadEffects) as refusal:
        copying.order_copies(files=[photo], custom_storage=storage, effects=effects, asked_by="ann")
    return refusal.value.message


def copy_that_was_ordered(photo, storage, effects) -> str:
    """It may have been there when the copy was ordered: an old row, a rule of auto-copy."""
    job = CopyJob.objects.create(
        project=photo.project,
        file=photo,
        custom_storage=storage,
        key="roof.png",
        effects=effects,
        lane=CopyJob.Lane.AUTO_COPY,
        run_after=timezone.now(),
    )
    runner.drain()
    job.refresh_from_db()
    assert (job.state, job.reason) == (State.FAILED, Reason.PROCESSING_FAILED)
    return job.detail


ORDERS = [remote_copy, bulk_copy, copy_by_hand]
MAKERS = [file_host, json_of_the_file_host, local_copy, copy_that_was_ordered]


@pytest.mark.parametrize(
    ("door", "kind"),
    [
        *product(ORDERS, KNOWN_AT_ONCE),  # an order does not read bytes
        *product(MAKERS, [*KNOWN_AT_ONCE, *KNOWN_LATER]),
    ],
)
def test_what_is_no_picture_of_the_project_is_refused_in_one_way(
    photo, storage, bucket, door, kind
):
    uuid = kind(photo.project)
    told = door(photo, storage, over(uuid))
    assert f"Operation `overlay`: {uuid} is not a picture of this project." in told
    assert bucket.calls == []


class TestRender:
    def test_lays_a_file_of_the_project_over_another(self, photo, logo):
        made = renditions.render(file=photo, effects=parse(over(logo.uuid)))
        assert corner(made.path.read_bytes()) == GREEN

    @pytest.mark.parametrize(
        "fields",
        [
            {"stored_at": None, "expires_at": None},
            {"stored_at": None, "expires_at": timezone.now() + timedelta(hours=1)},
            {"expires_at": timezone.now()},
        ],
    )
    def test_takes_what_can_be_read(self, photo, fields):
        logo = make_logo(photo.project, **fields)
        assert renditions.render(file=photo, effects=parse(over(logo.uuid)))

    def test_makes_it_once_and_anew_for_other_bytes(self, photo, logo, monkeypatch):
        effects = parse(over(logo.uuid))
        first = renditions.render(file=photo, effects=effects)
        assert renditions.render(file=photo, effects=effects) == first
        File.objects.filter(pk=logo.pk).update(sha256="f" * 64)
        assert renditions.render(file=photo, effects=effects).path != first.path

    def test_a_picture_in_the_cache_is_refused_as_well_when_its_part_is_removed(self, photo, logo):
        effects = parse(over(logo.uuid))
        renditions.render(file=photo, effects=effects)
        File.objects.filter(pk=logo.pk).update(stored_at=None, removed_at=timezone.now())
        with pytest.raises(BadEffects):
            renditions.render(file=photo, effects=effects)

    def test_asks_the_database_for_all_of_them_at_once(
        self, photo, logo, django_assert_num_queries
    ):
        effects = parse(over(logo.uuid) + over(make_logo(photo.project).uuid))
        with django_assert_num_queries(1):
            renditions.find_others(project_id=photo.project_id, effects=effects)
        with django_assert_num_queries(0):
            renditions.find_others(project_id=photo.project_id, effects=parse("-/preview/"))


class TestDoors:
    def test_the_file_host_serves_it_as_long_as_all_its_files_stay(self, photo):
        hour = timezone.now() + timedelta(hours=1)
        logo = make_logo(photo.project, stored_at=None, expires_at=hour)
        host = django_settings.CDN_URL.removeprefix("http://")
        response = Client(HTTP_HOST=host).get(f"/{photo.uuid}/{over(logo.uuid)}")
        assert response.status_code == 200
        assert corner(response.getvalue()) == GREEN
        age = int(response["Cache-Control"].removeprefix("public, max-age="))
        assert 3_500 < age <= 3_600

    @pytest.mark.parametrize(
        ("form", "name"),
        [
            ("-/resize/100x/-/overlay/{logo}/", "roof.-resize_100x.-overlay_{logo}.png"),
            (
                "-/text/90px90p/center/50%25%20off~s%C3%A9/",
                "roof.-text_90px90p_center_50%%20off~s%C3%A9.png",
            ),
        ],
    )
    def test_a_copy_has_the_bytes_that_the_file_host_serves(
        self, photo, logo, storage, bucket, form, name
    ):
        effects = form.format(logo=logo.uuid)
        host = django_settings.CDN_URL.removeprefix("http://")
        served = Client(HTTP_HOST=host).get(f"/{photo.uuid}/{effects}")
        assert served.status_code == 200
        (job,) = copying.order_copies(
            files=[photo], custom_storage=storage, effects=effects, asked_by="ann"
        )
        runner.drain()
        job.refresh_from_db()
        assert job.state == State.DONE
        assert job.key == f"{photo.uuid}/{name.format(logo=logo.uuid)}"
        with bucket.inner.get(job.key) as chunks:
            assert b"".join(chunks) == served.getvalue()

    def test_a_group_shows_no_file_of_another_project(self, photo, logo):
        host = django_settings.CDN_URL.removeprefix("http://")
        for uuid, status in ((logo.uuid, 200), (of_another(None), 400), (unknown(None), 400)):
            group = make_group(photo.project, photo, effects=f"overlay/{uuid}/")
            response = Client(HTTP_HOST=host).get(f"/{group.pk}~1/nth/0/")
            body = response.getvalue()
            assert response.status_code == status
            assert status == 400 or corner(body) == GREEN

    def test_a_rule_of_auto_copy_brings_no_file_of_another_project(self, photo, storage, bucket):
        uuid = of_another(None)
        storage.auto_copy = True
        storage.auto_copy_rule = {"renditions": [over(uuid)]}
        storage.save()
        made = auto_copy.orders_for_new_file(photo)
        orders.place(made, lane=CopyJob.Lane.AUTO_COPY, asked_by="a rule")
        runner.drain()
        job = CopyJob.objects.exclude(effects="").get()
        assert (job.state, job.reason) == (State.FAILED, Reason.PROCESSING_FAILED)
        assert "is not a picture of this project" in job.detail

    def test_many_copies_can_have_it(self, photo, logo, storage):
        job = bulk_copies.request(
            project=photo.project,
            custom_storage=storage,
            asked_by="ann",
            what="selection",
            file_uuids=[photo.uuid],
            effects=over(logo.uuid),
        )
        assert job.effects == over(logo.uuid)
