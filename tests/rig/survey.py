"""The connection test on every server at hand: the engine's own rows, case by case.

`docs/tested-against.md` is written from these answers, and a test of the suite on services holds
the two together.
"""

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from storages_app.custom_storages import grants, self_test, services
from storages_app.lib import outbound
from storages_app.models import ConnectionTest, CustomStorage, Finding
from storages_app.objectstores import providers
from tests.rig.radosgw import Radosgw
from tests.rig.rclone import Rclone
from tests.rig.seaweed import Seaweed
from tests.s3double import Block, Bucket, S3Double

PREFIX = "up/"
ACCOUNT = "111122223333"  # at the double
# Everything that can be ticked, so that every row is asked.
USES = [use.slug for use in grants.ALL_USES]
Kind = ConnectionTest.Kind
Answers = dict[str, Finding]


class Subject:
    """A server with a user who has no rights of its own in the buckets of another."""

    name: str
    place: dict[str, Any] = {}  # what a new bucket is told of its region
    provider = "other"
    region = "us-east-1"
    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    host_and_port: tuple[str, int]

    def new_bucket(self) -> str:
        raise NotImplementedError

    def client(self) -> contextlib.AbstractContextManager[Any]:
        """boto3 as the owner of the buckets."""
        raise NotImplementedError

    def allow(self, storage: CustomStorage) -> None:
        """Give the user what the product asks for this storage; no more."""

    def draft(self, **fields: Any) -> CustomStorage:
        """A storage in a bucket of its own that its owner has granted as the product says."""
        row = self.ungranted(**fields)
        self.allow(row)
        return row

    def ungranted(self, **fields: Any) -> CustomStorage:
        values = {
            "name": "survey",
            "provider": self.provider,
            "endpoint_url": self.endpoint_url,
            "region": self.region,
            "prefix": PREFIX,
            "access_key_id": self.access_key_id,
            "secret": self.secret_access_key,
            "uses": USES,
            "storage_class": "STANDARD",
        } | fields
        values.setdefault("bucket", self.new_bucket())
        return services.sketch(**values)

    def deny(self, storage: CustomStorage, action: str) -> None:
        """One more statement in the bucket's policy, which wins over all that allow."""
        arn = f"arn:aws:s3:::{storage.bucket}"
        denied = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": action,
            "Resource": [arn, f"{arn}/*"],
        }
        self.set_policy(storage, *self.granted(storage), denied)

    def granted(self, storage: CustomStorage) -> list[dict[str, Any]]:
        """The bucket's policy as the product would have it."""
        return public_policy(storage)

    def block(self, storage: CustomStorage, **switches: bool) -> None:
        with self.client() as client:
            client.put_public_access_block(
                Bucket=storage.bucket, PublicAccessBlockConfiguration=switches
            )

    def set_policy(self, storage: CustomStorage, *statements: dict[str, Any]) -> None:
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        with self.client() as client:
            client.put_bucket_policy(Bucket=storage.bucket, Policy=json.dumps(document))


def public_policy(storage: CustomStorage) -> list[dict[str, Any]]:
    """What lets strangers in, as the product says it."""
    policy = grants.bucket_policy(
        bucket=storage.bucket,
        prefix=storage.prefix,
        uses=storage.uses,
        public_mode=storage.public_mode,
        region=storage.region,
        principal_arn="",
    )
    return policy["Statement"] if policy else []


class OnSeaweed(Subject):
    name = "SeaweedFS"

    def __init__(self, server: Seaweed) -> None:
        self.server = server
        self.endpoint_url, self.host_and_port = server.endpoint_url, server.host_and_port
        self.access_key_id = server.access_key_id
        self.secret_access_key = server.secret_access_key

    def new_bucket(self) -> str:
        return self.server.new_bucket()

    def client(self) -> contextlib.AbstractContextManager[Any]:
        return contextlib.closing(self.server.client())

    def allow(self, storage: CustomStorage) -> None:
        """Its one user may do everything; only strangers have to be let in."""
        if statements := public_policy(storage):
            self.set_policy(storage, *statements)


