"""The same as Amazon would have it: owners, roles, rights, keys of KMS, settings."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest

from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.backends.s3.roles import OperatorIdentity, assume_role
from storages_app.objectstores.base import Location, PutOptions
from storages_app.objectstores.errors import (
    AccessDenied,
    AccountClosed,
    ChecksumRequired,
    ClockSkewed,
    CredentialsExpired,
    KmsDenied,
    KmsKeyUnusable,
    NotSupported,
    ObjectStoreError,
    QuotaExceeded,
    StorageClassInvalid,
    UnknownAccessKey,
    UploadMissing,
    WrongSecret,
)
from storages_app.objectstores.settings import DefaultEncryption, ObjectLock, PublicAccessBlock
from tests.objectstores.test_s3_settings import READERS
from tests.objectstores.test_s3_store import put
from tests.s3double import Encryption, S3Double
from tests.s3double import ObjectLock as LockOfTheDouble

ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
OPERATORS = "999988887777"
EXTERNAL_ID = "6f1c0c6e-6a9f-4f5e-8f1d-0d3f1c2b3a4d"
RIGHTS = {  # of each reader
    "GetBucketOwnershipControls": "s3:GetBucketOwnershipControls",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetBucketVersioning": "s3:GetBucketVersioning",
    "GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "GetBucketLocation": "s3:GetBucketLocation",
}


def allow(*actions: str, resource: object = "*") -> dict:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.fixture
def open_for(s3double: S3Double) -> Iterator[Callable[..., S3Store]]:
    """A store of somebody's on `a-bucket`."""
    opened = []

    def make(who, **change: object) -> S3Store:
        location = Location(
            "a-bucket",
            "us-east-1",
            who.access_key_id,
            who.secret_access_key,
            s3double.endpoint_url,
            path_style=True,
            account_id=ACCOUNT,
            session_token=getattr(who, "session_token", ""),
            sts_url=s3double.sts_url,
        )
        opened.append(S3Store(replace(location, **change)))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def bucket(s3double):
    return s3double.add_bucket("a-bucket", account=ACCOUNT)


@pytest.fixture
def owner(s3double):
    return s3double.add_account(ACCOUNT)


@pytest.fixture
def store(open_for, bucket, owner) -> S3Store:
    return open_for(owner)


def use_everything(store: S3Store) -> None:
    put(store, "k")
    store.head("k")
    with store.get("k") as chunks:
        b"".join(chunks)
    list(store.list_objects())
    upload_id = store.start_multipart("m", PutOptions())
    part = store.put_part("m", upload_id, 1, BytesIO(b"x"), size=1, checksum="sha256")
    assert store.list_parts("m", upload_id) == [part]
    list(store.list_multiparts())
    store.complete_multipart("m", upload_id, [part], only_if_absent=True)
    store.abort_multipart("m", upload_id)
    store.delete("k")
    store.region_of_bucket()
    for read in READERS.values():
        read(store.settings)


class TestOwner:
    def test_is_expected_on_every_call(self, s3double, store):  # S049
        use_everything(store)
        assert len(s3double.log) >= 18
        assert {call.expected_owner for call in s3double.log} == {ACCOUNT}

    def test_a_bucket_of_somebody_else_gets_nothing(self, open_for, bucket, owner):
        """As AWS does, in the words of a plain refusal."""
        wrong = open_for(owner, account_id=OTHER_ACCOUNT)
        uses = [
            lambda: put(wrong, "k"),
            lambda: wrong.list_parts("k", "id"),
            *(lambda read=read: read(wrong.settings) for read in READERS.values()),
        ]
        for use in uses:
            with pytest.raises(AccessDenied) as caught:
                use()
            assert type(caught.value) is AccessDenied
        assert not bucket.objects


