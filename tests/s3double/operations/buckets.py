"""Buckets as a whole."""

import re

from tests.s3double import access, xml
from tests.s3double.accounts import Block
from tests.s3double.buckets import Bucket, ObjectLock
from tests.s3double.errors import S3Error
from tests.s3double.exchange import Answer, Exchange, handles, iso

_NAME = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@handles("ListBuckets")
def list_buckets(exchange: Exchange) -> Answer:
    access.require_of_account(exchange.principal, "s3:ListAllMyBuckets", "arn:aws:s3:::*")
    mine = [
        bucket
        for bucket in exchange.double.buckets.values()
        if bucket.account is exchange.principal.account
    ]
    told = [
        {
            "Name": bucket.name,
            "CreationDate": iso(bucket.created_at or exchange.now),
            "BucketRegion": bucket.region,
        }
        for bucket in mine
    ]
    return Answer.of_xml(
        "ListAllMyBucketsResult",
        {"Owner": {"ID": exchange.principal.canonical_id}, "Buckets": {"Bucket": told}},
    )


@handles("HeadBucket")
def head_bucket(exchange: Exchange) -> Answer:
    exchange.allow("s3:ListBucket")
    return Answer()


@handles("CreateBucket")
def create_bucket(exchange: Exchange) -> Answer:
    name, account = exchange.request.bucket, exchange.principal.account
    access.require_of_account(exchange.principal, "s3:CreateBucket", f"arn:aws:s3:::{name}")
    if not _NAME.fullmatch(name):
        raise S3Error("InvalidBucketName", BucketName=name)
    region = _region(exchange)
    there = exchange.double.buckets.get(name)
    if there and there.account is account and there.region == region == "us-east-1":
        return Answer(headers={"location": f"/{name}"})  # as it always was in this one region
    if there:
        is_mine = there.account is account
        raise S3Error("BucketAlreadyOwnedByYou" if is_mine else "BucketAlreadyExists")
    assert account is not None
    is_locked = exchange.header("x-amz-bucket-object-lock-enabled").lower() == "true"
    exchange.double.buckets[name] = Bucket(
        name,
        account,
        region=region,
        ownership=exchange.header("x-amz-object-ownership") or "BucketOwnerEnforced",
        block=Block.all_on(),
        object_lock=ObjectLock() if is_locked else None,
        created_at=exchange.now,
    )
    return Answer(headers={"location": f"/{name}"})


def _region(exchange: Exchange) -> str:
    """The constraint, if the endpoint spoken to may make buckets there."""
    body = exchange.request.body.read()
    asked = ""
    if body:
        asked = xml.parse(body, "CreateBucketConfiguration").text("LocationConstraint")
    if asked and asked not in exchange.double.regions:
        raise S3Error("InvalidLocationConstraint", LocationConstraint=asked)
    here = exchange.double.signed_region(exchange.request) or "us-east-1"
    if (asked or "us-east-1") != here:
        raise S3Error(
            "IllegalLocationConstraintException",
            f"The {asked or 'unspecified'} location constraint is incompatible for the region "
            "specific endpoint this request was sent to.",
        )
    return here


@handles("DeleteBucket")
def delete_bucket(exchange: Exchange) -> Answer:
    exchange.allow("s3:DeleteBucket")
    if exchange.bucket.versions:
        raise S3Error("BucketNotEmpty", BucketName=exchange.bucket.name)
    del exchange.double.buckets[exchange.bucket.name]
    return Answer(204)
