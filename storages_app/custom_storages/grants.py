"""Which rights a storage needs, as the texts that people paste at their provider.

The rights by use are the table of spec/DASHBOARD 1.11; every function is pure.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

Policy = dict[str, Any]

SETUP_ACTIONS = [
    "s3:GetBucketLocation",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetEncryptionConfiguration",
    "s3:GetBucketVersioning",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetLifecycleConfiguration",
]

# What a new storage is used for until its owner says otherwise.
DEFAULT_USES = ("copies", "verify", "browse", "clean_up", "remove_test_object")


def partition(region: str) -> str:
    """The first part of an ARN: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def identity_policy(
    *, bucket: str, prefix: str, uses: Collection[str] = (), public_mode: str, region: str
) -> Policy:
    """The least rights of an access key or role for these uses (text A)."""
    return _policy(_statements(bucket, prefix, uses or DEFAULT_USES, public_mode, region))


def bucket_policy(
    *,
    bucket: str,
    prefix: str,
    uses: Collection[str] = (),
    public_mode: str,
    region: str,
    principal_arn: str,
) -> Policy | None:
    """What goes into the bucket's own policy: our principal (text B), public read (D), or None."""
    statements: list[Policy] = []
    if principal_arn:
        for statement in _statements(bucket, prefix, uses or DEFAULT_USES, public_mode, region):
            named = {"Sid": statement["Sid"], "Effect": "Allow"}
            statements.append(named | {"Principal": {"AWS": principal_arn}} | statement)
    if public_mode == "policy":
        statements += public_read_policy(bucket=bucket, prefix=prefix, region=region)["Statement"]
    return _policy(statements) if statements else None


def public_read_policy(*, bucket: str, prefix: str, region: str) -> Policy:
    """Anybody may read what is under the prefix; ACLs stay off (text D)."""
    statement = {
        "Sid": "PublicRead",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": _objects(bucket, prefix, region),
    }
    return _policy([statement])


def _policy(statements: list[Policy]) -> Policy:
    return {"Version": "2012-10-17", "Statement": statements}


def _objects(bucket: str, prefix: str, region: str) -> str:
    return f"arn:{partition(region)}:s3:::{bucket}/{prefix}*"


def _statements(
    bucket: str, prefix: str, uses: Collection[str], public_mode: str, region: str
) -> list[Policy]:
    objects, whole = _objects(bucket, prefix, region), f"arn:{partition(region)}:s3:::{bucket}"
    write = ["s3:PutObject", "s3:AbortMultipartUpload"]
    if public_mode == "acl":
        write.append("s3:PutObjectAcl")
    statements = [_allow("WriteCopies", write, objects)]
    if {"verify", "restore"} & set(uses):
        statements.append(_allow("ReadBack", ["s3:GetObject"], objects))
    if "remove_test_object" in uses:
        statements.append(_allow("RemoveTestObject", ["s3:DeleteObject"], objects))
    if "browse" in uses:
        condition = {"Condition": {"StringLike": {"s3:prefix": f"{prefix}*"}}}
        statements.append(_allow("ListPrefix", ["s3:ListBucket"], whole) | condition)
    if "clean_up" in uses:
        statements.append(_allow("CleanUp", ["s3:ListBucketMultipartUploads"], whole))
    statements.append(_allow("SetUpOnly", SETUP_ACTIONS, whole))
    return statements


def _allow(sid: str, actions: list[str], resource: str) -> Policy:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": actions if len(actions) > 1 else actions[0],
        "Resource": resource,
    }


@dataclass(frozen=True)
class ChecklistLine:
    """One line of the bucket policy / ACL checklist: what to look at, and how it should be."""

    title: str
    advice: str
    detail: str


_ADVICE = {
    "private": (
        "Private copies: nothing to change. ACLs stay off, Block Public Access stays on. "
        "This is what AWS advises."
    ),
    "policy": (
        "Public copies by bucket policy (advised): turn off the two policy settings of Block "
        "Public Access and add the statement below. ACLs stay off."
    ),
    "acl": (
        "Public copies by ACL (as in Uploadcare): turn off the two ACL settings of Block Public "
        "Access and set Object Ownership to Bucket owner preferred. Choose this only if single "
        "files must differ."
    ),
}


def advice(public_mode: str) -> str:
    """The one sentence that says what this way of publishing means for the bucket."""
    return _ADVICE[public_mode]


def checklist(*, public_mode: str) -> list[ChecklistLine]:
    """What the owner has to look at in the bucket, for this way of publishing."""
    by_policy, by_acl = public_mode == "policy", public_mode == "acl"
    switches = [
        ("Block public access granted through new ACLs", by_acl),
        ("Block public access granted through any ACLs", by_acl),
        ("Block public access granted through new bucket policies", by_policy),
        ("Block public and cross-account access through any bucket policies", by_policy),
    ]
    return [
        ChecklistLine(
            "Bucket policy or key policy grants what you chose",
            "Paste the policy below",
            "Permissions of the user or role the access key belongs to; or of the bucket.",
        ),
        ChecklistLine(
            "Object Ownership",
            "Bucket owner preferred" if by_acl else "Bucket owner enforced (ACLs off)",
            "Permissions, Object Ownership, Edit. New buckets have ACLs off since April 2023.",
        ),
        *(
            ChecklistLine(
                title,
                "Off" if must_be_off else "On",
                "Permissions, Block public access, Edit. An account-wide setting wins.",
            )
            for title, must_be_off in switches
        ),
    ]
