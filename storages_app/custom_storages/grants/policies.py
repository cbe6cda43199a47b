"""The policies of spec/DASHBOARD 1.11 as values: A to D, the key's, and the lifecycle rule."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from storages_app.custom_storages.grants.rights import Right, rights_for

Policy = dict[str, Any]
Statement = dict[str, Any]

VERSION = "2012-10-17"
PUBLIC_SID = "PublicRead"
TEST_FOLDER = ".connection-test/"
PROOF_NAME = ".ucdash-proof"
KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")

# Sid → what it stands on, in the order of the policy. An action that is in no other group is
# written among the rights to write.
_SIDS = (
    "WriteCopies",
    "ReadBack",
    "RemoveCopies",
    "ListPrefix",
    "CleanUp",
    "UseKey",
    "SetUpOnly",
    "RemoveTestObject",
    "ReadProof",
)
OUR_SIDS = frozenset({*_SIDS, PUBLIC_SID})
BUCKET_SIDS = frozenset({"CleanUp", "SetUpOnly"})  # the same for every prefix of a bucket
RESOURCE_ENDINGS = {"RemoveTestObject": f"{TEST_FOLDER}*", "ReadProof": PROOF_NAME}
_SID_OF_ACTION = {
    "s3:GetObject": "ReadBack",
    "s3:GetObjectVersion": "ReadBack",
    "s3:DeleteObject": "RemoveCopies",
    "s3:ListBucket": "ListPrefix",
    "s3:ListBucketMultipartUploads": "CleanUp",
}
_SID_OF_RESOURCE = {"key": "UseKey", "test_object": "RemoveTestObject", "proof": "ReadProof"}
_WILDCARD = re.compile(r"[*?$]")


def partition(region: str) -> str:
    """The first part of an ARN: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def service_host(service: str, region: str) -> str:
    """Where Amazon answers for one service of one region: China has a domain of its own."""
    domain = "amazonaws.com.cn" if partition(region) == "aws-cn" else "amazonaws.com"
    return f"{service}.{region}.{domain}" if region else f"{service}.{domain}"


def escaped(prefix: str) -> str:
    """The prefix as it is: `*`, `?` and `$` stand for other characters in a policy."""
    return _WILDCARD.sub(lambda found: f"${{{found[0]}}}", prefix)


def bucket_arn(bucket: str, region: str) -> str:
    return f"arn:{partition(region)}:s3:::{bucket}"


def key_statement_target(
    *, kms_key_id: str, region: str, account_id: str = ""
) -> tuple[str, Statement]:
    """The Resource of a key and the Condition that it needs.

    A policy cannot name an alias as its resource, only ask which aliases the key has:
    https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
    """
    home = f"arn:{partition(region)}:kms:{region or '*'}:{account_id or '*'}"
    if kms_key_id.startswith("arn:") and ":alias/" not in kms_key_id:
        return kms_key_id, {}
    alias = kms_key_id.rpartition(":")[2]
    if alias.startswith("alias/"):
        if kms_key_id.startswith("arn:"):
            home = kms_key_id.rpartition(":")[0]
        named = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}
        return f"{home}:key/*", {"Condition": named}
    return f"{home}:key/{kms_key_id}", {}


def identity_policy(
    *,
    bucket: str,
    prefix: str,
    uses: Collection[str] = (),
    public_mode: str,
    region: str,
    versioned: bool = False,
    kms_key_id: str = "",
    account_id: str = "",
    with_setup: bool = True,
) -> Policy:
    """The least rights of an access key or role for these uses (text A)."""
    rights = rights_for(uses, public_mode, versioned=versioned, kms_key_id=kms_key_id)
    key = key_statement_target(kms_key_id=kms_key_id, region=region, account_id=account_id)
    return _policy(_statements(_kept(rights, with_setup), bucket, prefix, region, key))


def bucket_policy(
    *,
    bucket: str,
    prefix: str,
    uses: Collection[str] = (),
    public_mode: str,
    region: str,
    principal_arn: str,
    versioned: bool = False,
    with_setup: bool = True,
    proves_ownership: bool = True,
) -> Policy | None:
    """What goes into the bucket's own policy: our principal (text B), public read (D), or None.

    Rights on a KMS key are not in it: a bucket policy cannot grant them, the key's own can.
    """
    statements: list[Statement] = []
    if principal_arn:
        rights = rights_for(
            uses, public_mode, versioned=versioned, proves_ownership=proves_ownership
        )
        ours = _statements(_kept(rights, with_setup), bucket, prefix, region, ("", {}))
        statements += [_for_principal(statement, principal_arn) for statement in ours]
    if public_mode == "policy":
        statements += public_read_policy(bucket=bucket, prefix=prefix, region=region)["Statement"]
    return _policy(statements) if statements else None


