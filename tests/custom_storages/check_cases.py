"""How each row of the connection test comes to each of its texts, at the strict double.

One function a text: it changes the world so that asking leads to it. `check_texts.toml` has what
the row then says, word for word.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storages_app.custom_storages import runner
from storages_app.custom_storages.checks import speed
from storages_app.lib import outbound
from storages_app.models import ConnectionTest
from storages_app.objectstores import errors
from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.backends.s3 import store as store_module
from storages_app.objectstores.base import Connected, PutOptions, PutReceipt
from tests.custom_storages.world import ACCOUNT, OTHER_ACCOUNT, REGION, World
from tests.s3double import Block, Encryption, ObjectLock

Provoke = Callable[[World, pytest.MonkeyPatch], None]
TEST, CHECKLIST = ConnectionTest.Kind.TEST, ConnectionTest.Kind.CHECKLIST
_TRUSTING: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}],
}


@dataclass(frozen=True)
class Case:
    name: str
    check_id: str
    covers: str  # a class of `failures`, a code of `refusals` or `notes`; "" for the plain pass
    provoke: Provoke
    kind: ConnectionTest.Kind


CASES: list[Case] = []


def case(
    check_id: str, covers: str = "", kind: ConnectionTest.Kind = TEST
) -> Callable[[Provoke], Provoke]:
    def register(provoke: Provoke) -> Provoke:
        CASES.append(Case(provoke.__name__, check_id, covers, provoke, kind))
        return provoke

    return register


def passes(check_id: str, kind: ConnectionTest.Kind = TEST) -> None:
    CASES.append(Case(f"{check_id}_passes", check_id, "", lambda world, patch: None, kind))


def instead(patch: pytest.MonkeyPatch, method: str, answer: object) -> None:
    """Every store of the test answers so, or raises it."""

    def call(self: S3Store, *args: object, **options: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    patch.setattr(S3Store, method, call)


def without(world: World, *actions: str) -> None:
    """The user's policy less these actions."""
    for policy in world.user.policies:
        kept = []
        for statement in policy["Statement"]:
            named = statement["Action"]
            named = [named] if isinstance(named, str) else named
            left = [action for action in named if action not in actions]
            if left:
                kept.append({**statement, "Action": left})
        policy["Statement"] = kept


def refusing(patch: pytest.MonkeyPatch, option: str, code: str) -> None:
    """Uploads with this option are called wrong, as by servers that do not know it."""
    put = S3Store.put

    def call(self: S3Store, *args: Any, options: PutOptions, **more: Any) -> PutReceipt:
        if getattr(options, option):
            raise errors.ObjectStoreError(
                "What is that?", provider_code=code, http_status=400, operation="PutObject"
            )
        return put(self, *args, options=options, **more)

    patch.setattr(S3Store, "put", call)


def ignoring(patch: pytest.MonkeyPatch, **options: str) -> None:
    """Uploads arrive without these options, as at servers that take any header."""
    put = S3Store.put

    def call(self: S3Store, *args: Any, options: PutOptions, **more: Any) -> PutReceipt:
        return put(self, *args, options=replace(options, **left_out), **more)

    left_out = options
    patch.setattr(S3Store, "put", call)


def unconfirming(patch: pytest.MonkeyPatch) -> None:
    """Answers to uploads repeat no checksum, as those of servers that do not know the header."""
    put = S3Store.put

    def call(self: S3Store, *args: Any, **more: Any) -> PutReceipt:
        return replace(put(self, *args, **more), sha256="", checksum="")

    patch.setattr(S3Store, "put", call)


@case("checksum", "not_confirmed")
def checksum_not_confirmed(world, patch):
    unconfirming(patch)


def elsewhere(world: World, **fields: object) -> None:
    """The same bucket at a provider that is not Amazon, which has no STS."""
    world.set(**{"provider": "other", "endpoint_url": world.double.endpoint_url} | fields)


# --- Names and address -------------------------------------------------------------------------

passes("input")


@case("input", "bucket_name")
def input_bucket_name(world, patch):
    world.set(bucket="Photos")


@case("input", "address_invalid")
def input_address(world, patch):
    world.set(provider="other", endpoint_url="ftp://s3.example.com")