class TestSettings:
    def test_are_those_of_the_bucket(self, s3double, owner, open_for):
        key = s3double.add_kms_key("alias/copies", account=ACCOUNT)
        bucket = s3double.add_bucket(
            "a-bucket",
            account=ACCOUNT,
            region="us-east-1",
            ownership="BucketOwnerPreferred",
            versioning=True,
            object_lock=LockOfTheDouble("GOVERNANCE", 30),
            encryption=Encryption("aws:kms", key.id),
        )
        bucket.block.ignore_public_acls = False
        settings = open_for(owner).settings
        assert settings.ownership() == "BucketOwnerPreferred"
        assert settings.public_access_block() == PublicAccessBlock(True, False, True, True)
        assert settings.encryption() == DefaultEncryption("aws:kms", key.id)
        assert settings.versioning() is True
        assert settings.object_lock() == ObjectLock("GOVERNANCE", 30)
        assert settings.unfinished_uploads_removed_after("copies/") is None

    def test_that_are_not_there_are_answers(self, s3double, owner, open_for):
        s3double.add_bucket(
            "a-bucket", account=ACCOUNT, block_public_access=None, encryption=None, ownership=""
        )
        settings = open_for(owner).settings
        assert settings.ownership() == ""
        assert settings.public_access_block().n_on == 0
        assert settings.encryption().mode == ""
        assert settings.versioning() is False
        assert settings.object_lock() is None

    @pytest.mark.parametrize("operation", READERS)
    def test_one_right_is_missing_and_named(self, s3double, bucket, open_for, operation):  # S052
        rights = [right for name, right in RIGHTS.items() if name != operation]
        settings = open_for(s3double.add_user("alice", policies=[allow(*rights)])).settings
        for name, read in READERS.items():
            if name != operation:
                read(settings)
        with pytest.raises(AccessDenied) as caught:
            READERS[operation](settings)
        assert caught.value.operation == operation
        assert caught.value.action == RIGHTS[operation]
        assert caught.value.principal == f"arn:aws:iam::{ACCOUNT}:user/alice"

    @pytest.mark.parametrize("operation", [name for name in READERS if "Location" not in name])
    def test_a_provider_without_them_says_so(self, s3double, store, operation):
        s3double.quirks.no_settings_501 = True
        with pytest.raises(NotSupported):
            READERS[operation](store.settings)


class TestRole:
    @pytest.fixture
    def operator(self, s3double) -> OperatorIdentity:
        user = s3double.add_user("ucdash", account=OPERATORS, policies=[allow("sts:AssumeRole")])
        return OperatorIdentity(
            user.access_key_id,
            user.secret_access_key,
            principal_arn=user.arn,
            sts_url=s3double.sts_url,
        )

    @pytest.fixture
    def role(self, s3double, operator):
        trust = {
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": operator.principal_arn},
                    "Action": "sts:AssumeRole",
                    "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
                }
            ]
        }
        rights = allow("s3:PutObject", resource="arn:aws:s3:::a-bucket/copies/*")
        return s3double.add_role("writer", account=ACCOUNT, trust=trust, policies=[rights])

    def lent(self, operator, role_arn, external_id=EXTERNAL_ID):
        return assume_role(operator, role_arn=role_arn, external_id=external_id, region="us-east-1")

    def test_its_rights_are_lent_for_an_hour(self, s3double, operator, role, bucket, open_for):
        found = self.lent(operator, role.arn)
        assert 3500 < (found.expires_at - datetime.now(UTC)).total_seconds() < 3700
        store = open_for(found)
        assert store.whoami() == found.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/writer/ucdash"
        put(store, "copies/k")
        with pytest.raises(AccessDenied) as caught:
            put(store, "elsewhere/k")
        assert caught.value.action == "s3:PutObject"
        assert list(bucket.objects) == ["copies/k"]

    @pytest.mark.parametrize("external_id", [None, "another-external-id"])
    def test_another_external_id_or_none_is_refused(self, operator, role, external_id):  # S048
        with pytest.raises(AccessDenied) as caught:
            self.lent(operator, role.arn, external_id)
        assert caught.value.operation == "AssumeRole"
        assert caught.value.action == "sts:AssumeRole"

    def test_a_role_that_is_not_there_is_a_refusal(self, operator, role):
        with pytest.raises(AccessDenied):
            self.lent(operator, role.arn.replace("writer", "nobody"))

    def test_what_has_run_out_is_said(self, s3double, operator, role, bucket, open_for):
        found = self.lent(operator, role.arn)
        s3double.expire(found.access_key_id)
        with pytest.raises(CredentialsExpired):
            put(open_for(found), "copies/k")

    def test_without_its_token_it_is_nobody(self, operator, role, bucket, open_for):
        store = open_for(self.lent(operator, role.arn), session_token="")
        with pytest.raises(ObjectStoreError):
            put(store, "copies/k")

    def test_a_link_carries_the_token(self, s3double, operator, role, bucket, open_for):
        role.policies.append(allow("s3:GetObject"))
        store = open_for(self.lent(operator, role.arn))
        put(store, "copies/k", b"bytes")
        assert store.fetch_link(store.presigned_url("copies/k", seconds=60)) == b"bytes"

    @pytest.mark.parametrize(
        ("change", "kind"),
        [
            ({"access_key_id": "AKIANOBODY"}, UnknownAccessKey),
            ({"secret_access_key": "wrong"}, WrongSecret),
        ],
    )
    def test_the_operators_own_mistakes_are_told(self, operator, role, change, kind):
        with pytest.raises(kind):
            self.lent(replace(operator, **change), role.arn)


