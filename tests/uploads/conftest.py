"""Received files, as the door hands them over."""

import hashlib
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.storage import storages

from storages_app.uploads import sessions
from storages_app.uploads.receiving import Upload
from tests.factories import make_project, make_upload_session


@pytest.fixture
def incoming(tmp_path, settings):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()
    return settings.FILE_UPLOAD_TEMP_DIR


@pytest.fixture
def upload_storage(tmp_path, settings):
    """An upload storage of this test alone; its folder."""
    folder = tmp_path / "uploads"
    settings.STORAGES = settings.STORAGES | {
        "uploads": {
            "BACKEND": "storages_app.uploads.local_storage.DurableFileSystemStorage",
            "OPTIONS": {"location": folder},
        }
    }
    assert storages["uploads"].location == str(folder)
    return folder


@pytest.fixture
def received(incoming):
    counter = iter(range(1_000))

    def make(content=b"some bytes", name="notes.txt", declared_type="text/plain"):
        path = Path(incoming) / f"part-{next(counter)}"
        path.write_bytes(content)
        return Upload(
            field_name="file",
            name=name,
            declared_type=declared_type,
            path=path,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            md5=hashlib.md5(content).hexdigest(),
        )

    return make


@pytest.fixture
def blobs(upload_storage):
    """The names of all that is in the upload storage now."""

    def names():
        if not upload_storage.exists():
            return []
        return sorted(
            str(path.relative_to(upload_storage))
            for path in upload_storage.rglob("*")
            if path.is_file()
        )

    return names


@pytest.fixture
def session(incoming, upload_storage):
    """A multipart upload of 25 bytes in parts of 10; none of them has come."""
    return make_upload_session(make_project(), size=25, part_size=10)


@pytest.fixture
def send():
    """Send one part of a session, as the door does."""

    def send(session, number, content):
        return sessions.receive_part(
            session_uuid=session.pk, number=number, length=len(content), body=BytesIO(content)
        )

    return send


@pytest.fixture
def complete():
    """Ask for the file of a session."""

    def complete(session):
        return sessions.complete(project=session.project, session_uuid=session.pk)

    return complete
