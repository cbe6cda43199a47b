"""No tenant reaches another's bucket by way of this service (spec/RELIABILITY S047–S051)."""

import uuid
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest

from storages_app.custom_storages import services, tasks
from storages_app.custom_storages.connect import location_of, open_store
from storages_app.custom_storages.errors import (
    AddressRefused,
    IdentityNotOffered,
    NotTested,
    OwnershipUnproved,
)
from storages_app.custom_storages.probe import Probe, registry
from storages_app.models import ConnectionTest, CustomStorage
from storages_app.objectstores.errors import AccessDenied, AddressInvalid
from tests.custom_storages.world import ACCOUNT, OTHER_ACCOUNT, REGION, Kind, World
from tests.factories import make_custom_storage, make_project

pytestmark = pytest.mark.django_db

_WITH_A_BODY = {"PutObject", "UploadPart", "CompleteMultipartUpload", "PutObjectAcl"}
_BEFORE_THE_PROOF = {"input", "reach", "clock", "identity", "external_id", "bucket", "proof"}
_READERS = ("GetBucketOwnership", "GetPublicAccess", "GetBucketEncryption", "GetBucketVersioning",
            "GetObjectLock", "GetBucketLifecycle")  # fmt: skip


def operations(world: World) -> set[str]:
    return {call.operation for call in world.double.log if call.bucket == world.bucket.name}