class OnRadosgw(Subject):
    name = "Ceph radosgw"
    provider = "ceph"

    def __init__(self, server: Radosgw) -> None:
        self.server = server
        self.endpoint_url, self.host_and_port = server.endpoint_url, server.host_and_port
        self.access_key_id, self.secret_access_key = server.users["writer"]

    def new_bucket(self) -> str:
        return self.server.new_bucket()

    def client(self) -> contextlib.AbstractContextManager[Any]:
        return contextlib.nullcontext(self.server.client())

    def allow(self, storage: CustomStorage) -> None:
        self.set_policy(storage, *self.granted(storage))

    def granted(self, storage: CustomStorage) -> list[dict[str, Any]]:
        """What the page of the set-up shows, with our user in place of the one it has made."""
        wanted = grants.Wanted(
            provider=providers.provider("ceph"),
            bucket=storage.bucket,
            prefix=storage.prefix,
            region=storage.region,
            public_mode=storage.public_mode,
            uses=tuple(storage.uses),
        )
        text = json.dumps(wanted.bucket_policy).replace("user/ucdash", "user/writer")
        return json.loads(text)["Statement"]


class OnRclone(Subject):
    name = "rclone serve s3"

    def __init__(self, server: Rclone) -> None:
        self.server = server
        self.endpoint_url, self.host_and_port = server.endpoint_url, server.host_and_port
        self.access_key_id, self.secret_access_key = server.users["owner"]

    def new_bucket(self) -> str:
        return self.server.new_bucket()


class OnDouble(Subject):
    """Amazon as its documentation has it; the bucket is reached by the operator's AWS_S3_URL."""

    name = "Amazon S3 as documented (our double)"
    provider = "aws"
    region = "eu-central-1"
    endpoint_url = ""
    place = {"CreateBucketConfiguration": {"LocationConstraint": region}}

    def __init__(self, server: S3Double) -> None:
        self.server = server
        self.host_and_port = server.host_and_port
        self.account = server.add_account(ACCOUNT)
        self.user = server.add_user("ucdash", account=self.account)
        self.access_key_id = self.user.access_key_id
        self.secret_access_key = self.user.secret_access_key

    def new_bucket(self) -> str:
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.server.add_bucket(name, account=self.account, region=self.region)
        return name

    def bucket(self, storage: CustomStorage) -> Bucket:
        return self.server.buckets[storage.bucket]

    def client(self) -> contextlib.AbstractContextManager[Any]:
        return contextlib.closing(self.server.client(self.account, region=self.region))

    def allow(self, storage: CustomStorage) -> None:
        self.user.policies[:] = [
            grants.identity_policy(
                bucket=storage.bucket,
                prefix=storage.prefix,
                uses=storage.uses,
                public_mode=storage.public_mode,
                region=storage.region,
            )
        ]
        bucket = self.bucket(storage)
        if storage.public_mode != "private":
            bucket.block = Block()
        if storage.public_mode == "acl":
            bucket.ownership = "BucketOwnerPreferred"
        if statements := public_policy(storage):
            self.set_policy(storage, *statements)


@contextlib.contextmanager
def reachable(subjects: Sequence[Subject]) -> Iterator[None]:
    """The guard lets the servers through, and Amazon is the double."""
    before = outbound.current_policy()
    let_in = before.allowed_private | {subject.host_and_port for subject in subjects}
    double = next(subject.server for subject in subjects if isinstance(subject, OnDouble))
    outbound.configure(replace(before, allowed_private=let_in))
    try:
        with override_settings(**_operator_at(double)):
            yield
    finally:
        outbound.configure(before)


def _operator_at(double: S3Double) -> dict[str, str]:
    """The installation's own identity at Amazon, as the settings name it."""
    rights = {"Effect": "Allow", "Action": ["sts:AssumeRole", "s3:*"], "Resource": "*"}
    operator = double.add_user(
        "operator",
        account="999988887777",
        policies=[{"Version": "2012-10-17", "Statement": [rights]}],
    )
    return {
        "AWS_S3_URL": double.endpoint_url,
        "AWS_STS_URL": double.sts_url,
        "AWS_PRINCIPAL_ARN": operator.arn,
        "AWS_ACCESS_KEY_ID": operator.access_key_id,
        "AWS_SECRET_ACCESS_KEY": operator.secret_access_key,
    }


def ask(storage: CustomStorage, kind: ConnectionTest.Kind = Kind.TEST) -> Answers:
    """What the product's own test finds; its rows by check id."""
    return {row.check_id: row for row in self_test.run(storage, kind=kind).findings}


def private(subject: Subject) -> CustomStorage:
    return subject.draft()


def public_by_policy(subject: Subject) -> CustomStorage:
    return subject.draft(public_mode="policy")


def public_by_acl(subject: Subject) -> CustomStorage:
    return subject.draft(public_mode="acl")


