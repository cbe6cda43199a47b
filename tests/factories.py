"""Rows for tests, as plain functions; each takes what matters and invents the rest."""

import hashlib
import itertools
import uuid
from datetime import UTC, datetime, timedelta
from io import BytesIO

from django.core.files.base import File as DjangoFile
from django.core.files.storage import storages

from storages_app.models import CustomStorage, File, Membership, Project, SecretKey, User

_counter = itertools.count(1)
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def make_user(email: str = "", **fields: object) -> User:
    return User.objects.create_user(email or f"person{next(_counter)}@example.com", **fields)


def make_project(name: str = "", *, owner: User | None = None, **fields: object) -> Project:
    n = next(_counter)
    project = Project.objects.create(name=name or f"Project {n}", slug=f"project-{n}", **fields)
    if owner:
        Membership.objects.create(project=project, user=owner, role=Membership.Role.OWNER)
    return project


def make_secret_key(project: Project, secret: str = "a secret of the tests") -> SecretKey:
    key = SecretKey(project=project, label=f"key {next(_counter)}")
    key.seal_secret(secret)
    key.save()
    return key


def make_file(
    project: Project,
    content: bytes = b"some bytes",
    *,
    name: str = "notes.txt",
    detected_type: str = "text/plain",
    **fields: object,
) -> File:
    """A ready, stored file whose bytes are in the upload storage."""
    n = next(_counter)
    file_uuid = uuid.uuid4()
    blob_name = f"{file_uuid.hex[:2]}/{file_uuid}"
    storages["uploads"].save(blob_name, DjangoFile(BytesIO(content)))
    moment = _EPOCH + timedelta(seconds=n)
    values: dict[str, object] = {
        "uuid": file_uuid,
        "project": project,
        "original_filename": name,
        "blob_name": blob_name,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "md5": hashlib.md5(content).hexdigest(),
        "mime_type": detected_type,
        "detected_type": detected_type,
        "is_image": detected_type.startswith("image/"),
        "is_ready": True,
        "uploaded_at": moment,
        "stored_at": moment,
    }
    return File.objects.create(**(values | fields))


def make_custom_storage(project: Project, **fields: object) -> CustomStorage:
    """A connected access-key storage; nothing listens at its address."""
    values: dict[str, object] = {
        "project": project,
        "name": f"storage-{next(_counter)}",
        "provider": "other",
        "endpoint_url": "http://127.0.0.1:9",
        "region": "us-east-1",
        "bucket": "bucket",
        "prefix": "",
        "access_key_id": "AKIATEST",
        "connected_at": _EPOCH,
    }
    storage = CustomStorage(**(values | fields))
    storage.seal_secret("an s3 secret of the tests")
    storage.save()
    return storage