class TestSharedPrincipal:
    """S047: our principal serves every project, so a bucket that trusts it trusts nobody yet."""

    @pytest.fixture
    def intruder(self, world) -> World:
        """Tenant B, who typed the name of A's bucket; A has proved to be its owner."""
        world.become_principal()
        world.ask()
        assert world.storage.proved_at
        other = make_custom_storage(
            make_project(),
            provider="aws",
            endpoint_url="",
            region=REGION,
            bucket=world.bucket.name,
            prefix="up/",
            access_key_id="",
            identity="principal",
            connected_at=None,
        )
        world.double.log.clear()
        world.storage = other
        return world

    def assert_is_refused(self, world: World, code: str) -> None:
        rows = world.ask()
        assert (rows["proof"].state, rows["proof"].code) == ("failed", code)
        assert world.writes == []
        assert not any(name.startswith(_READERS) for name in operations(world))
        assert {row.state for row in rows.values() if row.position > rows["proof"].position} == {
            "skipped"
        }
        assert not world.storage.proved_at
        with pytest.raises(NotTested):
            services.connect(custom_storage=world.storage, actor="B")
        with pytest.raises(OwnershipUnproved):
            open_store(world.storage)

    def test_is_refused_without_a_nonce(self, intruder):
        self.assert_is_refused(intruder, "no_nonce")

    def test_is_refused_with_a_nonce_that_is_not_in_the_bucket(self, intruder):
        services.proof_nonce(custom_storage=intruder.storage)
        self.assert_is_refused(intruder, "proof_differs")

    def test_is_refused_where_there_is_no_proof(self, intruder):
        services.proof_nonce(custom_storage=intruder.storage)
        intruder.set(prefix="elsewhere/")
        self.assert_is_refused(intruder, "AccessDenied")

    def test_is_refused_with_an_old_nonce(self, intruder):
        nonce = services.proof_nonce(custom_storage=intruder.storage)
        intruder.put("up/.ucdash-proof", nonce)
        intruder.set(proof_until=datetime.now(UTC) - timedelta(minutes=1))
        self.assert_is_refused(intruder, "proof_expired")

    def test_is_refused_with_an_empty_proof_and_no_nonce(self, intruder):
        intruder.put("up/.ucdash-proof", "")
        intruder.set(proof_until=datetime.now(UTC) + timedelta(hours=1))
        self.assert_is_refused(intruder, "no_nonce")

    def test_is_refused_by_the_checklist_as_well(self, intruder):
        services.proof_nonce(custom_storage=intruder.storage)
        rows = intruder.ask(Kind.CHECKLIST)
        assert rows["proof"].state == "failed"
        assert not any(name.startswith(_READERS) for name in operations(intruder))

    @pytest.mark.parametrize("check_id", sorted(registry.all()))
    def test_is_refused_by_each_row_that_is_run_alone(self, intruder, check_id):
        services.proof_nonce(custom_storage=intruder.storage)
        intruder.ask()
        services.request_test(custom_storage=intruder.storage, asked_by="B", again=check_id)
        tasks.drain()
        assert intruder.writes == []
        assert not any(name.startswith(_READERS) for name in operations(intruder))

    def test_the_owner_is_let_in_and_asked_once(self, world):
        world.become_principal()
        world.ask()
        assert world.test.state == "passed"
        world.bucket.versions.pop("up/.ucdash-proof")
        assert world.ask()["proof"].state == "passed"

    def test_a_proof_may_have_a_line_break_at_its_end(self, world):
        world.become_principal(proof=False)
        nonce = services.proof_nonce(custom_storage=world.storage)
        world.put("up/.ucdash-proof", f"{nonce}\r\n")
        assert world.ask()["proof"].state == "passed"

    def test_a_proof_of_many_megabytes_is_not_read(self, world):
        world.become_principal(proof=False)
        world.put("up/.ucdash-proof", "x" * 3_000_000)
        assert world.ask()["proof"].code == "proof_differs"

    def test_nothing_is_written_beside_the_prefix_that_was_proved(self, world):
        world.become_principal()
        world.bucket.policy = deepcopy(world.bucket.policy)
        statements = world.bucket.policy["Statement"]
        statements[:] = [one for one in statements if "s3:PutObject" not in one["Action"]]
        allowed = {"Sid": "OfAnother", "Effect": "Allow", "Action": "s3:PutObject",
                   "Principal": {"AWS": world.settings.AWS_PRINCIPAL_ARN},
                   "Resource": f"{world.bucket.arn}/.connection-test/*"}  # fmt: skip
        statements.append(allowed)
        assert world.ask()["write"].code == "AccessDenied"
        assert {call.key for call in world.double.calls("PutObject")} >= {"up/.ucdash-proof"}
        assert all(call.key.startswith("up/") for call in world.double.calls("PutObject"))

    @pytest.mark.parametrize("has_proof", [True, False])
    def test_another_folder_of_a_connected_storage_is_proved_anew(self, world, has_proof):
        world.become_principal()
        world.ask()
        services.connect(custom_storage=world.storage, actor="A")
        test = services.change(custom_storage=world.storage, actor="A", prefix="new/")
        world.bucket.policy = world.bucket_policy(prefix="new/")
        if has_proof:
            world.put("new/.ucdash-proof", services.proof_nonce(custom_storage=world.storage))
        services.run_test_now(custom_storage=world.storage, asked_by="A", test=test)
        assert world.storage.prefix == ("new/" if has_proof else "up/")
        assert world.storage.proved_at
        open_store(world.storage)

    def test_the_nonce_has_128_bits_and_a_day(self, world):
        nonce = services.proof_nonce(custom_storage=world.storage)
        assert len(nonce) >= 128 / 6
        left = world.storage.proof_until - datetime.now(UTC)
        assert timedelta(hours=23) < left <= timedelta(hours=24)


def what_it_requires(check_id: str) -> set[str]:
    direct = set(registry[check_id].requires)
    return direct.union(*(what_it_requires(name) for name in direct)) if direct else direct


@pytest.mark.parametrize("check_id", sorted(registry.all()))
def test_each_row_after_the_proof_waits_for_it(check_id):
    if check_id not in _BEFORE_THE_PROOF:
        assert {"proof", "external_id"} <= what_it_requires(check_id)


@pytest.mark.parametrize("check_id", sorted(registry.all()))
def test_each_row_that_sends_bytes_waits_for_the_owner(check_id):
    is_reader = registry[check_id].position >= registry["ownership"].position
    if not is_reader and check_id not in _BEFORE_THE_PROOF | {"owner", "copies"}:
        assert "owner" in what_it_requires(check_id)


