"""The settings of a bucket: each one is read, and written where a client may write it."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from tests.s3double import policies, xml
from tests.s3double.access import block_of
from tests.s3double.accounts import Block
from tests.s3double.buckets import Bucket, Encryption, ObjectLock
from tests.s3double.errors import S3Error
from tests.s3double.exchange import Answer, Exchange, handles
from tests.s3double.xml import Node

_OWNERSHIPS = {"BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"}


def _bucket(exchange: Exchange, action: str) -> Bucket:
    exchange.allow(action)
    if exchange.quirks.no_settings_501:
        raise S3Error("NotImplemented")
    return exchange.bucket


def _sent(exchange: Exchange, root: str) -> Node:
    return xml.parse(exchange.request.body.read(), root)


@handles("GetBucketLocation")
def get_location(exchange: Exchange) -> Answer:
    exchange.allow("s3:GetBucketLocation")
    region = exchange.bucket.region
    is_default = region == "us-east-1" or exchange.quirks.no_region_told
    return Answer.of_xml("LocationConstraint", "" if is_default else region)


# --- Bucket policy -----------------------------------------------------------------------------


@handles("GetBucketPolicy")
def get_policy(exchange: Exchange) -> Answer:
    exchange.allow("s3:GetBucketPolicy")
    if exchange.bucket.policy is None:
        raise S3Error("NoSuchBucketPolicy", BucketName=exchange.bucket.name)
    return Answer(
        headers={"content-type": "application/json"}, body=exchange.bucket.policy_text.encode()
    )


@handles("PutBucketPolicy")
def put_policy(exchange: Exchange) -> Answer:
    exchange.allow("s3:PutBucketPolicy")
    bucket = exchange.bucket
    policy = policies.parse(
        exchange.request.body.read(),
        bucket=bucket.name,
        principal_exists=exchange.double.directory.has,
    )
    if policies.is_public(policy) and block_of(bucket).block_public_policy:
        raise S3Error(
            "AccessDenied",
            f"User: {exchange.principal.arn} is not authorized to perform: s3:PutBucketPolicy on "
            f'resource: "{bucket.arn}" because public policies are prevented by the '
            "BlockPublicPolicy setting in S3 Block Public Access.",
        )
    bucket.policy = policy
    return Answer(204)


@handles("DeleteBucketPolicy")
def delete_policy(exchange: Exchange) -> Answer:
    exchange.allow("s3:DeleteBucketPolicy")
    exchange.bucket.policy = None
    return Answer(204)


@handles("GetBucketPolicyStatus")
def get_policy_status(exchange: Exchange) -> Answer:
    exchange.allow("s3:GetBucketPolicyStatus")
    if exchange.bucket.policy is None:
        raise S3Error("NoSuchBucketPolicy", BucketName=exchange.bucket.name)
    is_public = policies.is_public(exchange.bucket.policy)
    return Answer.of_xml("PolicyStatus", {"IsPublic": is_public})


# --- Object Ownership and Block Public Access --------------------------------------------------


@handles("GetBucketOwnershipControls")
def get_ownership(exchange: Exchange) -> Answer:
    bucket = _bucket(exchange, "s3:GetBucketOwnershipControls")
    if not bucket.ownership:
        raise S3Error("OwnershipControlsNotFoundError", BucketName=bucket.name)
    return Answer.of_xml("OwnershipControls", {"Rule": {"ObjectOwnership": bucket.ownership}})


@handles("PutBucketOwnershipControls")
def put_ownership(exchange: Exchange) -> Answer:
    bucket = _bucket(exchange, "s3:PutBucketOwnershipControls")
    wanted = _sent(exchange, "OwnershipControls").text("Rule/ObjectOwnership")
    if wanted not in _OWNERSHIPS:
        raise S3Error("MalformedXML")
    bucket.ownership = wanted
    return Answer()


@handles("DeleteBucketOwnershipControls")
def delete_ownership(exchange: Exchange) -> Answer:
    _bucket(exchange, "s3:PutBucketOwnershipControls").ownership = ""
    return Answer(204)


def _switch(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


@handles("GetPublicAccessBlock")
def get_block(exchange: Exchange) -> Answer:
    bucket = _bucket(exchange, "s3:GetBucketPublicAccessBlock")
    if bucket.block is None:
        raise S3Error("NoSuchPublicAccessBlockConfiguration", BucketName=bucket.name)
    told = {_switch(one.name): getattr(bucket.block, one.name) for one in fields(Block)}
    return Answer.of_xml("PublicAccessBlockConfiguration", told)


@handles("PutPublicAccessBlock")
def put_block(exchange: Exchange) -> Answer:
    bucket = _bucket(exchange, "s3:PutBucketPublicAccessBlock")
    node = _sent(exchange, "PublicAccessBlockConfiguration")
    bucket.block = Block(
        **{one.name: node.text(_switch(one.name)).lower() == "true" for one in fields(Block)}
    )
    return Answer()


@handles("DeletePublicAccessBlock")
def delete_block(exchange: Exchange) -> Answer:
    _bucket(exchange, "s3:PutBucketPublicAccessBlock").block = None
    return Answer(204)


# --- Encryption, versioning, Object Lock -------------------------------------------------------


@handles("GetBucketEncryption")
def get_encryption(exchange: Exchange) -> Answer:
    bucket = _bucket(exchange, "s3:GetEncryptionConfiguration")
    if bucket.encryption is None:
        raise S3Error("ServerSideEncryptionConfigurationNotFoundError", BucketName=bucket.name)
    default = {
        "SSEAlgorithm": bucket.encryption.mode,
        "KMSMasterKeyID": bucket.encryption.kms_key_id or None,
    }
    return Answer.of_xml(
        "ServerSideEncryptionConfiguration",
        {"Rule": {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": False}},
    )


@handles("PutBucketEncryption")
def put_encryption(exchange: Exchange) -> Answer:
    bucket = _bucket(exchange, "s3:PutEncryptionConfiguration")
    rule = _sent(exchange, "ServerSideEncryptionConfiguration").one(
        "Rule/ApplyServerSideEncryptionByDefault"
    )
    mode = rule.text("SSEAlgorithm")
    if mode not in {"AES256", "aws:kms", "aws:kms:dsse"}:
        raise S3Error("MalformedXML")
    bucket.encryption = Encryption(mode, rule.text("KMSMasterKeyID"))
    return Answer()


@handles("DeleteBucketEncryption")
def delete_encryption(exchange: Exchange) -> Answer:
    """Amazon goes back to its own keys; nothing is unencrypted."""
    _bucket(exchange, "s3:PutEncryptionConfiguration").encryption = Encryption()
    return Answer(204)


@handles("GetBucketVersioning")
def get_versioning(exchange: Exchange) -> Answer:
    bucket = _bucket(exchange, "s3:GetBucketVersioning")
    return Answer.of_xml("VersioningConfiguration", {"Status": bucket.versioning_status or None})


@handles("PutBucketVersioning")
def put_versioning(exchange: Exchange) -> Answer:
    bucket = _bucket(exchange, "s3:PutBucketVersioning")
    status = _sent(exchange, "VersioningConfiguration").text("Status")
    if status not in {"Enabled", "Suspended"}:
        raise S3Error("MalformedXML")
    if bucket.object_lock and status == "Suspended":
        raise S3Error(
            "InvalidBucketState",
            "An Object Lock configuration is present on this bucket, so the versioning state "
            "cannot be changed.",
            status=409,
        )
    bucket.versioning = status
    return Answer()


@handles("GetObjectLockConfiguration")
def get_object_lock(exchange: Exchange) -> Answer:
    bucket = _bucket(exchange, "s3:GetBucketObjectLockConfiguration")
    lock = bucket.object_lock
    if lock is None:
        raise S3Error("ObjectLockConfigurationNotFoundError", BucketName=bucket.name)
    retention = {"DefaultRetention": {"Mode": lock.mode, "Days": lock.days}} if lock.mode else None
    return Answer.of_xml(
        "ObjectLockConfiguration", {"ObjectLockEnabled": "Enabled", "Rule": retention}
    )


@handles("PutObjectLockConfiguration")
def put_object_lock(exchange: Exchange) -> Answer:
    bucket = _bucket(exchange, "s3:PutBucketObjectLockConfiguration")
    if bucket.versioning_status != "Enabled":
        raise S3Error(
            "InvalidBucketState",
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
            status=409,
        )
    rule = _sent(exchange, "ObjectLockConfiguration").one("Rule/DefaultRetention")
    days = int(rule.text("Days") or 0) + 365 * int(rule.text("Years") or 0)
    bucket.object_lock = ObjectLock(rule.text("Mode"), days)
    return Answer()


# --- Lifecycle ---------------------------------------------------------------------------------


@handles("GetBucketLifecycleConfiguration")
def get_lifecycle(exchange: Exchange) -> Answer:
    bucket = _bucket(exchange, "s3:GetLifecycleConfiguration")
    if not bucket.lifecycle:
        raise S3Error("NoSuchLifecycleConfiguration", BucketName=bucket.name)
    return Answer.of_xml("LifecycleConfiguration", {"Rule": [_told(r) for r in bucket.lifecycle]})


def _told(rule: Mapping[str, Any]) -> dict[str, Any]:
    """boto3's names of things are those of the XML, but for an empty filter."""
    return {
        "ID": rule.get("ID", "rule"),
        "Filter": dict(rule.get("Filter", {"Prefix": rule.get("Prefix", "")})),
        "Status": rule.get("Status", "Enabled"),
        **{
            name: rule[name]
            for name in ("AbortIncompleteMultipartUpload", "Expiration")
            if name in rule
        },
    }


@handles("PutBucketLifecycleConfiguration")
def put_lifecycle(exchange: Exchange) -> Answer:
    bucket = _bucket(exchange, "s3:PutLifecycleConfiguration")
    rules = _sent(exchange, "LifecycleConfiguration").all("Rule")
    if not rules:
        raise S3Error("MalformedXML")
    bucket.lifecycle = [_read(rule) for rule in rules]
    return Answer()


def _read(rule: Node) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ID": rule.text("ID"),
        "Filter": {"Prefix": rule.text("Filter/Prefix") or rule.text("Prefix")},
        "Status": rule.text("Status"),
    }
    days = rule.text("AbortIncompleteMultipartUpload/DaysAfterInitiation")
    if days:
        found["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": int(days)}
    if days := rule.text("Expiration/Days"):
        found["Expiration"] = {"Days": int(days)}
    return found


@handles("DeleteBucketLifecycle")
def delete_lifecycle(exchange: Exchange) -> Answer:
    _bucket(exchange, "s3:PutLifecycleConfiguration").lifecycle = []
    return Answer(204)