@case("input", "AddressInvalid")
def input_account_id(world, patch):
    world.set(account_id="0123456789abcdef0123456789abcdef")


@case("input", "credentials_missing")
def input_no_key(world, patch):
    world.set(access_key_id="")


@case("input", "credentials_missing")
def input_no_role(world, patch):
    world.set(identity="role", role_arn="")


@case("input", "secret_unreadable")
def input_sealed_elsewhere(world, patch):
    world.set(sealed_secret="v1:gone:bm90aGluZw==")


# --- Address answers ---------------------------------------------------------------------------


@case("reach")
def reach_passes(world, patch):
    instead(patch, "connection", Connected("h", 34.4, "TLSv1.3", 0.0))


@case("reach", "plain_http")
def reach_over_plain_http(world, patch):
    instead(patch, "connection", Connected("h", 34.4, "", 0.0))


@case("reach", "HostNotFound")
def reach_no_such_host(world, patch):
    instead(patch, "connection", errors.HostNotFound(operation="Connect"))


@case("reach", "ConnectionFailed")
def reach_nobody_listens(world, patch):
    world.double.close()


@case("reach", "timeout")
def reach_no_answer(world, patch):
    patch.setattr(store_module, "_PROBE_READ_S", 0.1)
    world.double.faults.add(code="stall:5", times=None)


@case("reach", "TlsFailed")
def reach_certificate(world, patch):
    instead(patch, "connection", errors.TlsFailed(reason="self-signed", operation="Connect"))


@case("reach", "no_tls")
def reach_no_tls(world, patch):
    elsewhere(world, endpoint_url=world.double.endpoint_url.replace("http:", "https:"))


@case("reach", "tls_too_old")
def reach_old_tls(world, patch):
    instead(patch, "connection", errors.TlsFailed(reason="protocol too old", operation="Connect"))


@case("reach", "private_address")
def reach_guarded(world, patch):
    elsewhere(world, endpoint_url="https://10.0.0.7")


@case("reach", "plain_http")
def reach_http_refused(world, patch):
    elsewhere(world, endpoint_url="http://s3.example.com")


@case("reach", "port_forbidden")
def reach_port(world, patch):
    elsewhere(world, endpoint_url="https://s3.example.com:22")
    outbound.configure(replace(outbound.current_policy(), allowed_ports=frozenset({443})))


# --- Clock -------------------------------------------------------------------------------------


@case("clock")
def clock_passes(world, patch):
    instead(patch, "connection", Connected("h", 34.4, "TLSv1.3", 0.4))


@case("clock", "no_date")
def clock_without_date(world, patch):
    instead(patch, "connection", Connected("h", 34.4, "TLSv1.3", None))


@case("clock", "RequestTimeTooSkewed")
def clock_is_wrong(world, patch):
    instead(patch, "connection", Connected("h", 34.4, "TLSv1.3", -1800.2))


# --- Identity ----------------------------------------------------------------------------------

passes("identity")


@case("identity")
def identity_passes_without_arn(world, patch):
    elsewhere(world)


@case("identity", "UnknownAccessKey")
def identity_unknown_key(world, patch):
    world.set(access_key_id="AKIADOUBLE0000009999")


@case("identity", "UnknownAccessKey")
def identity_unknown_key_elsewhere(world, patch):
    elsewhere(world, access_key_id="AKIADOUBLE0000009999")


@case("identity", "WrongSecret")
def identity_wrong_secret(world, patch):
    world.storage.seal_secret("not-the-secret-of-this-key")
    world.storage.save()


@case("identity", "CredentialsExpired")
def identity_expired(world, patch):
    world.double.faults.add(operation="GetCallerIdentity", code="ExpiredToken")


@case("identity", "ClockSkewed")
def identity_skewed(world, patch):
    elsewhere(world)
    world.double.faults.add(operation="ListObjectsV2", code="RequestTimeTooSkewed")


@case("identity", "AddressInvalid")
def identity_no_operator(world, patch):
    world.become_role()
    world.settings.AWS_PRINCIPAL_ARN = ""