class TestOurOwnIdentity:
    """What this installation signs with its own keys goes to no server that a tenant names."""

    EVIL = "https://s3.evil.example"

    @pytest.fixture
    def draft(self, world) -> CustomStorage:
        world.become_principal()
        return world.storage

    def test_is_not_offered_beside_a_typed_address(self, draft):
        with pytest.raises(AddressRefused, match="needs no address"):
            services.change(custom_storage=draft, actor="B", endpoint_url=self.EVIL)
        with pytest.raises(AddressRefused, match="needs no address"):
            services.create_draft(
                project=draft.project, actor="B", name="evil", provider="aws", bucket="bucket",
                identity="principal", endpoint_url=self.EVIL,
            )  # fmt: skip

    def test_is_not_offered_at_another_provider(self, draft):
        with pytest.raises(IdentityNotOffered):
            services.change(
                custom_storage=draft, actor="B", provider="other", endpoint_url=self.EVIL
            )

    def test_takes_no_address_along_from_another_provider(self, world):
        draft = make_custom_storage(
            make_project(), provider="other", endpoint_url=self.EVIL, connected_at=None
        )
        services.change(custom_storage=draft, actor="B", provider="aws", identity="principal")
        assert draft.endpoint_url == ""

    @pytest.mark.parametrize(
        "fields", [{"endpoint_url": EVIL}, {"provider": "other", "endpoint_url": EVIL}]
    )
    @pytest.mark.parametrize("identity", ["principal", "role"])
    def test_signs_nothing_for_a_row_that_has_one(self, draft, fields, identity):
        for name, value in (fields | {"identity": identity}).items():
            setattr(draft, name, value)
        with pytest.raises(AddressInvalid, match="Amazon's own"):
            location_of(draft)


class TestRole:
    """S048: a role that takes anybody's External ID is everybody's."""

    @pytest.mark.parametrize(
        "condition",
        [
            {},
            {"StringLike": {"sts:ExternalId": "*"}},
            {"StringLikeIfExists": {"sts:ExternalId": "*-*"}},
        ],
    )
    def test_that_does_not_ask_for_its_external_id_is_refused(self, world, condition):
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole",
                     "Principal": {"AWS": world.settings.AWS_PRINCIPAL_ARN}}  # fmt: skip
        if condition:
            statement["Condition"] = condition
        world.become_role(trust={"Version": "2012-10-17", "Statement": [statement]})
        rows = world.ask()
        assert rows["external_id"].state == "failed"
        assert rows["bucket"].title == "Waits for “External ID”"
        assert operations(world) <= {"", "HeadBucket"}
        with pytest.raises(NotTested):
            services.connect(custom_storage=world.storage, actor="B")

    def test_that_does_is_connected(self, world):
        world.become_role()
        world.ask()
        services.connect(custom_storage=world.storage, actor="A")
        assert world.storage.connected_at

    def test_of_another_project_is_refused(self, world):
        world.become_role()
        other = make_custom_storage(make_project(), connected_at=None)
        world.set(external_id=f"{uuid.uuid4()}")
        assert world.ask()["identity"].code == "AccessDenied"
        assert other.external_id != world.storage.external_id

    def test_its_external_id_is_not_chosen(self, world):
        with pytest.raises(TypeError):
            services.change(custom_storage=world.storage, actor="B", external_id="chosen")


