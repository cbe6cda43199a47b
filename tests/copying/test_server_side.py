"""Both ends are one S3: the provider copies by itself, and no byte comes through us."""

from dataclasses import replace
from hashlib import sha256
from io import BytesIO

import pytest
from django.core.files.storage import storages

from storages_app.copying import orders, runner, server_side, sources
from storages_app.copying.assignments import Assignment
from storages_app.models import CopyJob, CustomStorage, Reason
from storages_app.models.copy_jobs import State
from storages_app.objectstores.base import PutOptions, PutReceipt
from storages_app.objectstores.errors import AccessDenied, ConnectionFailed, NotSupported, TimedOut
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db
ENDPOINT = "https://s3.example.com"
SHA_OF_X = sha256(b"x" * 10).hexdigest()


@pytest.fixture(autouse=True)
def forget():
    server_side._refused_at.clear()
    yield
    server_side._refused_at.clear()


@pytest.fixture
def storage(monkeypatch, bucket):
    """A custom storage where the originals are too; the bytes are on our disk as well."""
    options = {"bucket_name": "originals", "endpoint_url": ENDPOINT + "/"}
    monkeypatch.setattr(server_side, "_uploads_options", lambda: options)
    bucket.inner.server.new_bucket("originals")
    return make_custom_storage(make_project(), capabilities=PROVEN, endpoint_url=ENDPOINT)


def ordered(storage: CustomStorage, bucket, content: bytes = b"some bytes") -> CopyJob:
    file = make_file(storage.project, content)
    original = bucket.inner.server.buckets["originals"]
    bucket.inner.put(
        "scratch",
        BytesIO(content),
        size=len(content),
        sha256=file.sha256,
        options=PutOptions(),
    )
    original.objects[file.blob_name] = bucket.inner.objects.pop("scratch")
    order = orders.order_for(file=file, custom_storage=storage)
    (job,) = orders.place([order], lane=CopyJob.Lane.AUTO_COPY, asked_by="a test")
    return job


def drained(job: CopyJob) -> CopyJob:
    runner.drain()
    job.refresh_from_db()
    return job


@pytest.fixture
def unread(monkeypatch):
    """Whoever opens the original fails the test."""

    def refuse(job):
        raise AssertionError("The original was read.")

    monkeypatch.setattr(sources, "open_source", refuse)


def test_no_byte_comes_through_us(storage, bucket, unread):
    job = drained(ordered(storage, bucket))
    assert (job.state, job.evidence, job.sha256) == (State.DONE, "checksum", job.file.sha256)
    assert bucket.calls == ["head", "copy_from"]
    info = bucket.inner.head(job.key)
    assert info.metadata["uuid"] == str(job.file.uuid)


@pytest.mark.parametrize(
    ("on_clash", "capabilities", "is_left_to_provider"),
    [
        ("error", {"conditional_copy": False}, False),
        ("keep_both", {"conditional_copy": False}, False),
        ("overwrite", {"conditional_copy": False}, True),
        ("error", {"conditional_put": False, "conditional_copy": False}, True),
    ],
    ids=["must be absent", "keep both", "overwrite", "sending is no safer"],
)
def test_a_provider_that_may_overwrite_by_copying_is_sent_the_bytes(
    storage, bucket, on_clash, capabilities, is_left_to_provider
):
    """It minds If-None-Match in PutObject, and nobody has seen that it does so in CopyObject."""
    storage.capabilities = PROVEN | capabilities
    storage.on_clash = on_clash
    storage.save()
    assert drained(ordered(storage, bucket)).state == State.DONE
    assert ("copy_from" in bucket.calls) is is_left_to_provider


def test_what_is_there_already_is_not_copied_again(storage, bucket, unread):
    job = drained(ordered(storage, bucket))
    orders.reopen(CopyJob.objects.all(), lane=CopyJob.Lane.BULK, asked_by="a test")
    assert drained(job).reason == Reason.ALREADY_THERE
    assert bucket.calls.count("copy_from") == 1


@pytest.mark.parametrize("refusal", [AccessDenied(http_status=403), NotSupported(http_status=501)])
def test_a_refusal_means_that_the_bytes_go_through_us_and_nobody_is_blamed(
    storage, bucket, refusal
):
    bucket.fail("copy_from", refusal)
    first = drained(ordered(storage, bucket))
    second = drained(ordered(storage, bucket, b"others"))
    assert (first.state, second.state) == (State.DONE, State.DONE)
    assert bucket.calls.count("copy_from") == 1  # the second was not tried
    storage.refresh_from_db()
    assert storage.recent_outcomes == ""


def test_f36_other_bytes_behind_a_status_of_success_are_never_done(storage, bucket):
    job = ordered(storage, bucket)

    def lie(copy_from, key, **kwargs):
        bucket.inner.put(
            key, BytesIO(b"x" * 10), size=10, sha256=SHA_OF_X, options=kwargs["options"]
        )
        return PutReceipt(etag="0" * 32)

    bucket.fail("copy_from", lie)
    job = drained(job)
    with bucket.inner.get(job.key) as chunks:
        assert b"".join(chunks) == b"some bytes"  # sent by us over the damaged one
    assert (job.state, job.sha256) == (State.DONE, job.file.sha256)


