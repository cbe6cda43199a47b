"""A project whose uploads are paused takes no file, whichever way it comes."""

import pytest

from storages_app.models import File, UploadSession, UrlUpload
from storages_app.projects import lifecycle
from storages_app.uploads import arrivals, services, sessions
from storages_app.uploads.errors import UploadsPaused
from storages_app.url_uploads import services as url_uploads
from tests.factories import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_storage(upload_storage):
    """No test here sees the bytes of another."""


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def paused(project):
    lifecycle.pause_uploads(project=project, actor="a test")
    project.refresh_from_db()
    return project


def test_a_direct_upload_is_refused_and_nothing_of_it_kept(paused, received, blobs):
    with pytest.raises(UploadsPaused):
        services.receive(project=paused, upload=received(), store="1", metadata={})
    assert blobs() == []


def test_a_pause_that_comes_while_the_bytes_do_counts_as_well(project, received, blobs):
    """The row that the request read knows of no pause."""
    lifecycle.pause_uploads(project=project, actor="a test")
    assert project.uploads_paused_at is None
    with pytest.raises(UploadsPaused):
        arrivals.arrive_all(project=project, uploads=[received()], store="1", metadata={})
    assert not File.objects.exists()
    assert blobs() == []


def begin(project):
    session, _ = sessions.start(
        project=project,
        filename="film.mp4",
        content_type="video/mp4",
        size=str(sessions.MIN_SIZE),
        part_size="",
        store="1",
        metadata={},
    )
    return session


def test_an_upload_in_parts_does_not_begin(paused):
    with pytest.raises(UploadsPaused):
        begin(paused)
    assert not UploadSession.objects.exists()


def test_one_that_had_begun_is_not_completed_and_stays_open_for_later(project):
    session = begin(project)
    lifecycle.pause_uploads(project=project, actor="a test")
    project.refresh_from_db()
    with pytest.raises(UploadsPaused):
        sessions.complete(project=project, session_uuid=session.pk)
    session.refresh_from_db()
    assert session.state == UploadSession.State.OPEN


def test_nothing_is_fetched_from_the_web(paused):
    with pytest.raises(UploadsPaused):
        url_uploads.order(project=paused, source_url="https://example.com/a.jpg")
    assert not UrlUpload.objects.exists()


def test_after_resuming_files_come_again(paused, received):
    lifecycle.resume_uploads(project=paused, actor="a test")
    paused.refresh_from_db()
    assert services.receive(project=paused, upload=received(), store="1", metadata={}).pk


def test_the_upload_api_tells_it_with_a_code_of_its_own(paused, client):
    """The browser client reads the code, others the status and the text."""
    form = {"UPLOADCARE_PUB_KEY": paused.public_key, "UPLOADCARE_STORE": "1"}
    fetch = {"pub_key": paused.public_key, "source_url": "https://example.com/a.jpg"}
    start = fetch | form | {"filename": "a.mp4", "size": "20000000", "content_type": "video/mp4"}
    for address, data in (("/from_url/", fetch), ("/multipart/start/", start)):
        answer = client.post(address, data)
        assert (answer.status_code, answer.text) == (403, "Uploads to this project are paused.")
        told = client.post(f"{address}?jsonerrors=1", data).json()["error"]
        assert told["error_code"] == "UploadsPausedError"
