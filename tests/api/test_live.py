"""Real sockets: an unmodified official client, and connections that break the rules."""

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from PIL import Image
from pyuploadcare import Uploadcare, conf
from pyuploadcare.api.auth import UploadcareSimpleAuth
from pyuploadcare.exceptions import AuthenticationError, InvalidRequestError

from storages_app.models import File
from storages_app.projects import services as projects
from storages_app.uploads import receiving
from tests.factories import make_project
from tests.raw_upload import form, send

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, settings):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()


@pytest.fixture
def project():
    return make_project("Demo")


@pytest.fixture
def secret(project):
    return projects.create_secret_key(project=project, label="server", actor="a test")[1]


@pytest.fixture
def make_client(live_server, settings):
    """pyuploadcare as it comes, pointed here by its settings."""
    settings.API_URL = settings.UPLOAD_URL = live_server.url
    made = []

    def make(project, secret, **options):
        client = Uploadcare(
            public_key=project.public_key,
            secret_key=secret,
            api_base=f"{live_server.url}/",
            upload_base=f"{live_server.url}/",
            cdn_base=f"{settings.CDN_URL}/",
            **options,
        )
        made.append(client)
        return client

    yield make
    for client in made:
        for connections in (client.rest_client, client.upload_client, client.cdn_client):
            connections.close()


@pytest.fixture
def client(make_client, project, secret):
    """It signs every request."""
    return make_client(project, secret)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "my photo (1).jpg"
    Image.new("RGB", (400, 300), "teal").save(path, "JPEG", dpi=(72, 72))
    return path


class TestPyuploadcare:
    def test_uploads_reads_stores_lists_and_deletes(self, client, photo, settings):
        with photo.open("rb") as content:
            file = client.upload(content, store=False, metadata={"pet": "cat"})
        info = file.info
        assert info["original_filename"] == "my photo (1).jpg"
        assert info["size"] == photo.stat().st_size
        assert info["mime_type"] == "image/jpeg"
        assert info["is_image"] is True
        assert info["is_ready"] is True
        assert info["metadata"] == {"pet": "cat"}
        assert (
            info["content_info"]["image"]["width"],
            info["content_info"]["image"]["height"],
        ) == (
            400,
            300,
        )
        assert info["original_file_url"] == f"{settings.CDN_URL}/{file.uuid}/myphoto1.jpg"
        assert not file.is_stored

        file.store()
        assert file.is_stored
        assert [str(found.uuid) for found in client.list_files(stored=True)] == [file.uuid]

        file.delete()
        assert file.is_removed
        assert list(client.list_files()) == []
        assert [str(found.uuid) for found in client.list_files(removed=True)] == [file.uuid]

    def test_follows_the_pages_both_ways_round(self, client):
        names = [f"{n}.txt" for n in range(7)]
        for name in names:
            content = io.BytesIO(name.encode())
            content.name = name
            client.upload(content, size=len(name))
        forward = [file.filename for file in client.list_files(request_limit=3)]
        assert forward == names
        back = client.list_files(request_limit=2, ordering="-datetime_uploaded")
        assert [file.filename for file in back] == names[::-1]
        start = File.objects.order_by("uploaded_at")[2].uploaded_at
        later = client.list_files(starting_point=start, request_limit=2)
        assert [file.filename for file in later] == names[3:]
        assert client.list_files().count() == 7

    def test_reads_the_project(self, client, project):
        info = client.get_project_info()
        assert (info.name, info.pub_key) == ("Demo", project.public_key)
        assert info.autostore_enabled is True

    def test_is_told_why_a_copy_was_not_made(self, client, photo):
        with photo.open("rb") as content:
            file = client.upload(content)
        with pytest.raises(InvalidRequestError, match="Project has no storage with provided name"):
            file.create_remote_copy(target="nowhere", effects="resize/200x/")

    def test_with_a_wrong_secret_stays_outside(self, project, make_client):
        stranger = make_client(project, "wrong")
        with pytest.raises(AuthenticationError, match="Invalid signature"):
            stranger.get_project_info()

    def test_may_send_its_secret_from_this_machine(self, project, secret, make_client):
        simple = make_client(project, secret, auth_class=UploadcareSimpleAuth)
        assert simple.get_project_info().name == "Demo"

    def test_with_a_wrong_public_key_uploads_nothing(self, secret, photo, make_client):
        nobody = make_client(make_project(), secret)
        nobody.upload_api.public_key = "nobody"
        with photo.open("rb") as content, pytest.raises(AuthenticationError, match="is invalid"):
            nobody.upload(content)
        assert not File.objects.exists()

    def test_is_not_modified(self):
        assert conf.api_version == "0.7"
        assert conf.signed_uploads is True


class TestBrokenConnections:
    @pytest.fixture(autouse=True)
    def _nothing_is_left(self, settings):
        yield
        assert not File.objects.exists()
        assert list(settings.FILE_UPLOAD_TEMP_DIR.iterdir()) == []

    def test_a_client_that_goes_away_in_the_middle(self, project, live_server):
        """F01"""
        body = form(project.public_key)
        answer = send(live_server.url, body[: len(body) // 2], length=len(body))
        assert answer.startswith("HTTP/1.1 400 ")
        assert answer.endswith("The body ended in the middle of a file.")

    @pytest.mark.parametrize("difference", [-5, 1, 1_000])
    def test_a_length_that_lies(self, project, live_server, difference):
        """F02"""
        body = form(project.public_key)
        answer = send(live_server.url, body, length=len(body) + difference)
        assert answer.startswith("HTTP/1.1 400 ")

    def test_a_request_over_the_limit_hears_why(self, project, live_server, settings):
        settings.MAX_DIRECT_UPLOAD = 200_000
        body = form(project.public_key)
        answer = send(live_server.url, body, length=len(body))
        assert answer.startswith("HTTP/1.1 413 ")
        assert answer.endswith("The size of the request is too large.")

    def test_a_disk_that_is_full(self, project, live_server, monkeypatch):
        """F05: in the folder of temporary files."""

        def full(fd, data):
            os.write(fd, data[:10])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(receiving, "_write_all", full)
        body = form(project.public_key)
        answer = send(live_server.url, body, length=len(body))
        assert answer.startswith("HTTP/1.1 507 ")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "naïve 日本.txt", "<svg onload=alert(1)>.png", "..", "a" * 300]
)
def test_odd_names_are_kept_as_names_and_lead_nowhere(project, live_server, name):
    """S023"""
    body = form(project.public_key, name=name)
    assert send(live_server.url, body, length=len(body)).startswith("HTTP/1.1 200 ")
    file = File.objects.get()
    assert "/" not in file.original_filename
    assert file.blob_name == f"{file.uuid.hex[:2]}/{file.uuid}"


def test_uploads_at_the_same_moment_are_all_kept(project, live_server, monkeypatch):
    if connection.vendor == "sqlite":
        pytest.skip("the threads of a live server share one SQLite connection")
    from django.utils import timezone

    now = timezone.now()
    monkeypatch.setattr("storages_app.uploads.arrivals.timezone.now", lambda: now)
    barrier = threading.Barrier(8)

    def upload(n):
        body = form(project.public_key, content=b"%d" % n)
        barrier.wait()
        return send(live_server.url, body, length=len(body))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(upload, range(8)))
    assert all(answer.startswith("HTTP/1.1 200 ") for answer in answers)
    assert len(set(File.objects.values_list("uploaded_at", flat=True))) == 8