@pytest.mark.parametrize("is_answered", [True, False], ids=["answered", "answer lost"])
def test_f34_an_etag_that_was_copied_with_damaged_bytes_proves_nothing(
    storage, bucket, is_answered
):
    """A provider may copy the ETag as it copies a name, without a look at the bytes."""
    job = ordered(storage, bucket)

    def lie(copy_from, key, **kwargs):
        bucket.inner.put(
            key, BytesIO(b"x" * 10), size=10, sha256=SHA_OF_X, options=kwargs["options"]
        )
        damaged = bucket.inner.objects[key]
        info = replace(damaged.info, etag=job.file.md5, sha256="")
        bucket.inner.objects[key] = replace(damaged, info=info)
        if not is_answered:
            raise ConnectionFailed("reset")
        return PutReceipt(etag=job.file.md5)

    bucket.fail("copy_from", lie)
    drained(job)
    job.refresh_from_db()
    if job.state == State.DONE:
        with bucket.inner.get(job.key) as chunks:
            assert b"".join(chunks) == b"some bytes"
    else:
        assert job.state == State.RETRY_WAIT


def test_f32_a_lost_answer_is_found_out_by_looking(storage, bucket, unread):
    def lose(copy_from, *args, **kwargs):
        copy_from(*args, **kwargs)
        raise TimedOut

    bucket.fail("copy_from", lose)
    assert drained(ordered(storage, bucket)).state == State.DONE


def test_a_key_of_others_is_not_overwritten(storage, bucket):
    job = ordered(storage, bucket)
    bucket.inner.put(job.key, BytesIO(b"x" * 10), size=10, sha256=SHA_OF_X, options=PutOptions())
    job = drained(job)
    assert (job.state, job.reason) == (State.FAILED, Reason.KEY_CONFLICT)
    assert "copy_from" not in bucket.calls


@pytest.mark.parametrize(
    ("uploads", "provider", "endpoint", "is_one"),
    [
        ("", "aws", "", True),
        ("", "minio", ENDPOINT, False),
        (ENDPOINT, "aws", "", False),
        (ENDPOINT, "minio", ENDPOINT, True),
        (ENDPOINT, "minio", ENDPOINT + ":443/", True),
        (ENDPOINT, "minio", "https://other.example.com", False),
        (ENDPOINT, "minio", "http://s3.example.com", False),
        ("not a url", "minio", ENDPOINT, False),
    ],
)
def test_is_asked_for_inside_one_service_only(uploads, provider, endpoint, is_one):
    storage = CustomStorage(provider=provider, endpoint_url=endpoint)
    assert server_side._is_of_one_service(storage, uploads) is is_one


@pytest.mark.parametrize(
    ("identity", "is_asked"), [("access_key", True), ("role", True), ("principal", False)]
)
def test_our_own_credentials_read_nothing_for_a_tenant(storage, bucket, identity, is_asked):
    storage.identity = identity
    assignment = Assignment(ordered(storage, bucket), bucket, 1, 1)
    assert (server_side.origin_of(assignment) is not None) is is_asked


def test_originals_on_a_disk_are_nowhere_else(bucket):
    storage = make_custom_storage(make_project(), capabilities=PROVEN)
    order = orders.order_for(file=make_file(storage.project), custom_storage=storage)
    (job,) = orders.place([order], lane=CopyJob.Lane.AUTO_COPY, asked_by="a test")
    assert drained(job).state == State.DONE
    assert "copy_from" not in bucket.calls


class TestOnOneServer:
    """Originals by django-storages and a custom storage, both on the strict double."""

    @pytest.fixture
    def owner(self, s3double):
        for name in ("originals", "theirs"):
            s3double.add_bucket(name, account=s3double.add_account())
        return s3double.add_account()

    @pytest.fixture
    def uploads(self, s3double, owner, settings):
        options = {
            "bucket_name": "originals",
            "endpoint_url": s3double.endpoint_url,
            "region_name": "us-east-1",
            "access_key": owner.access_key_id,
            "secret_key": owner.secret_access_key,
        }
        settings.STORAGES = settings.STORAGES | {
            "uploads": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
        }
        found = storages["uploads"]
        yield found
        found.connection.meta.client.close()

    def made(self, s3double, user, content: bytes) -> CopyJob:
        storage = make_custom_storage(
            make_project(),
            endpoint_url=s3double.endpoint_url,
            bucket="theirs",
            access_key_id=user.access_key_id,
            capabilities=PROVEN,
        )
        storage.seal_secret(user.secret_access_key)
        storage.save()
        file = make_file(storage.project, content)
        s3double.log.clear()
        order = orders.order_for(file=file, custom_storage=storage)
        (job,) = orders.place([order], lane=CopyJob.Lane.AUTO_COPY, asked_by="a test")
        return drained(job)

    @pytest.mark.parametrize("size", [0, 10, 100_000])
    def test_no_byte_passes_through_us(self, s3double, owner, uploads, size):
        job = self.made(s3double, owner, b"x" * size)
        assert (job.state, job.evidence, job.size) == (State.DONE, "checksum", size)
        assert [call.operation for call in s3double.log] == ["HeadObject", "CopyObject"]
        assert all(int(call.headers.get("content-length", 0)) == 0 for call in s3double.log)

    def test_credentials_that_may_not_read_the_originals_get_the_bytes_from_us(
        self, s3double, owner, uploads
    ):
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::theirs/*"}
            ],
        }
        user = s3double.add_user("copier", account=owner.id, policies=[policy])
        job = self.made(s3double, user, b"bytes")
        assert (job.state, job.evidence) == (State.DONE, "checksum")
        asked = [call.operation for call in s3double.log if call.bucket == "theirs"]
        assert asked == ["HeadObject", "CopyObject", "PutObject"]
