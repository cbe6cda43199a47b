"""Half way through many files the bucket's owner takes something away: F39, F40, F43.

On the strict double, with its keys, owners and bodies; the circuit opens at the first few refusals,
and what has not been copied waits.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.copying import orders, runner
from storages_app.copying import services as services_of_copies
from storages_app.custom_storages import services, tasks
from storages_app.models import ConnectionTest, CopyJob, CustomStorage, Event, Reason
from storages_app.models.copy_jobs import State
from tests.custom_storages.world import ACCOUNT, OTHER_ACCOUNT, REGION, make_world
from tests.factories import make_file

pytestmark = pytest.mark.django_db

N_FILES, N_BEFORE, AT_ONCE = 30, 8, 4


@pytest.fixture
def world(s3double, settings):
    """A connected storage of a known owner, and a worker that does not do everything at once."""
    settings.COPY_THREADS = settings.STORAGE_CONCURRENCY = AT_ONCE
    world = make_world(s3double, settings, connected_at=timezone.now(), account_id=ACCOUNT)
    world.ask()
    assert world.storage.capabilities["conditional_put"]
    s3double.log.clear()
    return world


def order_many(world) -> set[str]:
    """The keys of many small files that are on their way."""
    files = [make_file(world.storage.project, b"file %d" % n) for n in range(N_FILES)]
    wanted = [orders.order_for(file=file, custom_storage=world.storage) for file in files]
    orders.place_new(wanted, lane=CopyJob.Lane.AUTO_COPY, asked_by="auto-copy")
    return {order.key for order in wanted}


def refuse_half_way(world, code: str, status: int) -> None:
    world.double.faults.add(
        code=code, status=status, operation="PutObject", times=None, after=N_BEFORE
    )
    runner.drain()
    world.double.faults.clear()
    world.storage.refresh_from_db()


def try_again_later(world) -> None:
    """The time of the next trial copy has come."""
    CustomStorage.objects.update(circuit_probe_after=timezone.now() - timedelta(seconds=1))
    runner.drain()
    world.storage.refresh_from_db()


def n_puts(world) -> int:
    """Of copies; the test that a storage has when it breaks writes as well."""
    puts = [call for call in world.double.log if call.operation == "PutObject"]
    return sum(".connection-test/" not in (call.key or "") for call in puts)


def states() -> set[str]:
    return set(CopyJob.objects.order_by().values_list("state", flat=True).distinct())


def assert_parked_and_told_once(world, reason: str) -> None:
    """Copies are blocked, not failed, without an attempt; the owner has one event."""
    assert world.storage.is_broken
    assert world.storage.circuit_reason == reason
    assert states() == {State.DONE, State.BLOCKED}
    n_done = CopyJob.objects.filter(state=State.DONE).count()
    assert n_done == N_BEFORE
    # Of the others each was refused at most once, and only those under way when the circuit opened.
    assert 5 <= n_puts(world) - n_done <= 5 + 2 * AT_ONCE
    assert set(CopyJob.objects.exclude(state=State.DONE).values_list("attempts", flat=True)) == {0}
    assert_told_once()


def assert_told_once() -> None:
    kinds = Event.objects.filter(kind__in=["storage.broken", "copy.failed"])
    assert list(kinds.values_list("kind", flat=True)) == ["storage.broken"]


class TestCredentials:
    @pytest.mark.parametrize(
        ("code", "status", "reason"),
        [
            ("InvalidAccessKeyId", 403, Reason.AUTH_DENIED),
            ("SignatureDoesNotMatch", 403, Reason.AUTH_DENIED),
            ("AccessDenied", 403, Reason.AUTH_DENIED),
            ("ExpiredToken", 400, Reason.CREDENTIALS_EXPIRED),
        ],
    )
    def test_f39_taken_away_half_way_parks_the_rest_and_new_ones_drain_it(
        self, world, code, status, reason
    ):
        keys = order_many(world)
        refuse_half_way(world, code, status)
        assert_parked_and_told_once(world, reason)

        del world.double.directory.credentials[world.user.access_key_id]
        before = n_puts(world)
        try_again_later(world)
        assert n_puts(world) == before + 1, "one trial copy, and no more"
        assert states() == {State.DONE, State.BLOCKED}
        assert_told_once()

        other = world.double.add_user("ucdash-2", account=ACCOUNT, policies=world.user.policies)
        services.change(
            custom_storage=world.storage,
            actor="ann@example.com",
            access_key_id=other.access_key_id,
            secret=other.secret_access_key,
        )
        tasks.drain()
        test = ConnectionTest.objects.order_by("-pk").first()
        assert test.has_passed
        runner.drain()
        assert states() == {State.DONE}
        assert {key for key in world.keys if not key.endswith("ucdash-proof")} >= keys
        assert_told_once()
        recovered = Event.objects.get(kind="storage.recovered")
        assert recovered.data["released"] == N_FILES - N_BEFORE
        assert recovered.data["broken_at"]

    def test_f39_wrong_new_keys_change_nothing(self, world):
        order_many(world)
        refuse_half_way(world, "InvalidAccessKeyId", 403)
        services.change(custom_storage=world.storage, actor="ann", secret="another-wrong-secret")
        tasks.drain()
        runner.drain()
        assert_parked_and_told_once(world, Reason.AUTH_DENIED)
        assert not Event.objects.filter(kind="storage.recovered").exists()


class TestBucket:
    def test_f40_deleted_half_way_parks_the_rest(self, world):
        order_many(world)
        refuse_half_way(world, "NoSuchBucket", 404)
        assert_parked_and_told_once(world, Reason.BUCKET_MISSING)
        del world.double.buckets[world.bucket.name]
        try_again_later(world)
        assert states() == {State.DONE, State.BLOCKED}
        assert_told_once()

    def test_f40_made_anew_by_another_account_gets_not_a_byte(self, world):
        """Although its new owner lets our user do everything."""
        order_many(world)
        refuse_half_way(world, "NoSuchBucket", 404)
        theirs = self.made_by_another_account(world)
        for _ in range(3):
            try_again_later(world)
        findings = world.ask()
        assert not world.test.has_passed
        assert "owner" in {name for name, row in findings.items() if row.state == "failed"}
        assert theirs.objects == {}
        assert states() == {State.DONE, State.BLOCKED}
        assert_told_once()

    def test_f40_swapped_between_two_copies_is_an_alarm(self, world):
        order_many(world)
        theirs = self.made_by_another_account(world)
        runner.drain()
        world.storage.refresh_from_db()
        assert world.storage.is_broken
        assert theirs.objects == {}
        assert states() == {State.BLOCKED}
        assert n_puts(world) <= 5 + 2 * AT_ONCE
        assert_told_once()

    def made_by_another_account(self, world):
        del world.double.buckets[world.bucket.name]
        resource = [f"arn:aws:s3:::{world.bucket.name}", f"arn:aws:s3:::{world.bucket.name}/*"]
        allow = {
            "Effect": "Allow",
            "Principal": {"AWS": world.user.arn},
            "Action": "s3:*",
            "Resource": resource,
        }
        return world.double.add_bucket(
            world.bucket.name,
            account=OTHER_ACCOUNT,
            region=REGION,
            policy={"Version": "2012-10-17", "Statement": [allow]},
        )


class TestRights:
    """What is denied alone; the connection test's own matrix is in test_rights_matrix."""

    ALL = "arn:aws:s3:::photos-prod/*"

    @pytest.fixture
    def large_and_small(self, world, settings):
        """Orders of a file in parts and of one that goes at once."""
        settings.MULTIPART_THRESHOLD = settings.MULTIPART_PART_SIZE = 5 * 1024 * 1024

        def order():
            contents = [b"small", b"x" * (settings.MULTIPART_PART_SIZE + 1)]
            files = [make_file(world.storage.project, content) for content in contents]
            for file in files:
                services_of_copies.order_copies_of_new_file(file=file)
            return files

        return order

    @pytest.mark.parametrize(
        "action",
        [
            "s3:ListBucket",
            "s3:ListBucketMultipartUploads",
            "s3:DeleteObject",
            "s3:AbortMultipartUpload",
            "s3:ListMultipartUploadParts",
            "s3:GetObject",
        ],
    )
    def test_f43_auto_copy_works_without_one_that_it_does_not_need(
        self, world, large_and_small, action
    ):
        world.set(auto_copy=True, uses=["copies", "large_files"])
        world.deny(action, "arn:aws:s3:::photos-prod" if "ListBucket" in action else self.ALL)
        large_and_small()
        runner.drain()
        assert states() == {State.DONE}
        assert not Event.objects.filter(kind="storage.broken").exists()

    def test_f43_without_the_key_of_kms_the_copy_waits_and_names_it(self, world, large_and_small):
        key = world.double.add_kms_key(account=ACCOUNT, region=REGION)
        world.set(
            auto_copy=True,
            encryption={"mode": "aws:kms", "kms_key_id": key.arn},
        )
        large_and_small()
        runner.drain()
        assert CopyJob.objects.filter(state=State.DONE).count() == 0
        reasons = set(CopyJob.objects.order_by().values_list("reason", flat=True))
        assert reasons == {Reason.KMS_DENIED}
        world.grant()  # the policy for these settings, with the key in it
        CopyJob.objects.update(run_after=timezone.now())
        runner.drain()
        assert states() == {State.DONE}