def public_read_policy(*, bucket: str, prefix: str, region: str) -> Policy:
    """Anybody may read what is under the prefix; ACLs stay off (text D)."""
    statement = {
        "Sid": PUBLIC_SID,
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"{bucket_arn(bucket, region)}/{escaped(prefix)}*",
    }
    return _policy([statement])


def trust_policy(*, principal_arn: str, external_id: str) -> Policy:
    """Who may assume the role: our principal, and only for the project that made it (text C)."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": principal_arn},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }
    return _policy([statement])


def key_policy_statement(*, principal_arn: str) -> Statement:
    """To be added to the KMS key's own policy; its `*` means this key."""
    return {
        "Sid": "UcdashUseKey",
        "Effect": "Allow",
        "Principal": {"AWS": principal_arn},
        "Action": list(KEY_ACTIONS),
        "Resource": "*",
    }


def lifecycle_rule(*, prefix: str) -> dict[str, Any]:
    """Removes what an upload that was never finished left under the prefix, after a day."""
    return {
        "ID": "RemoveUnfinishedUploads",
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }


def without_actions(policy: Policy, actions: Collection[str]) -> Policy:
    """The policy less these actions, for a provider that does not know them."""
    statements = []
    for statement in policy["Statement"]:
        kept = [action for action in as_list(statement["Action"]) if action not in actions]
        if kept:
            statements.append(statement | {"Action": _one_or_list(kept)})
    return policy | {"Statement": statements}


def with_more_actions(policy: Policy, more: Mapping[str, str]) -> Policy:
    """The policy with another action beside each that has one, for a provider with other names."""
    statements = []
    for statement in policy["Statement"]:
        actions = as_list(statement["Action"])
        added = [more[action] for action in actions if action in more]
        statements.append(statement | {"Action": _one_or_list([*actions, *added])})
    return policy | {"Statement": statements}


def as_list(value: Any) -> list[Any]:
    """A policy may have one thing where it may have a list of them."""
    return value if isinstance(value, list) else [value]


def _one_or_list(values: list[str]) -> str | list[str]:
    return values if len(values) > 1 else values[0]


def _policy(statements: list[Statement]) -> Policy:
    return {"Version": VERSION, "Statement": statements}


def _kept(rights: list[Right], with_setup: bool) -> list[Right]:
    return [right for right in rights if with_setup or not right.setup_only]


def _sid(right: Right) -> str:
    if right.resource in _SID_OF_RESOURCE:
        return _SID_OF_RESOURCE[right.resource]
    return "SetUpOnly" if right.setup_only else _SID_OF_ACTION.get(right.action, "WriteCopies")


def _statements(
    rights: list[Right], bucket: str, prefix: str, region: str, key: tuple[str, Statement]
) -> list[Statement]:
    arn, under = bucket_arn(bucket, region), escaped(prefix)
    resources = {
        "objects": f"{arn}/{under}*",
        "bucket": arn,
        "key": key[0],
        "test_object": f"{arn}/{under}{TEST_FOLDER}*",
        "proof": f"{arn}/{under}{PROOF_NAME}",
    }
    conditions = {
        "ListPrefix": {"Condition": {"StringLike": {"s3:prefix": f"{under}*"}}},
        "UseKey": key[1],
    }
    statements = []
    for sid in _SIDS:
        members = [right for right in rights if _sid(right) == sid]
        if members:
            statement = {
                "Sid": sid,
                "Effect": "Allow",
                "Action": _one_or_list([right.action for right in members]),
                "Resource": resources[members[0].resource],
            }
            statements.append(statement | conditions.get(sid, {}))
    return statements


def _for_principal(statement: Statement, principal_arn: str) -> Statement:
    """Principal in the place where people expect it."""
    head = {"Sid": statement["Sid"], "Effect": "Allow", "Principal": {"AWS": principal_arn}}
    return head | statement
