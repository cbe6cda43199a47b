"""What is sent again under the same Idempotency-Key (F04)."""

import pytest

from storages_app.library import services as library
from storages_app.models import File
from storages_app.uploads import arrivals, errors, services
from tests.factories import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_storage(upload_storage):
    """No test here sees the bytes of another."""


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def send(project, received):
    def send(*contents, key="order 66", into=project):
        uploads = [received(content) for content in contents]
        for n, upload in enumerate(uploads):
            upload.field_name = f"file{n}"
        return services.receive_all(
            project=into, uploads=uploads, store="1", metadata={}, idempotency_key=key
        )

    return send


def test_is_the_same_file(send, blobs):
    """F04: the client lost the answer."""
    first = send(b"one", b"two")
    assert send(b"one", b"two") == first
    assert File.objects.count() == len(blobs()) == 2


def test_without_a_key_is_another_file(send):
    assert send(b"one", key="") != send(b"one", key="")


def test_other_bytes_are_another_file(send):
    assert send(b"one") != send(b"eno")


def test_another_field_is_another_file(send):
    one, other = send(b"one", b"one")
    assert one != other


def test_another_project_has_files_of_its_own(send):
    assert send(b"one") != send(b"one", into=make_project())


def test_at_the_same_moment_is_the_same_file(send, blobs, monkeypatch):
    """F04: neither saw the other when it looked."""
    first = send(b"one")
    real, looked = services.repeats.find, []

    def find(file_uuids):
        looked.append(file_uuids)
        return real(file_uuids) if len(looked) > 1 else []

    monkeypatch.setattr(services.repeats, "find", find)
    assert send(b"one") == first
    assert File.objects.count() == len(blobs()) == 1


def test_what_was_removed_since_does_not_come_back(send, blobs):
    (file,) = send(b"one")
    library.delete(file=file, actor="a test")
    with pytest.raises(errors.AlreadyUploaded):
        send(b"one")
    assert send(b"one", key="another") != [file]


def test_what_was_refused_may_be_sent_again(send, blobs, monkeypatch):
    def refuse(*args, **kwargs):
        raise errors.DiskFull

    with monkeypatch.context() as full:
        full.setattr(arrivals, "_write_rows", refuse)
        with pytest.raises(errors.DiskFull):
            send(b"one")
    assert send(b"one")
    assert len(blobs()) == 1


def test_its_uuid_looks_like_any_other_and_is_not_made_of_the_key_alone(send, settings):
    (file,) = send(b"one")
    assert file.uuid.version == 4
    settings.SECRET_KEY = "another installation's secret key, as long as it has to be"
    assert send(b"one") != [file]