@case("identity", "role_refused")
def identity_role_refused(world, patch):
    world.become_role()
    world.user.trust = {**_TRUSTING, "Statement": []}


@case("identity", "other_partition")
def identity_other_partition(world, patch):
    world.become_role()
    world.set(role_arn=world.storage.role_arn.replace("arn:aws:", "arn:aws-cn:"))


@case("identity", "operator_identity")
def identity_of_operator(world, patch):
    world.become_role()
    world.settings.AWS_SECRET_ACCESS_KEY = "no-longer-the-operators"


# --- External ID -------------------------------------------------------------------------------


@case("external_id")
def external_id_passes(world, patch):
    world.become_role()


@case("external_id", "external_id_ignored")
def external_id_not_asked_for(world, patch):
    trusted = {"AWS": world.settings.AWS_PRINCIPAL_ARN}
    statement = {**_TRUSTING["Statement"][0], "Principal": trusted}
    world.become_role(trust={**_TRUSTING, "Statement": [statement]})


@case("external_id", "external_id_ignored")
def external_id_any_will_do(world, patch):
    trusted = {"AWS": world.settings.AWS_PRINCIPAL_ARN}
    condition = {"StringLike": {"sts:ExternalId": "*"}}
    statement = {**_TRUSTING["Statement"][0], "Principal": trusted, "Condition": condition}
    world.become_role(trust={**_TRUSTING, "Statement": [statement]})


# --- Bucket ------------------------------------------------------------------------------------

passes("bucket")


@case("bucket", "BucketMissing")
def bucket_missing(world, patch):
    del world.double.buckets[world.bucket.name]


@case("bucket", "AccountClosed")
def bucket_closed(world, patch):
    world.double.quirks.closed_account = True


@case("bucket", "unknown_region")
def bucket_region_unknown(world, patch):
    world.set(region="us-west-2")
    world.double.quirks.no_region_told = True
    world.double.quirks.wrong_region_code = "PermanentRedirect"


@case("bucket", "other_region")
def bucket_region_malformed(world, patch):
    world.set(region="us-west-2")


@case("bucket", "other_region")
def bucket_region_redirect(world, patch):
    world.set(region="us-west-2")
    world.double.quirks.wrong_region_code = "PermanentRedirect"


@case("bucket", "other_region")
def bucket_region_illegal(world, patch):
    world.set(region="us-west-2")
    world.double.quirks.wrong_region_code = "IllegalLocationConstraintException"


@case("bucket", "list_denied")
def bucket_may_not_list(world, patch):
    without(world, "s3:ListBucket")


@case("bucket", "location_denied")
def bucket_may_not_ask_where(world, patch):
    without(world, "s3:GetBucketLocation")


# --- Proof of ownership ------------------------------------------------------------------------


@case("proof")
def proof_passes(world, patch):
    world.become_principal()


@case("proof")
def proof_passes_once_and_for_all(world, patch):
    world.become_principal(proof=False)
    world.set(proved_at=datetime.now(UTC))


@case("proof", "proof_missing")
def proof_missing(world, patch):
    world.become_principal(proof=False)
    statement = {"Effect": "Allow", "Principal": {"AWS": world.settings.AWS_PRINCIPAL_ARN},
                 "Action": "s3:ListBucket", "Resource": world.bucket.arn}  # fmt: skip
    world.bucket.policy["Statement"].append(statement)


@case("proof", "AccessDenied")
def proof_unreadable(world, patch):
    world.become_principal(proof=False)


@case("proof", "no_nonce")
def proof_without_nonce(world, patch):
    world.become_principal()
    world.set(proof_nonce="", proof_until=None)


@case("proof", "proof_differs")
def proof_of_another(world, patch):
    world.become_principal()
    world.put("up/.ucdash-proof", "another-nonce")


@case("proof", "proof_expired")
def proof_too_old(world, patch):
    world.become_principal()
    world.set(proof_until=datetime.now(UTC) - timedelta(seconds=1))


# --- Copies, owner, list -----------------------------------------------------------------------


@case("copies")
def copies_passes(world, patch):
    world.put("up/one.txt", "12345")
    patch.setattr(runner, "_copies_to_find", lambda test: [("up/one.txt", 5)])


