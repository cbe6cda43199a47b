"""What buckets answer on bad days, over the wire of the strict double: F31 to F42, F63.

Each fault is met by a whole copy; nothing is done that is not right in the bucket, and when the
fault is over the copy is made without anybody's help.
"""

import hashlib
import random
from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.copying import orders, runner
from storages_app.lib.outbound import current_policy
from storages_app.lib.wire import Wire
from storages_app.models import CopyJob, CustomStorage, Reason
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now
from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.errors import HostNotFound, TlsFailed
from tests.custom_storages.world import make_world
from tests.factories import make_file
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db
SMALL = b"some bytes"
LARGE = bytes(range(256)) * 20_500  # 5.2 MB: two parts


@pytest.fixture
def world(s3double, settings):
    """A connected storage whose bucket keeps to all that its test found."""
    settings.MULTIPART_THRESHOLD = settings.MULTIPART_PART_SIZE = 5 * 1024 * 1024
    world = make_world(s3double, settings, connected_at=timezone.now(), capabilities=PROVEN)
    world.grant()
    s3double.log.clear()
    return world


def ordered(world, content: bytes = SMALL, **fields) -> CopyJob:
    file = make_file(world.storage.project, content)
    order = orders.order_for(file=file, custom_storage=world.storage, **fields)
    (job,) = orders.place([order], lane=CopyJob.Lane.AUTO_COPY, asked_by="a test")
    return job


def drained(job: CopyJob) -> CopyJob:
    runner.drain()
    job.refresh_from_db()
    return job


def healed(job: CopyJob) -> CopyJob:
    """Once more, when its time has come."""
    CustomStorage.objects.update(circuit_probe_after=db_now())
    CopyJob.objects.filter(run_after__isnull=False).update(run_after=db_now())
    return drained(job)


def is_right(world, job: CopyJob, content: bytes = SMALL) -> bool:
    found = world.bucket.objects.get(job.key)
    return found is not None and b"".join(found.content.chunks()) == content


def operations(world) -> list[str]:
    return [call.operation for call in world.double.log]


class TestServersFault:
    @pytest.mark.parametrize(
        ("code", "status", "reason"),
        [
            ("InternalError", 500, Reason.SERVER_ERROR),
            ("BadGateway", 502, Reason.SERVER_ERROR),
            ("ServiceUnavailable", 503, Reason.SERVER_ERROR),
            ("SlowDown", 503, Reason.THROTTLED),
            ("TooManyRequests", 429, Reason.THROTTLED),
        ],
    )
    @pytest.mark.parametrize(
        ("operation", "content"),
        [("PutObject", SMALL), ("UploadPart", LARGE), ("CompleteMultipartUpload", LARGE)],
    )
    def test_f31_is_waited_out(self, world, code, status, reason, operation, content):
        world.double.faults.add(code=code, status=status, operation=operation)
        job = drained(ordered(world, content))
        assert (job.state, job.reason) == (State.RETRY_WAIT, reason)
        assert not world.bucket.uploads
        assert healed(job).state == State.DONE
        assert is_right(world, job, content)

    def test_f31_that_says_when_to_come_again_is_obeyed(self, world):
        world.double.faults.add(code="SlowDown", status=503, headers={"retry-after": "100"})
        job = drained(ordered(world))
        assert job.reason == Reason.THROTTLED
        assert job.run_after > timezone.now() + timedelta(seconds=95)

    @pytest.mark.parametrize("operation", ["CompleteMultipartUpload"])
    def test_f36_behind_a_status_of_success_is_a_fault_all_the_same(self, world, operation):
        world.double.faults.add(code="error_in_200", operation=operation, times=2)
        job = drained(ordered(world, LARGE))
        # Told as an error although the object was made: looked at, it is right.
        assert job.state in {State.DONE, State.RETRY_WAIT}
        assert healed(job).state == State.DONE
        assert is_right(world, job, LARGE)