MODES = {"Private": private, "Public by policy": public_by_policy, "Public by ACL": public_by_acl}
KINDS = (Kind.TEST, Kind.CHECKLIST)


@dataclass(frozen=True)
class Case:
    """Something done at a server, and the rows that have to tell of it."""

    name: str
    rows: tuple[str, ...]
    prepare: Callable[[Any], CustomStorage]
    on: tuple[type[Subject], ...]


EVERYWHERE = (OnDouble, OnSeaweed, OnRadosgw, OnRclone)
WITH_POLICIES = (OnDouble, OnSeaweed, OnRadosgw)
WITH_SWITCHES = (OnDouble, OnRadosgw)
ALL_SWITCHES = (
    "BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets",
)  # fmt: skip


def _with(**fields: Any) -> Callable[[Subject], CustomStorage]:
    return lambda subject: subject.draft(**fields)


def _ungranted(**fields: Any) -> Callable[[Subject], CustomStorage]:
    return lambda subject: subject.ungranted(**fields)


def _denying(action: str, **fields: Any) -> Callable[[Subject], CustomStorage]:
    def prepare(subject: Subject) -> CustomStorage:
        storage = subject.draft(**fields)
        subject.deny(storage, action)
        return storage

    return prepare


def _blocking(*switches: str, **fields: Any) -> Callable[[Subject], CustomStorage]:
    def prepare(subject: Subject) -> CustomStorage:
        storage = subject.draft(**fields)
        subject.block(storage, **dict.fromkeys(switches, True))
        return storage

    return prepare


def _let_strangers_in(subject: Subject) -> CustomStorage:
    """The bucket is public by policy, and the storage is meant to be private."""
    storage = subject.draft(public_mode="policy")
    storage.public_mode = "private"
    return storage


def _by_an_acl_alone(subject: Subject) -> CustomStorage:
    """No policy; the bucket's ACL lets the user write."""
    storage = subject.ungranted()
    with subject.client() as client:
        client.put_bucket_acl(
            Bucket=storage.bucket, GrantWrite="id=writer", GrantFullControl="id=owner"
        )
    return storage


def _missing_copies(subject: Subject) -> CustomStorage:
    storage = subject.draft()
    storage.copies_to_find = [(f"{PREFIX}not-there", 10)]
    return storage


def _locked(subject: Subject) -> CustomStorage:
    """A bucket whose objects are kept for a day by default."""
    name = f"locked-{uuid.uuid4().hex[:12]}"
    kept = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    with subject.client() as client:
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True, **subject.place)
        client.put_object_lock_configuration(
            Bucket=name,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": kept},
        )
    return subject.draft(bucket=name)


def _account_of_another(subject: Subject) -> CustomStorage:
    """The bucket is there, and belongs to somebody else than its storage says."""
    storage = subject.draft()
    storage.account_id = "444455556666"
    return storage


def _by_role(*, is_strict: bool) -> Callable[[OnDouble], CustomStorage]:
    """In by a role, which asks for the External ID or lets us in without."""

    def prepare(subject: OnDouble) -> CustomStorage:
        arn = f"arn:aws:iam::{subject.account.id}:role/ucdash"
        storage = subject.draft(identity="role", access_key_id="", secret="", role_arn=arn)
        trust = grants.trust_policy(
            principal_arn=settings.AWS_PRINCIPAL_ARN, external_id=storage.external_id
        )
        if not is_strict:
            del trust["Statement"][0]["Condition"]
        subject.server.add_role(
            "ucdash", account=subject.account, trust=trust, policies=subject.user.policies
        )
        return storage

    return prepare


def _by_principal(*, is_proved: bool) -> Callable[[OnDouble], CustomStorage]:
    """In by a bucket policy that trusts this installation, with the owner's proof or without."""

    def prepare(subject: OnDouble) -> CustomStorage:
        storage = subject.ungranted(identity="principal", access_key_id="", secret="")
        policy = grants.bucket_policy(
            bucket=storage.bucket,
            prefix=storage.prefix,
            uses=storage.uses,
            public_mode=storage.public_mode,
            region=storage.region,
            principal_arn=settings.AWS_PRINCIPAL_ARN,
        )
        subject.set_policy(storage, *policy["Statement"])
        storage.proof_nonce = "a nonce of the set-up"
        storage.proof_until = timezone.now() + timedelta(hours=1)
        if is_proved:
            with subject.client() as client:
                key = f"{storage.prefix}.ucdash-proof"
                client.put_object(Bucket=storage.bucket, Key=key, Body=storage.proof_nonce.encode())
        return storage

    return prepare


