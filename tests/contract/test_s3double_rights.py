"""Who may do what in the strict double: each right has its refusal beside it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.s3double import (
    Block,
    Bucket,
    Encryption,
    Grant,
    ObjectLock,
    S3Double,
    User,
    allow_all,
)

OURS, THEIRS = "111122223333", "444455556666"
Client = Callable[..., Any]


@pytest.fixture
def double() -> Iterator[S3Double]:
    with S3Double() as found:
        found.add_account(OURS)
        yield found


@pytest.fixture
def bucket(double: S3Double) -> Bucket:
    return double.add_bucket("bkt", account=OURS)


@pytest.fixture
def client(double: S3Double) -> Iterator[Client]:
    made: list[Any] = []

    def make(who: Any = None, service: str = "s3", **how: Any) -> Any:
        made.append(double.client(who, service, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def message_of(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    return str(caught.value.response["Error"]["Message"])


def bucket_policy(*actions: str, principal: Any = "*", **more: Any) -> dict[str, Any]:
    resources = ["arn:aws:s3:::bkt", "arn:aws:s3:::bkt/*"]
    one = {"Effect": "Allow", "Principal": principal, "Action": list(actions)}
    return {"Version": "2012-10-17", "Statement": [one | {"Resource": resources} | more]}


# Each operation on an object or the bucket, and the right that it takes away to stop it.
OPERATIONS = {
    "s3:PutObject": lambda c: c.put_object(Bucket="bkt", Key="new", Body=b""),
    "s3:GetObject": lambda c: c.get_object(Bucket="bkt", Key="there")["Body"].read(),
    "s3:DeleteObject": lambda c: c.delete_object(Bucket="bkt", Key="there"),
    "s3:ListBucket": lambda c: c.list_objects_v2(Bucket="bkt"),
    "s3:ListBucketVersions": lambda c: c.list_object_versions(Bucket="bkt"),
    "s3:ListBucketMultipartUploads": lambda c: c.list_multipart_uploads(Bucket="bkt"),
    "s3:GetBucketLocation": lambda c: c.get_bucket_location(Bucket="bkt"),
    "s3:GetBucketPolicy": lambda c: c.get_bucket_policy(Bucket="bkt"),
    "s3:PutBucketPolicy": lambda c: c.put_bucket_policy(
        Bucket="bkt", Policy=json.dumps(bucket_policy("s3:GetObject", principal={"AWS": OURS}))
    ),
    "s3:GetBucketOwnershipControls": lambda c: c.get_bucket_ownership_controls(Bucket="bkt"),
    "s3:GetBucketPublicAccessBlock": lambda c: c.get_public_access_block(Bucket="bkt"),
    "s3:GetEncryptionConfiguration": lambda c: c.get_bucket_encryption(Bucket="bkt"),
    "s3:GetBucketVersioning": lambda c: c.get_bucket_versioning(Bucket="bkt"),
    "s3:GetBucketObjectLockConfiguration": lambda c: c.get_object_lock_configuration(Bucket="bkt"),
    "s3:GetLifecycleConfiguration": lambda c: c.get_bucket_lifecycle_configuration(Bucket="bkt"),
    "s3:PutObjectAcl": lambda c: c.put_object(
        Bucket="bkt", Key="new", Body=b"", ACL="bucket-owner-full-control"
    ),
    "s3:AbortMultipartUpload": lambda c: c.abort_multipart_upload(
        Bucket="bkt", Key="big", UploadId=_upload(c)
    ),
    "s3:ListMultipartUploadParts": lambda c: c.list_parts(
        Bucket="bkt", Key="big", UploadId=_upload(c)
    ),
}


def _upload(client: Any) -> str:
    return str(client.create_multipart_upload(Bucket="bkt", Key="big")["UploadId"])


class TestIdentityPolicies:
    @pytest.fixture(autouse=True)
    def _filled(self, double: S3Double, client: Client) -> None:
        double.add_bucket(
            "bkt",
            policy=bucket_policy("s3:GetObject", principal={"AWS": THEIRS}),
            object_lock=ObjectLock(),
            lifecycle=[{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}}],
        )
        client(double.add_account()).put_object(Bucket="bkt", Key="there", Body=b"bytes")

    @pytest.mark.parametrize("action", OPERATIONS)
    def test_an_operation_needs_its_right_and_no_other(
        self, double: S3Double, client: Client, action: str
    ) -> None:
        needed = [action, "s3:PutObject"] if action != "s3:PutObject" else [action]
        one_right = allow_all(needed if action.split(":")[1] in _WITH_PUT else action)
        OPERATIONS[action](client(double.add_user("may", policies=[one_right])))
        deny = {"Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}
        everything_else = [allow_all("s3:*"), deny]
        may_not = client(double.add_user("may-not", policies=everything_else))
        message = message_of(lambda: OPERATIONS[action](may_not))
        assert f"perform: {action} on" in message
        assert message.endswith("with an explicit deny in an identity-based policy")
        nothing = client(double.add_user("nobody"))
        assert code_of(lambda: OPERATIONS[action](nothing)) == "AccessDenied"

    def test_a_prefix_in_the_resource_binds(self, double: S3Double, client: Client) -> None:
        policy = allow_all("s3:PutObject", "arn:aws:s3:::bkt/in/*")
        mine = client(double.add_user("alice", policies=[policy]))
        mine.put_object(Bucket="bkt", Key="in/a", Body=b"")
        message = message_of(lambda: mine.put_object(Bucket="bkt", Key="out/a", Body=b""))
        assert message == (
            f"User: arn:aws:iam::{OURS}:user/alice is not authorized to perform: s3:PutObject on "
            'resource: "arn:aws:s3:::bkt/out/a" because no identity-based policy allows the '
            "s3:PutObject action"
        )

    def test_a_prefix_in_a_condition_binds_listings(self, double: S3Double, client: Client) -> None:
        one = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::bkt"}
        one["Condition"] = {"StringLike": {"s3:prefix": "in/*"}}  # type: ignore[assignment]
        mine = client(double.add_user("alice", policies=[{"Statement": [one]}]))
        mine.list_objects_v2(Bucket="bkt", Prefix="in/a")
        for prefix in ({}, {"Prefix": ""}, {"Prefix": "out/"}):
            assert code_of(lambda p=prefix: mine.list_objects_v2(Bucket="bkt", **p))
        # The condition has nothing to look at where no listing is asked for.
        assert code_of(lambda: mine.head_bucket(Bucket="bkt")) == "403"

    def test_open_uploads_know_no_condition_on_a_prefix(
        self, double: S3Double, client: Client
    ) -> None:
        one = allow_all("s3:ListBucketMultipartUploads", "arn:aws:s3:::bkt")["Statement"][0]
        condition = {"StringLike": {"s3:prefix": "in/*"}}
        bound = double.add_user("bound", policies=[{"Statement": [one | {"Condition": condition}]}])
        free = double.add_user("free", policies=[{"Statement": [one]}])
        listed = lambda who: client(who).list_multipart_uploads(  # noqa: E731
            Bucket="bkt", Prefix="in/a"
        )
        listed(free)
        assert code_of(lambda: listed(bound)) == "AccessDenied"

    def test_who_may_not_list_learns_nothing_of_what_is_not_there(
        self, double: S3Double, client: Client
    ) -> None:
        reader = client(double.add_user("r", policies=[allow_all("s3:GetObject")]))
        lister = client(double.add_user("l", policies=[allow_all(["s3:GetObject", "s3:List*"])]))
        assert code_of(lambda: reader.get_object(Bucket="bkt", Key="no")) == "AccessDenied"
        assert code_of(lambda: lister.get_object(Bucket="bkt", Key="no")) == "NoSuchKey"
        assert code_of(lambda: reader.head_object(Bucket="bkt", Key="no")) == "403"
        assert code_of(lambda: lister.head_object(Bucket="bkt", Key="no")) == "404"


# To be refused these, an upload must be open.
_WITH_PUT = {"AbortMultipartUpload", "ListMultipartUploadParts", "PutObjectAcl"}


class TestTwoAccounts:
    def test_both_sides_must_agree(self, double: S3Double, bucket: Bucket, client: Client) -> None:
        theirs = double.add_user("bob", account=THEIRS)
        put = lambda: client(theirs).put_object(Bucket="bkt", Key="k", Body=b"")  # noqa: E731
        assert message_of(put) == "Access Denied"
        bucket.policy = bucket_policy("s3:PutObject", principal={"AWS": theirs.arn})
        assert message_of(put) == "Access Denied"
        theirs.policies.append(allow_all("s3:PutObject", "arn:aws:s3:::bkt/*"))
        put()
        bucket.policy = None
        assert message_of(put) == "Access Denied"

    def test_an_account_may_be_named_as_a_whole(
        self, double: S3Double, bucket: Bucket, client: Client
    ) -> None:
        theirs = double.add_user("bob", account=THEIRS, policies=[allow_all()])
        bucket.policy = bucket_policy(
            "s3:PutObject", principal={"AWS": f"arn:aws:iam::{THEIRS}:root"}
        )
        client(theirs).put_object(Bucket="bkt", Key="k", Body=b"")

    def test_what_another_writes_is_theirs_unless_acls_are_off(
        self, double: S3Double, bucket: Bucket, client: Client
    ) -> None:
        theirs = double.add_user("bob", account=THEIRS, policies=[allow_all()])
        bucket.policy = bucket_policy("s3:PutObject", "s3:PutObjectAcl", principal={"AWS": THEIRS})
        owner, writer = client(double.add_account(OURS)), client(theirs)
        bucket.ownership = "ObjectWriter"
        writer.put_object(Bucket="bkt", Key="k", Body=b"")
        assert code_of(lambda: owner.get_object(Bucket="bkt", Key="k")) == "AccessDenied"
        writer.put_object(Bucket="bkt", Key="k", Body=b"", ACL="bucket-owner-full-control")
        owner.get_object(Bucket="bkt", Key="k")["Body"].read()
        bucket.ownership = "BucketOwnerEnforced"
        writer.put_object(Bucket="bkt", Key="k", Body=b"")
        owner.get_object(Bucket="bkt", Key="k")["Body"].read()

    def test_an_acl_lets_another_account_write(
        self, double: S3Double, bucket: Bucket, client: Client
    ) -> None:
        theirs = double.add_user("bob", account=THEIRS, policies=[allow_all()])
        bucket.ownership = "ObjectWriter"
        assert code_of(lambda: client(theirs).put_object(Bucket="bkt", Key="k", Body=b""))
        bucket.acl = [Grant(theirs.account.canonical_id, "WRITE")]
        client(theirs).put_object(Bucket="bkt", Key="k", Body=b"")

    def test_a_policy_may_name_only_who_exists(
        self, double: S3Double, bucket: Bucket, client: Client
    ) -> None:
        owner = client(double.add_account(OURS))
        policy = bucket_policy("s3:GetObject", principal={"AWS": f"arn:aws:iam::{OURS}:user/carol"})
        put = lambda: owner.put_bucket_policy(Bucket="bkt", Policy=json.dumps(policy))  # noqa: E731
        assert code_of(put) == "MalformedPolicy"
        double.add_user("carol", account=OURS)
        put()

    @pytest.mark.parametrize(
        "change",
        [
            {"Action": "sts:AssumeRole"},
            {"Resource": "arn:aws:s3:::bkt"},
            {"Effect": "Perhaps"},
            {"Condition": {"StringSounds": {"aws:PrincipalArn": "a"}}},
            {"Condition": {"StringLike": {"s3:prefix": "a"}}},
        ],
    )
    def test_a_policy_that_makes_no_sense_is_refused(
        self, double: S3Double, bucket: Bucket, client: Client, change: dict[str, Any]
    ) -> None:
        one = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject"}
        one["Resource"] = "arn:aws:s3:::bkt/*"
        owner = client(double.add_account(OURS))
        for text, is_bad in ((one, False), (one | change, True)):
            policy = json.dumps({"Statement": [text]})
            put = lambda p=policy: owner.put_bucket_policy(Bucket="bkt", Policy=p)  # noqa: E731
            if is_bad:
                assert code_of(put) == "MalformedPolicy"
            else:
                put()


class TestPublicAccess:
    def test_the_account_wins_over_the_bucket(
        self, double: S3Double, bucket: Bucket, client: Client
    ) -> None:
        bucket.block, bucket.ownership = Block(), "BucketOwnerPreferred"
        owner = double.add_account(OURS)
        put = lambda: client(owner).put_object(  # noqa: E731
            Bucket="bkt", Key="k", Body=b"", ACL="public-read"
        )
        put()
        owner.block = Block(block_public_acls=True)
        assert "BlockPublicAcls setting in S3 Block Public Access" in message_of(put)

    def test_a_policy_for_one_account_is_not_public(
        self, double: S3Double, bucket: Bucket, client: Client
    ) -> None:
        double.add_account(THEIRS)
        owner = client(double.add_account(OURS))
        narrow = bucket_policy("s3:GetObject", principal={"AWS": THEIRS})
        owner.put_bucket_policy(Bucket="bkt", Policy=json.dumps(narrow))
        for_all = json.dumps(bucket_policy("s3:GetObject"))
        message = message_of(lambda: owner.put_bucket_policy(Bucket="bkt", Policy=for_all))
        assert "BlockPublicPolicy setting" in message

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("get_public_access_block", "NoSuchPublicAccessBlockConfiguration"),
            ("get_bucket_ownership_controls", "OwnershipControlsNotFoundError"),
            ("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError"),
        ],
    )
    def test_settings_that_were_never_made_are_missing(
        self, double: S3Double, client: Client, name: str, code: str
    ) -> None:
        double.add_bucket("bare", ownership="", block_public_access=None, encryption=None)
        owner = client(double.add_account(OURS))
        assert code_of(lambda: getattr(owner, name)(Bucket="bare")) == code


class TestKms:
    @pytest.fixture
    def alice(self, double: S3Double) -> User:
        return double.add_user("alice", account=OURS, policies=[allow_all("s3:*")])

    def put(self, who: Any, key: str = "") -> Any:
        more = {"SSEKMSKeyId": key} if key else {}
        return who.put_object(
            Bucket="bkt", Key="k", Body=b"b", ServerSideEncryption="aws:kms", **more
        )

    def test_the_key_must_allow_it_too(
        self, double: S3Double, bucket: Bucket, client: Client, alice: User
    ) -> None:
        key = double.add_kms_key("alias/x", account=OURS)
        message = message_of(lambda: self.put(client(alice), key.arn))
        assert "perform: kms:GenerateDataKey on resource: " + key.arn in message
        alice.policies.append(allow_all("kms:GenerateDataKey", key.arn))
        assert self.put(client(alice), "alias/x")["SSEKMSKeyId"] == key.arn
        message = message_of(lambda: client(alice).get_object(Bucket="bkt", Key="k"))
        assert "perform: kms:Decrypt on resource: " + key.arn in message

    def test_parts_need_the_right_to_decrypt(
        self, double: S3Double, bucket: Bucket, client: Client, alice: User
    ) -> None:
        key = double.add_kms_key("alias/x", account=OURS)
        bucket.encryption = Encryption("aws:kms", key.arn)
        alice.policies.append(allow_all("kms:GenerateDataKey", key.arn))
        mine, names = client(alice), {"Bucket": "bkt", "Key": "big"}
        upload = mine.create_multipart_upload(**names, ChecksumAlgorithm="CRC32")["UploadId"]
        part = lambda: mine.upload_part(  # noqa: E731
            **names, UploadId=upload, PartNumber=1, Body=b"x"
        )
        assert "kms:Decrypt" in message_of(part)
        alice.policies.append(allow_all("kms:Decrypt", key.arn))
        part()

    def test_a_key_of_another_account_needs_both_sides(
        self, double: S3Double, bucket: Bucket, client: Client, alice: User
    ) -> None:
        key = double.add_kms_key(account=THEIRS)
        alice.policies.append(allow_all("kms:*"))
        assert "resource-based policy" in message_of(lambda: self.put(client(alice), key.arn))
        key.policy = {
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": OURS}, "Action": "kms:*", "Resource": "*"}
            ]
        }
        self.put(client(alice), key.arn)

    def test_amazons_own_key_is_for_the_account_alone(
        self, double: S3Double, bucket: Bucket, client: Client, alice: User
    ) -> None:
        self.put(client(alice))
        bucket.policy = bucket_policy("s3:*", principal={"AWS": THEIRS})
        theirs = double.add_user("bob", account=THEIRS, policies=[allow_all()])
        assert "kms:GenerateDataKey" in message_of(lambda: self.put(client(theirs)))

    @pytest.mark.parametrize(
        ("state", "code"),
        [
            ("Disabled", "KMS.DisabledException"),
            ("PendingDeletion", "KMS.KMSInvalidStateException"),
        ],
    )
    def test_a_key_must_be_usable(
        self, double: S3Double, bucket: Bucket, client: Client, state: str, code: str
    ) -> None:
        key = double.add_kms_key(account=OURS)
        owner = client(double.add_account(OURS))
        self.put(owner, key.arn)
        key.state = state
        assert code_of(lambda: self.put(owner, key.arn)) == code

    def test_a_key_of_another_region_is_not_found(
        self, double: S3Double, bucket: Bucket, client: Client
    ) -> None:
        key = double.add_kms_key(account=OURS, region="eu-west-1")
        owner = client(double.add_account(OURS))
        assert code_of(lambda: self.put(owner, key.arn)) == "KMS.NotFoundException"


class TestRoles:
    EXTERNAL = "9f0c1f0e-6a51-4a71-a7a4-0d6f0f2c7b11"

    @pytest.fixture
    def operator(self, double: S3Double) -> User:
        return double.add_user("operator", account=THEIRS, policies=[allow_all("sts:AssumeRole")])

    @pytest.fixture
    def role_arn(self, double: S3Double, bucket: Bucket, operator: User) -> str:
        one = {"Effect": "Allow", "Principal": {"AWS": operator.arn}, "Action": "sts:AssumeRole"}
        one["Condition"] = {"StringEquals": {"sts:ExternalId": self.EXTERNAL}}  # type: ignore[assignment]
        put = allow_all("s3:PutObject", "arn:aws:s3:::bkt/*")
        return double.add_role("writer", trust={"Statement": [one]}, policies=[put]).arn

    def assume(self, sts: Any, arn: str, **more: Any) -> dict[str, str]:
        answer = sts.assume_role(RoleArn=arn, RoleSessionName="test", **more)
        found = answer["Credentials"]
        return {
            "access_key_id": found["AccessKeyId"],
            "secret_access_key": found["SecretAccessKey"],
            "session_token": found["SessionToken"],
        }

    def test_a_role_is_assumed_with_its_external_id_alone(
        self, operator: User, role_arn: str, client: Client
    ) -> None:
        sts = client(operator, "sts")
        for more in ({}, {"ExternalId": "another"}):
            message = message_of(lambda m=more: self.assume(sts, role_arn, **m))
            assert message.endswith(f"perform: sts:AssumeRole on resource: {role_arn}")
        found = self.assume(sts, role_arn, ExternalId=self.EXTERNAL)
        mine = client(**found)
        mine.put_object(Bucket="bkt", Key="k", Body=b"")
        assert code_of(lambda: mine.get_object(Bucket="bkt", Key="k")) == "AccessDenied"
        arn = client(None, "sts", **found).get_caller_identity()["Arn"]
        assert arn == f"arn:aws:sts::{OURS}:assumed-role/writer/test"

    def test_only_whom_it_trusts_may_assume_it(
        self, double: S3Double, role_arn: str, client: Client
    ) -> None:
        other = double.add_user("other", account=THEIRS, policies=[allow_all()])
        sts = client(other, "sts")
        assert message_of(lambda: self.assume(sts, role_arn, ExternalId=self.EXTERNAL))

    def test_the_caller_needs_the_right_too(
        self, operator: User, role_arn: str, client: Client
    ) -> None:
        operator.policies.clear()
        sts = client(operator, "sts")
        assert message_of(lambda: self.assume(sts, role_arn, ExternalId=self.EXTERNAL))

    def test_a_root_user_assumes_nothing(
        self, double: S3Double, role_arn: str, client: Client
    ) -> None:
        role = double.directory.roles[role_arn]
        role.trust = {
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": THEIRS}, "Action": "sts:AssumeRole"}
            ]
        }
        self.assume(
            client(double.directory.users[f"arn:aws:iam::{THEIRS}:user/operator"], "sts"), role_arn
        )
        root = client(double.add_account(THEIRS), "sts")
        assert "root accounts" in message_of(lambda: self.assume(root, role_arn))

    def test_a_session_policy_narrows(self, operator: User, role_arn: str, client: Client) -> None:
        policy = json.dumps(allow_all("s3:PutObject", "arn:aws:s3:::bkt/in/*"))
        sts = client(operator, "sts")
        mine = client(**self.assume(sts, role_arn, ExternalId=self.EXTERNAL, Policy=policy))
        mine.put_object(Bucket="bkt", Key="in/k", Body=b"")
        assert code_of(lambda: mine.put_object(Bucket="bkt", Key="k", Body=b"")) == "AccessDenied"

    def test_temporary_credentials_run_out(
        self, double: S3Double, operator: User, role_arn: str, client: Client
    ) -> None:
        found = self.assume(client(operator, "sts"), role_arn, ExternalId=self.EXTERNAL)
        double.expire(found["access_key_id"])
        put = lambda who: who.put_object(Bucket="bkt", Key="k", Body=b"")  # noqa: E731
        assert code_of(lambda: put(client(**found))) == "ExpiredToken"
        assert code_of(lambda: put(client(**found | {"session_token": "bad"}))) == "InvalidToken"
        found["session_token"] = ""
        assert code_of(lambda: put(client(**found))) == "InvalidAccessKeyId"

    @pytest.mark.parametrize("arn", ["nonsense", f"arn:aws-cn:iam::{OURS}:role/writer"])
    def test_an_impossible_arn_is_refused(self, operator: User, client: Client, arn: str) -> None:
        sts = client(operator, "sts")
        assert code_of(lambda: self.assume(sts, arn.ljust(20, "x"))) == "ValidationError"

    def test_a_wrong_secret_is_nobody(self, operator: User, client: Client) -> None:
        sts = client(operator, "sts", secret_access_key="wrong")
        assert code_of(sts.get_caller_identity) == "SignatureDoesNotMatch"
        sts = client(None, "sts", access_key_id="AKIANOBODY")
        assert code_of(sts.get_caller_identity) == "InvalidClientTokenId"