class TestNetwork:
    @pytest.mark.parametrize(
        ("operation", "content"), [("PutObject", SMALL), ("UploadPart", LARGE)]
    )
    def test_f32_reset_before_anything_was_done_is_tried_again(self, world, operation, content):
        world.double.faults.add(code="reset", operation=operation)
        job = drained(ordered(world, content))
        assert (job.state, job.reason) == (State.RETRY_WAIT, Reason.CONNECTION)
        assert healed(job).state == State.DONE
        assert is_right(world, job, content)

    @pytest.mark.parametrize(
        ("operation", "content"), [("PutObject", SMALL), ("CompleteMultipartUpload", LARGE)]
    )
    def test_f32_lost_answer_is_found_out_by_looking_and_written_once(
        self, world, operation, content
    ):
        world.double.faults.add(code="lost", operation=operation)
        job = drained(ordered(world, content))
        assert job.state == State.DONE
        assert operations(world).count(operation) == 1
        assert is_right(world, job, content)

    @pytest.mark.parametrize(
        ("error", "reason"),
        [(HostNotFound(), Reason.CONNECTION), (TlsFailed(), Reason.TLS_ERROR)],
    )
    def test_f32_name_or_certificate_that_fails_loses_nothing(
        self, world, monkeypatch, error, reason
    ):
        def fail(custom_storage):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(runner, "open_store", fail)
            job = drained(ordered(world))
        assert (job.state, job.reason) == (State.RETRY_WAIT, reason)
        assert healed(job).state == State.DONE

    def test_f33_server_that_says_nothing_frees_the_thread(self, world, monkeypatch):
        impatient = S3Store(
            runner.open_store(world.storage)._location,
            wire=Wire(current_policy(), read_timeout=0.2),
        )
        with monkeypatch.context() as patched:
            patched.setattr(runner, "open_store", lambda custom_storage: impatient)
            world.double.faults.add(code="stall:1", operation="PutObject")
            job = drained(ordered(world))
        impatient.close()
        assert (job.state, job.reason) == (State.RETRY_WAIT, Reason.TIMEOUT)
        assert healed(job).state == State.DONE


class TestProof:
    @pytest.mark.parametrize(("operation", "content"), [("PutObject", SMALL),
                             ("CompleteMultipartUpload", LARGE)])  # fmt: skip
    def test_f34_wrong_etag_and_no_checksum_make_us_look(self, world, operation, content):
        world.double.faults.add(code="wrong_etag", operation=operation)
        job = drained(ordered(world, content))
        assert job.state == State.DONE
        assert "HeadObject" in operations(world)
        assert is_right(world, job, content)

    def test_f35_flipped_bit_of_a_read_is_no_proof(self, world):
        """The object is right, but what is read of it is not: that is never green."""
        world.set(capabilities=PROVEN | {"verifies_checksum": False})
        world.double.faults.add(code="corrupt", operation="GetObject", times=1)
        job = drained(ordered(world))
        assert (job.state, job.reason) == (State.RETRY_WAIT, Reason.DEST_CHECKSUM_MISMATCH)
        assert healed(job).evidence == "read_back"

    def test_f35_truncated_read_is_no_proof(self, world):
        world.set(capabilities=PROVEN | {"verifies_checksum": False})
        world.double.faults.add(code="truncate", operation="GetObject", times=1)
        job = drained(ordered(world))
        assert (job.state, job.evidence) == (State.RETRY_WAIT, "")
        assert healed(job).state == State.DONE

    def test_f63_endpoint_that_verifies_nothing_is_read_back(self, world):
        world.set(capabilities=PROVEN | {"verifies_checksum": False, "checksum": "none"})
        for content in (SMALL, LARGE):
            job = drained(ordered(world, content))
            assert (job.state, job.evidence) == (State.DONE, "read_back")

    def test_f63_endpoint_that_lets_nobody_read_is_amber(self, world):
        world.set(capabilities=PROVEN | {"verifies_checksum": False})
        world.deny("s3:GetObject")
        job = drained(ordered(world))
        assert (job.state, job.reason) == (State.UNVERIFIED, Reason.DEST_UNVERIFIABLE)
        assert is_right(world, job)