@case("copies", "copies_missing")
def copies_are_not_there(world, patch):
    patch.setattr(runner, "_copies_to_find", lambda test: [("up/one.txt", 5)])


@case("copies", "copies_missing")
def copies_have_another_size(world, patch):
    world.put("up/one.txt", "1234567")
    patch.setattr(runner, "_copies_to_find", lambda test: [("up/one.txt", 5)])


@case("copies", "AccessDenied")
def copies_unreadable(world, patch):
    copies_passes(world, patch)
    without(world, "s3:GetObject")


@case("owner")
def owner_passes(world, patch):
    world.set(account_id=ACCOUNT)


@case("owner")
def owner_passes_for_one_who_may_only_put(world, patch):
    world.set(account_id=ACCOUNT, uses=["copies"])
    without(world, "s3:ListBucket", "s3:AbortMultipartUpload")


@case("owner", "other_owner")
def owner_is_another(world, patch):
    world.set(account_id=OTHER_ACCOUNT)


@case("owner", "owner_unclear")
def owner_unclear(world, patch):
    world.set(account_id=OTHER_ACCOUNT)
    without(world, "s3:ListBucket", "s3:AbortMultipartUpload")


@case("owner", "owner_ignored")
def owner_ignored(world, patch):
    world.set(account_id=ACCOUNT)
    world.double.quirks.ignores_expected_owner = True


passes("list")


@case("list")
def list_passes_for_browsing(world, patch):
    world.set(uses=["copies", "browse"])
    world.grant()


@case("list", "AccessDenied")
def list_uploads_denied(world, patch):
    without(world, "s3:ListBucketMultipartUploads")


@case("list", "AccessDenied")
def list_keys_denied(world, patch):
    world.set(uses=["copies", "browse"])
    world.grant()
    without(world, "s3:ListBucket")


# --- Write -------------------------------------------------------------------------------------

passes("write")


@case("write", "AccessDenied")
def write_denied(world, patch):
    without(world, "s3:PutObject")


@case("write", "AccessDenied")
def write_denied_by_the_bucket(world, patch):
    world.deny("s3:PutObject")


@case("write", "other_prefix")
def write_under_another_prefix(world, patch):
    world.set(prefix="uploads/")
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": f"{world.bucket.arn}/.*"}
    world.user.policies[0]["Statement"] = [allowed]


@case("write", "encryption_wanted")
def write_without_encryption(world, patch):
    world.deny("s3:PutObject", Null={"s3:x-amz-server-side-encryption": "true"})


@case("write", "encryption_wanted")
def write_without_a_kms_key(world, patch):
    wanted = {"s3:x-amz-server-side-encryption": "aws:kms"}
    world.deny("s3:PutObject", StringNotEquals=wanted)


@case("write", "blocked_wholly")
def write_blocked_wholly(world, patch):
    elsewhere(world)
    world.deny("s3:PutObject")


@case("write", "QuotaExceeded")
def write_over_quota(world, patch):
    world.double.quirks.quota_reached = True


@case("write", "throttled")
def write_throttled(world, patch):
    patch.setattr("storages_app.custom_storages.checks.write._PAUSES_S", (0.001, 0.001))
    world.double.faults.add(operation="PutObject", code="SlowDown", times=None)


@case("write", "throttled")
def write_unavailable(world, patch):
    patch.setattr("storages_app.custom_storages.checks.write._PAUSES_S", (0.001, 0.001))
    world.double.faults.add(operation="PutObject", code="ServiceUnavailable", times=None)


@case("write", "KmsDenied")
def write_default_key_denied(world, patch):
    key = world.double.add_kms_key(account=OTHER_ACCOUNT, region=REGION)
    world.bucket.encryption = Encryption("aws:kms", key.arn)


@case("write", "kms_key_unusable")
def write_default_key_disabled(world, patch):
    key = world.double.add_kms_key(account=ACCOUNT, region=REGION, state="Disabled")
    world.bucket.encryption = Encryption("aws:kms", key.arn)


# --- Encryption --------------------------------------------------------------------------------


