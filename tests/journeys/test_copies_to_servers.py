"""Copies by the engine to servers of other makers, with the capabilities that its own test found.

What a server does not verify has to be proved by reading it back; nothing is green by its word.
"""

import hashlib
import random
from dataclasses import replace
from pathlib import Path

import pytest

from storages_app.copying import making, orders, runner
from storages_app.custom_storages import services
from storages_app.lib import outbound
from storages_app.models import CopyJob, CustomStorage
from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.errors import AccessDenied
from tests.factories import make_file, make_project
from tests.rig.radosgw import Radosgw
from tests.rig.rclone import Rclone
from tests.rig.s3_server import S3Server

pytestmark = pytest.mark.django_db

SMALL = b"a small file"
LARGE = random.Random(40).randbytes(40_000_000)


@pytest.fixture(autouse=True)
def _the_guard_lets_the_servers_through(request):
    before = outbound.current_policy()
    for name in ("radosgw", "rclone_s3"):
        if name in request.fixturenames:
            server = request.getfixturevalue(name)
            let_in = before.allowed_private | {server.host_and_port}
            outbound.configure(replace(before, allowed_private=let_in))
    yield
    outbound.configure(before)


def connected(server: S3Server, *, provider: str) -> CustomStorage:
    """A storage in a bucket of its own, as a person connects it."""
    keys = server.users["owner"]
    storage = services.create_draft(
        project=make_project(),
        actor="a test",
        name="there",
        provider=provider,
        endpoint_url=server.endpoint_url,
        region=server.region,
        bucket=server.new_bucket(),
        access_key_id=keys.access_key_id,
        secret=keys.secret_access_key,
    )
    assert services.run_test_now(custom_storage=storage, asked_by="a test").has_passed
    services.connect(custom_storage=storage, actor="a test")
    return storage


def copy(storage: CustomStorage, content: bytes) -> CopyJob:
    file = make_file(storage.project, content, name="photo.bin")
    order = orders.order_for(file=file, custom_storage=storage)
    (job,) = orders.place([order], lane=CopyJob.Lane.BULK, asked_by="a test")
    runner.make_one(copy_job_id=job.pk)
    job.refresh_from_db()
    return job


def read(server: S3Server, job: CopyJob) -> bytes:
    """By boto3, for a second opinion."""
    bucket = job.custom_storage.bucket
    content: bytes = server.client().get_object(Bucket=bucket, Key=job.key)["Body"].read()
    return content


class TestRadosgw:
    """It verifies what it gets, but names no ETag for what it puts together from parts."""

    @pytest.fixture
    def storage(self, radosgw: Radosgw) -> CustomStorage:
        return connected(radosgw, provider="ceph")

    def test_a_small_copy_is_proved_by_its_etag(self, radosgw, storage):
        job = copy(storage, SMALL)
        assert (job.state, job.evidence) == ("done", "etag")
        assert job.evidence_checksum == f"md5:{hashlib.md5(SMALL).hexdigest()}"
        assert read(radosgw, job) == SMALL

    def test_a_copy_in_parts_is_read_back(self, radosgw, storage):
        job = copy(storage, LARGE)
        assert (job.state, job.evidence) == ("done", "read_back")
        assert job.evidence_checksum == f"sha256:{hashlib.sha256(LARGE).hexdigest()}"
        assert read(radosgw, job) == LARGE


class TestRclone:
    """It takes wrong checksums and second writes, so nothing that it says is a proof."""

    @pytest.fixture
    def storage(self, rclone_s3: Rclone) -> CustomStorage:
        storage = connected(rclone_s3, provider="other")
        assert not storage.can("verifies_checksum")
        assert not storage.can("conditional_put")
        return storage

    @pytest.mark.parametrize("content", [SMALL, LARGE], ids=["whole", "in parts"])
    def test_a_copy_is_read_back(self, rclone_s3, storage, content):
        job = copy(storage, content)
        assert (job.state, job.evidence) == ("done", "read_back")
        assert job.evidence_checksum == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert read(rclone_s3, job) == content

    @pytest.mark.parametrize("content", [SMALL, LARGE], ids=["whole", "in parts"])
    def test_a_copy_that_is_damaged_on_its_disk_is_not_done(
        self, rclone_s3, storage, content, monkeypatch
    ):
        def damaged(job_state: str) -> None:
            if job_state == "copy_before_verify":
                for path in Path(rclone_s3.folder / storage.bucket).rglob("photo.bin"):
                    path.write_bytes(bytes(len(content)))

        monkeypatch.setattr(making, "crashpoint", damaged)
        job = copy(storage, content)
        assert (job.state, job.reason) == ("retry_wait", "dest_checksum_mismatch")

    def test_a_copy_that_may_not_be_read_is_shown_as_unverified(
        self, rclone_s3, storage, monkeypatch
    ):
        def refuse(*_args: object, **_options: object) -> None:
            raise AccessDenied(http_status=403, operation="GetObject")

        monkeypatch.setattr(S3Store, "get", refuse)
        job = copy(storage, SMALL)
        assert (job.state, job.reason) == ("unverified", "dest_unverifiable")

    def test_other_bytes_under_the_key_are_found_by_looking_and_stay(self, rclone_s3, storage):
        storage.key_pattern = "photo.bin"
        storage.save()
        first = copy(storage, SMALL)
        second = copy(storage, LARGE)
        assert (second.state, second.reason) == ("failed", "key_conflict")
        assert read(rclone_s3, first) == SMALL
