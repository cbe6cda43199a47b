"""A storage whose copies are in the memory bucket, with the metadata that the engine sets."""

import hashlib
from io import BytesIO

import pytest

from storages_app.models import Reconciliation
from storages_app.objectstores.base import PutOptions
from storages_app.reconciliation import runner, services
from tests.factories import make_copy_job, make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN, bucket

__all__ = ["bucket"]


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def custom_storage(project):
    return make_custom_storage(project, prefix="in/", capabilities=PROVEN)


@pytest.fixture
def write(bucket):
    """Puts an object that says of which file it is a copy."""

    def put(key, content, file, **more):
        metadata = {"uuid": str(file.pk), "sha256": file.sha256, "name": file.original_filename}
        options = PutOptions(content_type=file.detected_type, metadata=metadata | more)
        sha256 = hashlib.sha256(content).hexdigest()
        return bucket.inner.put(
            key, BytesIO(content), size=len(content), sha256=sha256, options=options
        )

    return put


@pytest.fixture
def copy_of(custom_storage, write):
    """A proved copy of a new file, in the ledger and in the bucket."""

    def make(content=b"some bytes", **fields):
        file = make_file(custom_storage.project, content)
        key = fields.pop("key", f"{custom_storage.prefix}{file.pk}/{file.original_filename}")
        receipt = write(key, content, file)
        values = {
            "key": key,
            "evidence": "checksum",
            "evidence_checksum": f"sha256:{file.sha256}",
            "etag": receipt.etag,
            "content_type": file.detected_type,
        }
        return make_copy_job(file, custom_storage, **(values | fields))

    return make


@pytest.fixture
def reconcile(custom_storage, bucket):
    """Makes one comparison now; its finished row."""

    def run(kind="full") -> Reconciliation:
        asked = services.request(custom_storage=custom_storage, kind=kind, asked_by="somebody")
        runner.drain()
        asked.refresh_from_db()
        assert asked.is_over
        return asked

    return run


@pytest.fixture
def no_waiting(monkeypatch):
    """How long was waited, without waiting."""
    waits: list[float] = []
    for module in ("inventory", "looking"):
        monkeypatch.setattr(f"storages_app.reconciliation.{module}.sleep", waits.append)
    return waits