def with_kms(world: World, *, kms_key_id: str = "", **options: Any) -> None:
    key = world.double.add_kms_key(**({"account": ACCOUNT, "region": REGION} | options))
    world.set(encryption={"mode": "aws:kms", "kms_key_id": kms_key_id or key.arn})
    world.grant()


@case("sse")
def sse_passes(world, patch):
    world.set(encryption={"mode": "AES256", "kms_key_id": ""})


@case("sse")
def sse_passes_with_a_key(world, patch):
    with_kms(world, alias="alias/photos")
    world.set(encryption={"mode": "aws:kms", "kms_key_id": "alias/photos"})
    world.grant(kms_key_id=world.double.directory.kms_keys[0].arn)


@case("sse", "KmsDenied")
def sse_key_denied(world, patch):
    with_kms(world)
    without(world, "kms:GenerateDataKey", "kms:Decrypt")


@case("sse", "kms_key_unusable")
def sse_key_disabled(world, patch):
    with_kms(world, alias="alias/photos", state="Disabled", kms_key_id="alias/photos")


@case("sse", "kms_key_unusable")
def sse_key_going(world, patch):
    with_kms(world, alias="alias/photos", state="PendingDeletion", kms_key_id="alias/photos")


@case("sse", "kms_key_unusable")
def sse_key_elsewhere(world, patch):
    with_kms(world, kms_key_id="alias/none")


@case("sse", "NotSupported")
def sse_unknown(world, patch):
    world.set(encryption={"mode": "AES256", "kms_key_id": ""})
    for after in (0, 1):
        world.double.faults.add(
            operation="PutObject", code="NotImplemented", status=501, after=after
        )


@case("sse", "AccessDenied")
def sse_denied(world, patch):
    world.set(encryption={"mode": "AES256", "kms_key_id": ""})
    named = {"s3:x-amz-server-side-encryption": "AES256"}
    world.deny("s3:PutObject", StringEquals=named)


# --- Checksums ---------------------------------------------------------------------------------

passes("checksum")


@case("checksum", "md5")
def checksum_old(world, patch):
    world.double.quirks.no_new_checksums = True


@case("checksum", "md5")
def checksum_old_as_an_argument(world, patch):
    world.double.quirks.no_new_checksums = "InvalidArgument"


@case("checksum", "none")
def checksum_none(world, patch):
    world.double.quirks.no_new_checksums = True
    world.double.faults.add(operation="PutObject", code="NotImplemented", status=501, after=2)


passes("integrity")


@case("integrity", "integrity_unsupported")
def integrity_unchecked(world, patch):
    world.double.quirks.ignores_checksums = True


# --- Storage class, ACL, Block Public Access ----------------------------------------------------


@case("class")
def class_passes(world, patch):
    world.set(storage_class="STANDARD_IA")


@case("class", "StorageClassInvalid")
def class_unknown(world, patch):
    world.set(storage_class="PLATINUM")


@case("class", "AccessDenied")
def class_denied(world, patch):
    world.set(storage_class="STANDARD_IA")
    world.deny("s3:PutObject", StringEquals={"s3:x-amz-storage-class": "STANDARD_IA"})


@case("class", "class_refused")
def class_refused_by_another_word(world, patch):
    world.set(storage_class="STANDARD_IA")
    refusing(patch, "storage_class", "InvalidArgument")


@case("class", "class_ignored")
def class_ignored(world, patch):
    world.set(storage_class="STANDARD_IA")
    ignoring(patch, storage_class="")


@case("class")
def class_passes_unseen(world, patch):
    world.set(storage_class="STANDARD_IA")
    without(world, "s3:GetObject", "s3:ListBucket")


@case("sse", "encryption_refused")
def sse_refused_by_another_word(world, patch):
    world.set(encryption={"mode": "AES256"})
    refusing(patch, "encryption", "InvalidRequest")


@case("sse", "encryption_ignored")
def sse_ignored(world, patch):
    world.set(encryption={"mode": "AES256"})
    world.bucket.encryption = None
    ignoring(patch, encryption="")


@case("sse", "encryption_ignored")
def sse_with_another_than_was_asked(world, patch):
    world.set(encryption={"mode": "aws:kms", "kms_key_id": "alias/photos"})
    ignoring(patch, encryption="", kms_key_id="")