REFUSALS = (
    Case("Another secret", ("identity",), _with(secret="not-the-secret-of-it"), EVERYWHERE),
    Case("An unknown key id", ("identity",), _with(access_key_id="AKIANOBODY"), EVERYWHERE),
    Case(
        "No such bucket",
        ("bucket", "write"),
        _ungranted(bucket="nobody-has-made-it"),
        EVERYWHERE,
    ),
    Case(
        "No right at all", ("bucket", "write"), lambda subject: subject.ungranted(), WITH_SWITCHES
    ),
    Case("Policy denies PutObject", ("write",), _denying("s3:PutObject"), WITH_POLICIES),
    Case("Policy denies GetObject", ("read",), _denying("s3:GetObject"), WITH_POLICIES),
    Case("Policy denies DeleteObject", ("delete",), _denying("s3:DeleteObject"), WITH_POLICIES),
    Case("Policy denies ListBucket", ("bucket", "list"), _denying("s3:ListBucket"), WITH_POLICIES),
    Case(
        "Policy denies AbortMultipartUpload",
        ("multipart",),
        _denying("s3:AbortMultipartUpload"),
        WITH_POLICIES,
    ),
    Case(
        "Policy denies PutObjectAcl, copies public by ACL",
        ("write", "acl"),
        _denying("s3:PutObjectAcl", public_mode="acl"),
        WITH_POLICIES,
    ),
    Case(
        "ACL of the bucket lets the user write, no policy",
        ("bucket", "write", "multipart", "read", "delete"),
        _by_an_acl_alone,
        (OnRadosgw,),
    ),
    Case(
        "Block Public Access on, private copies",
        ("write", "public"),
        _blocking(*ALL_SWITCHES),
        WITH_SWITCHES,
    ),
    Case(
        "Block Public Access on, copies public by ACL",
        ("write", "acl", "bpa"),
        _blocking(*ALL_SWITCHES, public_mode="acl"),
        WITH_SWITCHES,
    ),
    Case(
        "IgnorePublicAcls alone, copies public by ACL",
        ("acl", "bpa", "public"),
        _blocking("IgnorePublicAcls", public_mode="acl"),
        WITH_SWITCHES,
    ),
    Case(
        "RestrictPublicBuckets alone, copies public by policy",
        ("bpa", "public"),
        _blocking("RestrictPublicBuckets", public_mode="policy"),
        WITH_SWITCHES,
    ),
    Case(
        "BlockPublicPolicy alone, copies public by a policy from before",
        ("bpa", "public"),
        _blocking("BlockPublicPolicy", public_mode="policy"),
        WITH_SWITCHES,
    ),
    Case("Public by policy, copies meant private", ("public",), _let_strangers_in, WITH_POLICIES),
)
SPECIAL = (
    Case(
        "Encryption with SSE-S3 asked for",
        ("sse",),
        _with(encryption={"mode": "AES256"}),
        EVERYWHERE,
    ),
    Case(
        "Encryption with a KMS key that is not there",
        ("write", "sse"),
        _with(encryption={"mode": "aws:kms", "kms_key_id": "alias/none"}),
        EVERYWHERE,
    ),
    Case("A storage class that nobody has", ("class",), _with(storage_class="FROZEN"), EVERYWHERE),
    Case("The class GLACIER_IR", ("class",), _with(storage_class="GLACIER_IR"), EVERYWHERE),
    Case("Copies made so far are not there", ("copies",), _missing_copies, EVERYWHERE),
    Case("The owner's account id is given", ("owner",), _with(account_id=ACCOUNT), (OnDouble,)),
    Case("Another account's id is given", ("owner", "write"), _account_of_another, (OnDouble,)),
    Case("In by a role", ("external_id", "write"), _by_role(is_strict=True), (OnDouble,)),
    Case(
        "In by a role that asks for no External ID",
        ("external_id", "write"),
        _by_role(is_strict=False),
        (OnDouble,),
    ),
    Case(
        "In by a bucket policy, with the owner's proof",
        ("proof", "write"),
        _by_principal(is_proved=True),
        (OnDouble,),
    ),
    Case(
        "In by a bucket policy, without it",
        ("proof", "write"),
        _by_principal(is_proved=False),
        (OnDouble,),
    ),
    Case("Object Lock of a day", ("write", "checksum", "lock", "delete"), _locked, WITH_POLICIES),
)
