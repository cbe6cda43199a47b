"""Received files, as the door hands them over."""

import hashlib
from pathlib import Path

import pytest
from django.core.files.storage import storages

from storages_app.uploads.receiving import Upload


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