def public_by_acl(world: World) -> None:
    world.set(public_mode="acl")
    world.grant()
    world.bucket.ownership = "BucketOwnerPreferred"
    world.bucket.block = Block(block_public_policy=True, restrict_public_buckets=True)


def public_by_policy(world: World) -> None:
    world.set(public_mode="policy")
    world.bucket.block = Block(block_public_acls=True, ignore_public_acls=True)
    world.bucket.policy = world.bucket_policy(principal_arn="")


passes("acl")


@case("acl")
def acl_passes_where_it_is_asked(world, patch):
    public_by_acl(world)


@case("acl")
def acl_passes_with_acls_on(world, patch):
    world.bucket.ownership = "ObjectWriter"


@case("acl")
def acl_passes_unseen(world, patch):
    without(world, "s3:GetBucketOwnershipControls")


@case("acl", "AclNotSupported")
def acl_off(world, patch):
    public_by_acl(world)
    world.bucket.ownership = "BucketOwnerEnforced"


@case("acl", "NotSupported")
def acl_unknown(world, patch):
    public_by_acl(world)
    world.double.quirks.no_acl_501 = True


@case("acl", "acl_denied")
def acl_denied(world, patch):
    public_by_acl(world)
    without(world, "s3:PutObjectAcl")


@case("acl", "acl_ignored")
def acl_ignored(world, patch):
    public_by_acl(world)
    world.bucket.account.block = Block(ignore_public_acls=True)


@case("acl")
def acl_waits_for_the_switch_that_ignores_it(world, patch):
    public_by_acl(world)
    world.bucket.block = Block(ignore_public_acls=True)


@case("bpa")
def bpa_passes_by_acl(world, patch):
    public_by_acl(world)


@case("bpa")
def bpa_passes_by_policy(world, patch):
    public_by_policy(world)


@case("bpa", "blocked")
def bpa_of_the_bucket_by_acl(world, patch):
    public_by_acl(world)
    world.bucket.block = Block.all_on()


@case("bpa", "blocked")
def bpa_of_the_account_by_acl(world, patch):
    public_by_acl(world)
    world.bucket.account.block = Block.all_on()


@case("bpa", "blocked")
def bpa_of_whom_is_not_seen(world, patch):
    bpa_of_the_account_by_acl(world, patch)
    without(world, "s3:GetBucketPublicAccessBlock")


@case("bpa", "blocked")
def bpa_of_the_bucket_by_policy(world, patch):
    public_by_policy(world)
    world.bucket.block = Block.all_on()
    world.bucket.policy = None


@case("bpa", "not_seen")
def bpa_not_seen(world, patch):
    public_by_policy(world)
    world.bucket.policy = None


# --- Object Lock, big files ----------------------------------------------------------------------

passes("lock")


@case("lock")
def lock_without_default(world, patch):
    world.bucket.object_lock = ObjectLock()


@case("lock", "checksum_wanted")
def lock_with_default(world, patch):
    world.bucket.object_lock = ObjectLock("GOVERNANCE", 30)


@case("lock", "checksum_wanted")
def lock_unreadable_but_felt(world, patch):
    world.bucket.object_lock = ObjectLock("COMPLIANCE", 1)
    without(world, "s3:GetBucketObjectLockConfiguration")


passes("multipart")


@case("multipart", "AccessDenied")
def multipart_denied(world, patch):
    world.double.faults.add(operation="CreateMultipartUpload", code="AccessDenied")


@case("multipart", "NotSupported")
def multipart_unknown(world, patch):
    world.double.faults.add(operation="CreateMultipartUpload", code="NotImplemented")


@case("multipart", "KmsDenied")
def multipart_key_denied(world, patch):
    message = (
        "User: arn:aws:iam::111122223333:user/ucdash is not authorized to perform: "
        "kms:GenerateDataKey on resource: arn:aws:kms:eu-central-1:111122223333:key/1 because"
    )
    world.double.faults.add(operation="CreateMultipartUpload", code="AccessDenied", message=message)


@case("multipart", "decrypt_denied")
def multipart_decrypt_denied(world, patch):
    with_kms(world)
    without(world, "kms:Decrypt")