class TestOwner:
    """S049: a bucket that was made again by somebody else gets nothing."""

    @pytest.fixture
    def taken_over(self, world) -> World:
        world.set(account_id=ACCOUNT)
        world.ask()
        services.connect(custom_storage=world.storage, actor="A")
        welcome = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}
        world.user.policies[:] = [{"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"}]}]  # fmt: skip
        world.bucket = world.double.add_bucket(
            world.bucket.name,
            account=OTHER_ACCOUNT,
            region=REGION,
            block_public_access=False,
            policy={"Version": "2012-10-17", "Statement": [welcome]},
        )
        world.double.log.clear()
        return world

    def test_no_byte_is_sent_to_it_by_a_test(self, taken_over):
        rows = taken_over.ask()
        assert (rows["owner"].state, rows["owner"].code) == ("failed", "AccessDenied")
        assert rows["write"].state == "skipped"
        assert not operations(taken_over) & _WITH_A_BODY
        assert taken_over.keys == []
        assert taken_over.storage.state == "broken"

    def test_nor_by_a_copy(self, taken_over):
        store = open_store(taken_over.storage)
        probe = Probe.of(taken_over.storage, lambda row: store, lambda row: store)
        with pytest.raises(AccessDenied):
            probe.put()
        assert taken_over.keys == []
        store.close()

    def test_all_calls_name_the_owner_but_those_that_test_it(self, world):
        world.set(account_id=ACCOUNT)
        world.ask()
        assert world.storage.capabilities["owner_checked"]
        of_bucket = [call for call in world.double.log if call.bucket and call.principal_arn]
        others = [call for call in of_bucket if call.expected_owner != ACCOUNT]
        assert [call.operation for call in others] == ["ListObjectsV2", "GetObject"]

    def test_is_not_asked_about_where_no_account_is_given(self, world):
        assert "owner" not in world.ask()


class TestItsOwnFolder:
    """S050"""

    def test_is_the_only_place_that_a_test_touches(self, world):
        world.put("up/of-another.txt", "theirs")
        world.set(uses=["copies", "remove", "restore", "large_files"])
        world.grant()
        world.double.log.clear()
        world.ask()
        changed = [call for call in world.double.log if call.method in {"PUT", "POST", "DELETE"}]
        keys = {call.key for call in changed if call.bucket}
        beside = {key for key in keys if not key.startswith("up/.connection-test/")}
        assert all(key.startswith("up/.ucdash-") for key in beside)  # asked to be removed: nothing
        assert world.bucket.objects["up/of-another.txt"].read() == b"theirs"
        assert world.keys == ["up/of-another.txt"]

    def test_holds_no_secret(self, world):
        probe = Probe.of(world.storage, None, None)
        assert len(probe.body) == 1024
        assert b"may be deleted at any time" in probe.body
        for secret in (*world.secrets, world.storage.access_key_id, world.storage.external_id):
            assert secret.encode() not in probe.body


class TestWhatIsShown:
    """S051"""

    def test_is_no_key_signature_or_inner_address_that_a_server_repeats(self, world):
        key_id = world.storage.access_key_id
        said = (
            f"Key {key_id} at 10.1.2.3 (ip-10-1-2-3.ec2.internal) sent Authorization: "
            f"AWS4-HMAC-SHA256 Credential={key_id}/20260101/eu/s3/aws4_request, "
            f"Signature={'ab12' * 16}"
        )
        world.double.faults.add(operation="PutObject", code="Odd", message=said, times=None)
        row = world.ask()["write"]
        shown = f"{row.as_json()} {row.said}"
        for hidden in (key_id, "10.1.2.3", "ip-10-1-2-3", "ab12ab12", "Credential="):
            assert hidden not in shown


class TestOneRowAgain:
    def test_keeps_no_answer_that_was_given_for_other_settings(self, world):
        assert world.ask()["write"].state == "passed"
        services.change(custom_storage=world.storage, actor="A", prefix="elsewhere/")
        services.request_test(custom_storage=world.storage, asked_by="A", again="clock")
        tasks.drain()
        test = ConnectionTest.objects.order_by("-pk").first()
        assert test.findings.get(check_id="write").code == "AccessDenied"
        with pytest.raises(NotTested):
            services.connect(custom_storage=world.storage, actor="A")

    def test_keeps_those_of_these_settings(self, world):
        before = world.ask()["public"]
        services.request_test(custom_storage=world.storage, asked_by="A", again="clock")
        tasks.drain()
        after = ConnectionTest.objects.order_by("-pk").first().findings.get(check_id="public")
        assert after.milliseconds == before.milliseconds
        assert len(world.double.calls("PutObject")) < 10