class TestConditions:
    @pytest.mark.parametrize("content", [SMALL, LARGE], ids=["whole", "parts"])
    def test_f37_412_with_the_same_bytes_is_already_there(self, world, content):
        job = drained(ordered(world, content))
        orders.reopen(CopyJob.objects.all(), lane=CopyJob.Lane.BULK, asked_by="a test")
        job = drained(job)
        assert (job.state, job.reason) == (State.DONE, Reason.ALREADY_THERE)
        assert not world.bucket.uploads

    def test_f37_412_with_other_bytes_is_a_conflict(self, world):
        job = ordered(world)
        world.put(job.key, "other")
        job = drained(job)
        assert (job.state, job.reason) == (State.FAILED, Reason.KEY_CONFLICT)
        assert is_right(world, job, b"other")

    @pytest.mark.parametrize(
        ("operation", "content"), [("PutObject", SMALL), ("CompleteMultipartUpload", LARGE)]
    )
    def test_f37_409_is_tried_again(self, world, operation, content):
        world.double.faults.add(code="ConditionalRequestConflict", status=409, operation=operation)
        job = drained(ordered(world, content))
        assert job.state == State.RETRY_WAIT
        assert healed(job).state == State.DONE

    @pytest.mark.parametrize("content", [SMALL, LARGE], ids=["whole", "parts"])
    def test_f38_endpoint_that_ignores_conditions_is_looked_at_first(self, world, content):
        world.double.quirks.ignores_conditions = True
        world.set(capabilities=PROVEN | {"conditional_put": False})
        first, second = ordered(world, content), ordered(world, content)
        world.put(second.key, "of others")
        runner.drain()
        assert drained(first).state == State.DONE
        second = drained(second)
        assert (second.state, second.reason) == (State.FAILED, Reason.KEY_CONFLICT)
        assert is_right(world, second, b"of others")


class TestOwnersFault:
    @pytest.mark.parametrize(
        "code", ["AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect"]
    )
    def test_f41_another_region_is_said_and_no_redirect_is_followed(self, world, code):
        """The connection test learns the region; a copy never chases one."""
        world.double.quirks.wrong_region_code = code
        world.set(region="eu-west-1")
        job = drained(ordered(world))
        assert (job.state, job.reason) == (State.RETRY_WAIT, Reason.REGION_REDIRECT)
        assert job.attempts == 0  # an owner's fault uses none up
        assert len(world.double.log) == 1
        world.set(region="eu-central-1")
        assert healed(job).state == State.DONE

    @pytest.mark.parametrize("content", [SMALL, LARGE], ids=["whole", "parts"])
    def test_f42_bucket_without_acls_never_gets_a_private_copy_in_their_place(self, world, content):
        world.set(public_mode="acl")
        world.grant()
        job = drained(ordered(world, content, is_public=True))
        assert (job.state, job.reason) == (State.RETRY_WAIT, Reason.ACL_NOT_SUPPORTED)
        assert job.error_code == "AccessControlListNotSupported"
        assert not world.bucket.objects

    def test_f42_acl_that_is_denied_is_said(self, world):
        world.bucket.ownership = "BucketOwnerPreferred"
        world.deny("s3:PutObjectAcl")
        job = drained(ordered(world, is_public=True))
        assert job.state == State.RETRY_WAIT
        assert job.reason in {Reason.ACL_DENIED, Reason.AUTH_DENIED}
        assert not world.bucket.objects


def test_the_same_bad_day_twice_ends_the_same(world):
    """Everything at once, by a seed: all of it ends done and right."""
    codes = ["InternalError", "SlowDown", "reset", "lost", "truncate", "damage", "wrong_etag"]
    world.double.faults.by_name(0.3, codes)
    chance = random.Random(7)
    jobs = {
        ordered(world, content): content for content in (chance.randbytes(n) for n in range(40))
    }
    for _ in range(12):
        runner.drain()
        CustomStorage.objects.update(circuit_probe_after=db_now())
        CopyJob.objects.filter(run_after__isnull=False).update(run_after=db_now())
    world.double.faults.clear()
    for ordered_job, content in jobs.items():
        job = healed(ordered_job)
        assert (job.state, job.sha256) == (State.DONE, hashlib.sha256(content).hexdigest())
        assert is_right(world, job, content)
    assert not world.bucket.uploads