@case("multipart", "parts_hidden")
def multipart_parts_hidden(world, patch):
    world.set(uses=["copies", "large_files", "resume_large"])
    world.grant()
    without(world, "s3:ListMultipartUploadParts")


@case("multipart", "abort_refused")
def multipart_abort_refused(world, patch):
    without(world, "s3:AbortMultipartUpload")


# --- Read back, odd names, no overwrite -----------------------------------------------------------

passes("read")


@case("read")
def read_passes_with_versions(world, patch):
    world.bucket.versioning = True
    world.grant()


@case("read", "AccessDenied")
def read_denied(world, patch):
    without(world, "s3:GetObject")


@case("read", "Archived")
def read_archived(world, patch):
    world.set(storage_class="GLACIER")


@case("read", "KmsDenied")
def read_decrypt_denied(world, patch):
    with_kms(world)
    without(world, "kms:Decrypt")


@case("read", "version_denied")
def read_version_denied(world, patch):
    world.bucket.versioning = True


@case("read", "dest_checksum_mismatch")
def read_other_bytes(world, patch):
    world.double.quirks.corrupts_reads = True


passes("names")


@case("names", "names_changed")
def names_changed(world, patch):
    world.double.quirks.mangles_names = True


passes("cond")


@case("cond", "second_write_accepted")
def cond_unknown(world, patch):
    world.double.quirks.no_conditional_put_501 = True


@case("cond", "second_write_accepted")
def cond_ignored(world, patch):
    world.double.quirks.ignores_conditions = True


# --- Public read, link, remove, speed ------------------------------------------------------------

passes("public")


@case("public")
def public_passes_by_policy(world, patch):
    public_by_policy(world)


@case("public", "public_refused")
def public_refused(world, patch):
    bpa_not_seen(world, patch)


@case("public", "public_unexpectedly")
def public_unexpectedly(world, patch):
    public_by_policy(world)
    world.set(public_mode="private")


passes("presign")


@case("presign", "link_refused")
def presign_refused(world, patch):
    world.double.quirks.refuses_presigned = True


@case("presign", "link_refused")
def presign_not_understood(world, patch):
    world.double.quirks.refuses_presigned = "AuthorizationQueryParametersError"


@case("presign", "link_differs")
def presign_differs(world, patch):
    instead(patch, "fetch_link", b"<html>a proxy</html>")


passes("delete")


@case("delete", "delete_denied")
def delete_denied(world, patch):
    without(world, "s3:DeleteObject")


@case("delete", "copies_stay")
def delete_of_copies_denied(world, patch):
    world.set(uses=["copies", "remove"])
    world.grant(uses=["copies"])


@case("speed")
def speed_passes(world, patch):
    times = iter((10.0, 10.5))
    patch.setattr(speed, "perf_counter", lambda: next(times))


@case("speed", "slow")
def speed_slow(world, patch):
    times = iter((10.0, 26.0))
    patch.setattr(speed, "perf_counter", lambda: next(times))
    patch.setattr(runner, "_stored", lambda custom_storage: (1204, 3 * 1024**3))


@case("speed", "slow")
def speed_slow_without_files(world, patch):
    times = iter((10.0, 26.0))
    patch.setattr(speed, "perf_counter", lambda: next(times))


# --- The checklist -------------------------------------------------------------------------------

for _line in ("ownership", "block_public_access", "encryption", "versioning", "object_lock"):
    passes(_line, CHECKLIST)


@case("ownership", "change", CHECKLIST)
def ownership_differs(world, patch):
    world.bucket.ownership = "ObjectWriter"


@case("block_public_access", "change", CHECKLIST)
def block_public_access_differs(world, patch):
    world.bucket.block = Block(block_public_acls=True, ignore_public_acls=True)


@case("encryption", "change", CHECKLIST)
def encryption_differs(world, patch):
    world.bucket.encryption = None


@case("lifecycle", "change", CHECKLIST)
def lifecycle_differs(world, patch):
    world.bucket.lifecycle = []


@case("lifecycle", "", CHECKLIST)
def lifecycle_passes(world, patch):
    rule = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}  # fmt: skip
    world.bucket.lifecycle = [rule]