class TestTold:
    """What a test of the connection has to tell apart."""

    def test_a_key_of_kms_that_refuses_names_action_and_key(self, s3double, bucket, open_for):
        key = s3double.add_kms_key(account=ACCOUNT)
        user = s3double.add_user("alice", policies=[allow("s3:PutObject")])
        with pytest.raises(KmsDenied) as caught:
            put(open_for(user), "k", encryption="aws:kms", kms_key_id=key.arn)
        assert caught.value.action == "kms:GenerateDataKey"
        assert caught.value.resource == key.arn
        assert caught.value.principal == user.arn

    @pytest.mark.parametrize(
        ("state", "reason"),
        [("Disabled", "disabled"), ("PendingDeletion", "waiting for deletion")],
    )
    def test_the_state_of_a_key_of_kms(self, s3double, store, state, reason):
        key = s3double.add_kms_key(account=ACCOUNT, state=state)
        with pytest.raises(KmsKeyUnusable) as caught:
            put(store, "k", encryption="aws:kms", kms_key_id=key.arn)
        assert caught.value.reason == reason

    def test_a_key_of_kms_that_is_elsewhere(self, s3double, store):
        key = s3double.add_kms_key(account=ACCOUNT, region="eu-west-1")
        with pytest.raises(KmsKeyUnusable) as caught:
            put(store, "k", encryption="aws:kms", kms_key_id=key.arn)
        assert caught.value.reason == "not found"

    def test_a_class_that_is_none(self, store):
        with pytest.raises(StorageClassInvalid):
            put(store, "k", storage_class="FROZEN")

    def test_a_closed_account(self, s3double, store):
        s3double.quirks.closed_account = True
        with pytest.raises(AccountClosed):
            put(store, "k")

    @pytest.mark.parametrize("code", ["QuotaExceeded", "XMinioStorageFull", "StorageCapExceeded"])
    def test_a_reached_limit(self, s3double, store, code):
        s3double.quirks.quota_reached = code
        with pytest.raises(QuotaExceeded):
            put(store, "k")

    def test_a_provider_without_the_newer_checksums_has_the_older(self, s3double, store, bucket):
        s3double.quirks.no_new_checksums = True
        with pytest.raises(NotSupported):
            put(store, "k", checksum="sha256")
        with pytest.raises(NotSupported):
            store.start_multipart("k", PutOptions(checksum="sha256"))
        put(store, "k", checksum="md5")
        assert list(bucket.objects) == ["k"]

    def test_a_locked_bucket_that_wants_a_checksum(self, s3double, owner, open_for):
        s3double.add_bucket(
            "a-bucket", account=ACCOUNT, object_lock=LockOfTheDouble("GOVERNANCE", 1)
        )
        store = open_for(owner)
        with pytest.raises(ChecksumRequired):
            put(store, "k", checksum="none")
        put(store, "k", checksum="sha256")
        put(store, "k", checksum="md5")

    def test_clocks_that_differ(self, s3double, store):
        s3double.quirks.clock_offset_s = -3600
        assert 3590 < store.connection().clock_offset_s < 3610
        with pytest.raises(ClockSkewed):
            put(store, "k")

    def test_links_that_are_refused(self, s3double, store):
        put(store, "k")
        link = store.presigned_url("k", seconds=60)
        assert hashlib.sha256(store.fetch_link(link)).hexdigest() == store.head("k").sha256
        s3double.quirks.refuses_presigned = True
        with pytest.raises(AccessDenied):
            store.fetch_link(link)

    def test_parts_of_an_upload_that_is_gone(self, store):
        upload_id = store.start_multipart("m", PutOptions())
        assert store.list_parts("m", upload_id) == []
        store.abort_multipart("m", upload_id)
        with pytest.raises(UploadMissing):
            store.list_parts("m", upload_id)

    def test_who_we_are(self, s3double, bucket, open_for):
        user = s3double.add_user("alice")
        assert open_for(user).whoami() == user.arn
        with pytest.raises(WrongSecret):
            open_for(user, secret_access_key="wrong").whoami()
        with pytest.raises(UnknownAccessKey) as caught:
            open_for(user, access_key_id="AKIANOBODY").whoami()
        assert "AKIANOBODY" not in caught.value.provider_message
