"""What Amazon S3 answers, one sentence a function; any server can be asked.

The sentences are those of the tables in which we compared servers: what S3 documents is what is
asserted here, and where a server is known to differ test_s3double.py says so.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.contract.dialects import Dialect

Probe = Callable[[Dialect], None]
PROBES: dict[str, Probe] = {}
MIB = 1024 * 1024


def probe(function: Probe) -> Probe:
    """Its sentence is its name."""
    PROBES[function.__name__.replace("_", " ")] = function
    return function


@contextmanager
def refused(code: str, status: int):
    with pytest.raises(ClientError) as caught:
        yield
    response = caught.value.response
    found = response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
    assert found == (code, status), f"answers {found[1]} {found[0]}"


@contextmanager
def clock(hours: int):
    """Sign as if it were so many hours later."""
    moved = datetime.now(UTC) + timedelta(hours=hours)

    def now(remove_tzinfo: bool = True) -> datetime:
        return moved.replace(tzinfo=None) if remove_tzinfo else moved

    with mock.patch("botocore.auth.get_current_datetime", now):
        yield


def put(server: Dialect, key: str, body: bytes = b"bytes", **more: Any) -> Any:
    bucket = more.pop("Bucket", server.bucket)
    return server.client().put_object(Bucket=bucket, Key=key, Body=body, **more)


def read(server: Dialect, key: str, **more: Any) -> bytes:
    bucket = more.pop("Bucket", server.bucket)
    answer = server.client().get_object(Bucket=bucket, Key=key, **more)
    content: bytes = answer["Body"].read()
    return content


def b64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def link(server: Dialect, key: str, seconds: int = 60) -> str:
    url: str = server.client().generate_presigned_url(
        "get_object", Params={"Bucket": server.bucket, "Key": key}, ExpiresIn=seconds
    )
    return url


def statement(bucket: str, action: str, *, effect: str = "Allow", **more: Any) -> str:
    resource = f"arn:aws:s3:::{bucket}/*"
    one = {"Effect": effect, "Principal": "*", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [one]})


# --- Signatures --------------------------------------------------------------------------------


@probe
def a_wrong_secret_is_refused(server: Dialect) -> None:
    with refused("SignatureDoesNotMatch", 403):
        server.client(aws_secret_access_key="wrong").list_objects_v2(Bucket=server.bucket)


@probe
def an_unknown_key_id_is_refused(server: Dialect) -> None:
    with refused("InvalidAccessKeyId", 403):
        server.client(aws_access_key_id="AKIANOBODY").list_objects_v2(Bucket=server.bucket)


@probe
def an_unsigned_listing_is_refused(server: Dialect) -> None:
    assert server.get(f"/{server.bucket}").status == 403


@probe
def an_unsigned_read_is_refused(server: Dialect) -> None:
    put(server, "private")
    assert server.get(f"/{server.bucket}/private").status == 403


@probe
def a_link_works(server: Dialect) -> None:
    put(server, "lent é+", b"lent")
    answer = server.get(link(server, "lent é+"))
    assert (answer.status, answer.data) == (200, b"lent")


@probe
def an_expired_link_is_refused(server: Dialect) -> None:
    put(server, "expired")
    with clock(-2):
        url = link(server, "expired")
    assert server.get(url).status == 403


@probe
def a_changed_link_is_refused(server: Dialect) -> None:
    put(server, "other")
    assert server.get(link(server, "mine").replace("/mine?", "/other?")).status == 403


@probe
def a_link_for_reading_does_not_write(server: Dialect) -> None:
    put(server, "read-only")
    answer = server.http.request("PUT", link(server, "read-only"), body=b"overwritten")
    assert answer.status == 403
    assert read(server, "read-only") == b"bytes"


@probe
def a_clock_two_hours_off_is_refused(server: Dialect) -> None:
    assert server.bucket
    with clock(2), refused("RequestTimeTooSkewed", 403):
        server.client().list_objects_v2(Bucket=server.bucket)


class _Claimant(S3SigV4Auth):
    """A signer that is told the hash of the body."""

    claims = ""

    def payload(self, request: Any) -> str:
        return self.claims or str(super().payload(request))


def signed(
    server: Dialect, method: str, key: str, *, body: bytes = b"", region: str = "", claims: str = ""
) -> urllib3.BaseHTTPResponse:
    """A request as the owner that no client corrects: boto3 follows a bucket to its region."""
    url = f"{server.endpoint_url}/{server.bucket}/{key}"
    request = AWSRequest(method=method, url=url, data=body)
    credentials = Credentials(server.access_key_id, server.secret_access_key)
    signer = _Claimant(credentials, "s3", region or server.region)
    signer.claims = claims
    signer.add_auth(request)
    headers = dict(request.headers.items())
    return server.http.request(method, url, body=body, headers=headers, redirect=False)


@probe
def a_signature_for_another_region_is_refused(server: Dialect) -> None:
    put(server, "here")
    answer = signed(server, "GET", "here", region="eu-west-3")
    assert answer.status == 400
    assert b"<Code>AuthorizationHeaderMalformed</Code>" in answer.data
    assert f"<Region>{server.region}</Region>".encode() in answer.data


@probe
def a_link_for_another_region_is_refused(server: Dialect) -> None:
    put(server, "here")
    url = server.client(region_name="eu-west-3").generate_presigned_url(
        "get_object", Params={"Bucket": server.bucket, "Key": "here"}
    )
    answer = server.get(url)
    assert answer.status == 400
    assert b"<Code>AuthorizationQueryParametersError</Code>" in answer.data


@probe
def a_signed_hash_must_be_that_of_the_bytes(server: Dialect) -> None:
    other = hashlib.sha256(b"other").hexdigest()
    answer = signed(server, "PUT", "claimed", body=b"bytes", claims=other)
    assert answer.status == 400
    assert b"<Code>XAmzContentSHA256Mismatch</Code>" in answer.data


# --- Buckets -----------------------------------------------------------------------------------


@probe
def a_missing_bucket_is_said(server: Dialect) -> None:
    with refused("NoSuchBucket", 404):
        server.client().list_objects_v2(Bucket="no-such-bucket")


@probe
def another_account_than_expected_is_refused(server: Dialect) -> None:
    with refused("AccessDenied", 403):
        server.client().list_objects_v2(Bucket=server.bucket, ExpectedBucketOwner="9" * 12)


@probe
def a_bucket_in_the_first_region_has_no_location(server: Dialect) -> None:
    assert server.client().get_bucket_location(Bucket=server.bucket)["LocationConstraint"] is None


@probe
def the_region_is_told_in_a_header(server: Dialect) -> None:
    answer = server.client().head_bucket(Bucket=server.bucket)
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-bucket-region"] == server.region


@probe
def a_bucket_elsewhere_says_where(server: Dialect) -> None:
    client, name = server.client(region_name="eu-west-1"), f"{server.new_bucket()}-elsewhere"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert client.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"


@probe
def a_bucket_of_ones_own_may_be_made_again(server: Dialect) -> None:
    server.client().create_bucket(Bucket=server.bucket)


@probe
def a_new_bucket_has_acls_turned_off(server: Dialect) -> None:
    answer = server.client().get_bucket_ownership_controls(Bucket=server.new_bucket())
    assert answer["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@probe
def a_new_bucket_blocks_public_access(server: Dialect) -> None:
    answer = server.client().get_public_access_block(Bucket=server.new_bucket())
    assert set(answer["PublicAccessBlockConfiguration"].values()) == {True}


@probe
def a_new_bucket_has_no_lifecycle(server: Dialect) -> None:
    with refused("NoSuchLifecycleConfiguration", 404):
        server.client().get_bucket_lifecycle_configuration(Bucket=server.new_bucket())


@probe
def a_new_bucket_has_no_object_lock(server: Dialect) -> None:
    with refused("ObjectLockConfigurationNotFoundError", 404):
        server.client().get_object_lock_configuration(Bucket=server.new_bucket())


@probe
def a_new_bucket_has_no_policy(server: Dialect) -> None:
    with refused("NoSuchBucketPolicy", 404):
        server.client().get_bucket_policy(Bucket=server.new_bucket())


@probe
def a_new_bucket_encrypts_by_itself(server: Dialect) -> None:
    answer = server.client().get_bucket_encryption(Bucket=server.new_bucket())
    rule = answer["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


# --- Policies ----------------------------------------------------------------------------------


@probe
def a_policy_that_is_no_json_is_refused(server: Dialect) -> None:
    with refused("MalformedPolicy", 400):
        server.client().put_bucket_policy(Bucket=server.new_bucket(), Policy="{nonsense")


@probe
def a_policy_of_another_bucket_is_refused(server: Dialect) -> None:
    policy = statement("another-bucket", "s3:PutObject", effect="Deny")
    with refused("MalformedPolicy", 400):
        server.client().put_bucket_policy(Bucket=server.new_bucket(), Policy=policy)


@probe
def a_deny_binds_the_owner_too(server: Dialect) -> None:
    bucket = server.new_bucket()
    policy = statement(bucket, "s3:PutObject", effect="Deny")
    server.client().put_bucket_policy(Bucket=bucket, Policy=policy)
    with refused("AccessDenied", 403):
        put(server, "denied", Bucket=bucket)
    server.client().delete_bucket_policy(Bucket=bucket)
    put(server, "denied", Bucket=bucket)


@probe
def a_condition_on_the_acl_is_looked_at(server: Dialect) -> None:
    bucket = server.new_bucket()
    condition = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
    policy = statement(bucket, "s3:PutObject", effect="Deny", Condition=condition)
    server.client().put_bucket_policy(Bucket=bucket, Policy=policy)
    put(server, "no-acl", Bucket=bucket)
    with refused("AccessDenied", 403):
        put(server, "acl", Bucket=bucket, ACL="bucket-owner-full-control")


@probe
def a_deny_of_uploads_without_encryption_is_looked_at(server: Dialect) -> None:
    bucket = server.new_bucket()
    condition = {"Null": {"s3:x-amz-server-side-encryption": "true"}}
    policy = statement(bucket, "s3:PutObject", effect="Deny", Condition=condition)
    server.client().put_bucket_policy(Bucket=bucket, Policy=policy)
    with refused("AccessDenied", 403):
        put(server, "plain", Bucket=bucket)


@probe
def a_public_policy_lets_strangers_read(server: Dialect) -> None:
    bucket = server.new_bucket()
    _unblock(server, bucket)
    policy = statement(bucket, "s3:GetObject")
    server.client().put_bucket_policy(Bucket=bucket, Policy=policy)
    put(server, "public", b"for all", Bucket=bucket)
    assert server.get(f"/{bucket}/public").data == b"for all"
    assert server.get(f"/{bucket}").status == 403


def _block(server: Dialect, bucket: str, *, on: bool, **switches: bool) -> None:
    names = (
        "BlockPublicAcls",
        "IgnorePublicAcls",
        "BlockPublicPolicy",
        "RestrictPublicBuckets",
    )
    server.client().put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={name: switches.get(name, on) for name in names},
    )


def _unblock(server: Dialect, bucket: str) -> None:
    """Where there is nothing to unblock, nothing is blocked."""
    with suppress(ClientError):
        _block(server, bucket, on=False)


@probe
def a_public_policy_is_refused_where_such_are_blocked(server: Dialect) -> None:
    bucket = server.new_bucket()
    _block(server, bucket, on=True)
    with refused("AccessDenied", 403):
        policy = statement(bucket, "s3:GetObject")
        server.client().put_bucket_policy(Bucket=bucket, Policy=policy)


@probe
def a_public_policy_has_no_effect_where_public_buckets_are_restricted(server: Dialect) -> None:
    bucket = server.new_bucket()
    _block(server, bucket, on=False, RestrictPublicBuckets=True)
    server.client().put_bucket_policy(Bucket=bucket, Policy=statement(bucket, "s3:GetObject"))
    put(server, "public", Bucket=bucket)
    assert server.get(f"/{bucket}/public").status == 403


# --- ACLs --------------------------------------------------------------------------------------


@probe
def a_public_object_is_refused_where_acls_are_off(server: Dialect) -> None:
    bucket = server.new_bucket()
    with refused("AccessControlListNotSupported", 400):
        put(server, "public", Bucket=bucket, ACL="public-read")


@probe
def an_object_is_not_made_public_where_acls_are_off(server: Dialect) -> None:
    bucket = server.new_bucket()
    put(server, "public", Bucket=bucket)
    with refused("AccessControlListNotSupported", 400):
        server.client().put_object_acl(Bucket=bucket, Key="public", ACL="public-read")


@probe
def a_bucket_is_not_made_public_where_acls_are_off(server: Dialect) -> None:
    with refused("AccessControlListNotSupported", 400):
        server.client().put_bucket_acl(Bucket=server.new_bucket(), ACL="public-read")


@probe
def all_for_the_owner_is_fine_where_acls_are_off(server: Dialect) -> None:
    put(server, "owned", ACL="bucket-owner-full-control")


def _with_acls(server: Dialect) -> str:
    """Where there is no Object Ownership, ACLs are on."""
    bucket = server.new_bucket()
    rules = [{"ObjectOwnership": "BucketOwnerPreferred"}]
    with suppress(ClientError):
        server.client().put_bucket_ownership_controls(
            Bucket=bucket, OwnershipControls={"Rules": rules}
        )
    return bucket


@probe
def a_public_object_is_read_by_strangers_where_acls_are_on(server: Dialect) -> None:
    bucket = _with_acls(server)
    _unblock(server, bucket)
    put(server, "public", b"for all", Bucket=bucket, ACL="public-read")
    put(server, "private", Bucket=bucket)
    assert server.get(f"/{bucket}/public").data == b"for all"
    assert server.get(f"/{bucket}/private").status == 403


@probe
def a_public_object_is_refused_where_public_acls_are_blocked(server: Dialect) -> None:
    bucket = _with_acls(server)
    _block(server, bucket, on=False, BlockPublicAcls=True)
    put(server, "private", Bucket=bucket)
    with refused("AccessDenied", 403):
        put(server, "public", Bucket=bucket, ACL="public-read")


@probe
def a_public_acl_has_no_effect_where_such_are_ignored(server: Dialect) -> None:
    bucket = _with_acls(server)
    _block(server, bucket, on=False, IgnorePublicAcls=True)
    put(server, "public", Bucket=bucket, ACL="public-read")
    assert server.get(f"/{bucket}/public").status == 403


# --- Conditional writes ------------------------------------------------------------------------


@probe
def a_conditional_put_keeps_what_is_there(server: Dialect) -> None:
    put(server, "taken", b"one", IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        put(server, "taken", b"two", IfNoneMatch="*")
    assert read(server, "taken") == b"one"


@probe
def a_conditional_complete_keeps_what_is_there(server: Dialect) -> None:
    upload_id, parts = _parts(server, "taken-parts", [b"two"])
    put(server, "taken-parts", b"one")
    with refused("PreconditionFailed", 412):
        _complete(server, "taken-parts", upload_id, parts, IfNoneMatch="*")
    assert read(server, "taken-parts") == b"one"


@probe
def a_put_on_condition_of_an_etag_replaces_that_only(server: Dialect) -> None:
    etag = put(server, "matched", b"one")["ETag"]
    with refused("PreconditionFailed", 412):
        put(server, "matched", b"two", IfMatch='"00000000000000000000000000000000"')
    put(server, "matched", b"two", IfMatch=etag)
    assert read(server, "matched") == b"two"


# --- Checksums ---------------------------------------------------------------------------------


@probe
def the_sha256_of_an_object_is_told(server: Dialect) -> None:
    checksum = b64(hashlib.sha256(b"bytes").digest())
    put(server, "sha256", ChecksumSHA256=checksum)
    answer = server.client().head_object(Bucket=server.bucket, Key="sha256", ChecksumMode="ENABLED")
    assert answer["ChecksumSHA256"] == checksum


@probe
def the_crc32_that_boto3_sends_is_told(server: Dialect) -> None:
    put(server, "crc32")
    answer = server.client().head_object(Bucket=server.bucket, Key="crc32", ChecksumMode="ENABLED")
    assert answer["ChecksumCRC32"] == b64(zlib.crc32(b"bytes").to_bytes(4, "big"))


@probe
def a_wrong_sha256_is_refused(server: Dialect) -> None:
    with refused("BadDigest", 400):
        put(server, "bad", ChecksumSHA256=b64(hashlib.sha256(b"other").digest()))


@probe
def a_wrong_crc32_is_refused(server: Dialect) -> None:
    with refused("BadDigest", 400):
        put(server, "bad", ChecksumCRC32=b64(zlib.crc32(b"other").to_bytes(4, "big")))


@probe
def a_wrong_md5_is_refused(server: Dialect) -> None:
    with refused("BadDigest", 400):
        put(server, "bad", ContentMD5=b64(hashlib.md5(b"other").digest()))


@probe
def the_etag_is_the_md5(server: Dialect) -> None:
    assert put(server, "md5")["ETag"] == f'"{hashlib.md5(b"bytes").hexdigest()}"'


# --- Multipart ---------------------------------------------------------------------------------


def _parts(server: Dialect, key: str, contents: list[bytes]) -> tuple[str, list[Any]]:
    client, names = server.client(), {"Bucket": server.bucket, "Key": key}
    upload_id = client.create_multipart_upload(**names, ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, content in enumerate(contents, 1):
        checksum = b64(hashlib.sha256(content).digest())
        answer = client.upload_part(
            **names, UploadId=upload_id, PartNumber=number, Body=content, ChecksumSHA256=checksum
        )
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum})
    return upload_id, parts


def _complete(server: Dialect, key: str, upload_id: str, parts: list[Any], **more: Any) -> Any:
    return server.client().complete_multipart_upload(
        Bucket=server.bucket,
        Key=key,
        UploadId=upload_id,
        MultipartUpload={"Parts": parts},
        **more,
    )


@probe
def parts_become_one_object_with_a_composite_checksum(server: Dialect) -> None:
    contents = [b"a" * 5 * MIB, b"end"]
    answer = _complete(server, "whole", *_parts(server, "whole", contents))
    md5s = b"".join(hashlib.md5(content).digest() for content in contents)
    sha256s = b"".join(hashlib.sha256(content).digest() for content in contents)
    assert answer["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-2"'
    assert answer["ChecksumSHA256"] == f"{b64(hashlib.sha256(sha256s).digest())}-2"
    assert read(server, "whole") == b"".join(contents)


@probe
def a_small_part_in_the_middle_is_refused(server: Dialect) -> None:
    upload_id, parts = _parts(server, "small", [b"small", b"end"])
    with refused("EntityTooSmall", 400):
        _complete(server, "small", upload_id, parts)


@probe
def a_part_that_never_came_is_refused(server: Dialect) -> None:
    upload_id, parts = _parts(server, "missing-part", [b"one"])
    with refused("InvalidPart", 400):
        _complete(server, "missing-part", upload_id, [{**parts[0], "PartNumber": 2}])


@probe
def an_aborted_upload_takes_no_part(server: Dialect) -> None:
    upload_id, _ = _parts(server, "aborted", [b"one"])
    names = {"Bucket": server.bucket, "Key": "aborted", "UploadId": upload_id}
    server.client().abort_multipart_upload(**names)
    with refused("NoSuchUpload", 404):
        server.client().upload_part(**names, PartNumber=2, Body=b"late")


@probe
def parts_are_listed(server: Dialect) -> None:
    upload_id, parts = _parts(server, "listed", [b"one", b"two"])
    answer = server.client().list_parts(Bucket=server.bucket, Key="listed", UploadId=upload_id)
    found = [(part["PartNumber"], part["ETag"], part["Size"]) for part in answer["Parts"]]
    assert found == [(part["PartNumber"], part["ETag"], 3) for part in parts]


# --- Reading -----------------------------------------------------------------------------------


@probe
def a_range_is_those_bytes(server: Dialect) -> None:
    put(server, "range", b"0123456789")
    assert read(server, "range", Range="bytes=2-4") == b"234"
    assert read(server, "range", Range="bytes=-3") == b"789"


@probe
def a_missing_object_is_said(server: Dialect) -> None:
    with refused("NoSuchKey", 404):
        read(server, "never-written")


@probe
def metadata_and_type_come_back(server: Dialect) -> None:
    put(server, "meta", ContentType="image/jpeg", Metadata={"uuid": "1-2"})
    answer = server.client().head_object(Bucket=server.bucket, Key="meta")
    assert (answer["ContentType"], answer["Metadata"]) == ("image/jpeg", {"uuid": "1-2"})


@probe
def a_listing_is_cut_in_pages_and_rolled_up(server: Dialect) -> None:
    for key in ("pages/a/1", "pages/a/2", "pages/b", "pages/c +é"):
        put(server, key)
    asked = {"Bucket": server.bucket, "Prefix": "pages/", "Delimiter": "/", "MaxKeys": 2}
    first = server.client().list_objects_v2(**asked)
    assert first["IsTruncated"]
    rest = server.client().list_objects_v2(
        **asked, ContinuationToken=first["NextContinuationToken"]
    )
    assert [one["Prefix"] for one in first["CommonPrefixes"]] == ["pages/a/"]
    assert [one["Key"] for one in first["Contents"]] == ["pages/b"]
    assert [one["Key"] for one in rest["Contents"]] == ["pages/c +é"]


@probe
def an_object_is_copied_inside(server: Dialect) -> None:
    put(server, "source é", b"copied")
    source = {"Bucket": server.bucket, "Key": "source é"}
    server.client().copy_object(Bucket=server.bucket, Key="copy", CopySource=source)
    assert read(server, "copy") == b"copied"


# --- Versions, locks, encryption, classes ------------------------------------------------------


@probe
def versions_are_kept_and_hidden_by_a_marker(server: Dialect) -> None:
    bucket, client = server.new_bucket(), server.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = put(server, "v", b"one", Bucket=bucket)["VersionId"]
    put(server, "v", b"two", Bucket=bucket)
    client.delete_object(Bucket=bucket, Key="v")
    with refused("NoSuchKey", 404):
        read(server, "v", Bucket=bucket)
    assert read(server, "v", Bucket=bucket, VersionId=first) == b"one"


def _locked(server: Dialect) -> str:
    bucket = f"{server.new_bucket()}-locked"
    client = server.client()
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    retention = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    client.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention},
    )
    return bucket


@probe
def a_locked_version_is_not_deleted(server: Dialect) -> None:
    bucket = _locked(server)
    version = put(server, "kept", Bucket=bucket, ChecksumAlgorithm="SHA256")["VersionId"]
    with refused("AccessDenied", 403):
        server.client().delete_object(Bucket=bucket, Key="kept", VersionId=version)


@probe
def amazons_own_encryption_is_taken(server: Dialect) -> None:
    assert put(server, "sse", ServerSideEncryption="AES256")["ServerSideEncryption"] == "AES256"


@probe
def an_unknown_key_of_kms_is_refused(server: Dialect) -> None:
    key = f"arn:aws:kms:us-east-1:{server.account_id or '0' * 12}:key/{'0' * 8}-nobody"
    with refused("KMS.NotFoundException", 400):
        put(server, "kms", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)


@probe
def a_cheaper_class_is_taken(server: Dialect) -> None:
    put(server, "class", StorageClass="STANDARD_IA")
    answer = server.client().head_object(Bucket=server.bucket, Key="class")
    assert answer["StorageClass"] == "STANDARD_IA"


@probe
def an_unknown_class_is_refused(server: Dialect) -> None:
    with refused("InvalidStorageClass", 400):
        put(server, "class", StorageClass="SHINY")


# --- Keys --------------------------------------------------------------------------------------


@probe
def a_key_of_1024_bytes_is_taken(server: Dialect) -> None:
    put(server, "k" * 1024, b"long")
    assert read(server, "k" * 1024) == b"long"


@probe
def a_key_of_1025_bytes_is_refused(server: Dialect) -> None:
    with refused("KeyTooLongError", 400):
        put(server, "k" * 1025)


def _same(server: Dialect, key: str) -> None:
    put(server, key, key.encode())
    assert read(server, key) == key.encode()
    found = server.client().list_objects_v2(Bucket=server.bucket, Prefix=key)
    assert [one["Key"] for one in found["Contents"]] == [key]


@probe
def a_key_with_dots_is_kept(server: Dialect) -> None:
    _same(server, "keys/a/../b")


@probe
def a_key_with_two_slashes_is_kept(server: Dialect) -> None:
    _same(server, "keys//a")


@probe
def a_key_that_begins_with_a_slash_is_kept(server: Dialect) -> None:
    _same(server, "/keys/lead")


@probe
def a_key_with_a_line_feed_is_kept(server: Dialect) -> None:
    _same(server, "keys/line\nfeed")


@probe
def a_key_with_spaces_a_plus_and_accents_is_kept(server: Dialect) -> None:
    _same(server, "keys/a b+é ü%20&?#")
