"""The grant as Terraform."""

import json
from collections.abc import Iterable
from typing import Any

from storages_app.custom_storages.grants.policies import Policy, Statement, as_list
from storages_app.custom_storages.grants.tabs import KEY_NOTE, Tab, Text
from storages_app.custom_storages.grants.wanted import Wanted

_CONTROLS = {"\\b": "\\u0008", "\\f": "\\u000c"}  # HCL has no short form of these


def tab(wanted: Wanted) -> Tab:
    text = Text("Configuration", "hcl", configuration(wanted), f"{wanted.name}.tf")
    return Tab("terraform", "Terraform", (text,))


def configuration(wanted: Wanted) -> str:
    key = [KEY_NOTE] if wanted.key_policy_statement else []
    blocks = [*_identity(wanted), *_public_access(wanted), *_bucket_policy(wanted), *key]
    return "\n\n".join(blocks) + "\n"


def quoted(text: str) -> str:
    """A string of HCL that stands for exactly this text: no template, no unknown escape.

    https://developer.hashicorp.com/terraform/language/expressions/strings
    """
    literal = json.dumps(text, ensure_ascii=False)
    # An even number of backslashes before b or f is text, and json.dumps doubles those.
    parts = literal.split("\\\\")
    for short, long in _CONTROLS.items():
        parts = [part.replace(short, long) for part in parts]
    return "\\\\".join(parts).replace("${", "$${").replace("%{", "%%{")


def _identity(wanted: Wanted) -> list[str]:
    label, name = wanted.label, quoted(wanted.name)
    if not wanted.identity_policy:
        return []
    document = _document(label, wanted.identity_policy)
    if trust := wanted.trust_policy:
        return [
            _document(f"{label}_trust", trust),
            _resource(
                *("aws_iam_role", label),
                name=name,
                assume_role_policy=f"data.aws_iam_policy_document.{label}_trust.json",
            ),
            document,
            _resource(
                *("aws_iam_role_policy", label),
                name=name,
                role=f"aws_iam_role.{label}.id",
                policy=f"data.aws_iam_policy_document.{label}.json",
            ),
            f'output "{label}_role_arn" {{\n  value = aws_iam_role.{label}.arn\n}}',
        ]
    return [
        "# Make the access key of this user outside Terraform, whose state would keep the secret.\n"
        + _resource("aws_iam_user", label, name=name),
        document,
        *_policy_of_user(wanted),
    ]


def _policy_of_user(wanted: Wanted) -> list[str]:
    label, name = wanted.label, quoted(wanted.name)
    user, policy = f"aws_iam_user.{label}.name", f"data.aws_iam_policy_document.{label}.json"
    if wanted.fits_inline:
        return [_resource("aws_iam_user_policy", label, name=name, user=user, policy=policy)]
    arn = f"aws_iam_policy.{label}.arn"
    return [
        _resource("aws_iam_policy", label, name=name, policy=policy),
        _resource("aws_iam_user_policy_attachment", label, user=user, policy_arn=arn),
    ]


def _public_access(wanted: Wanted) -> list[str]:
    if wanted.public_mode not in {"policy", "acl"}:
        return []
    by_acl = wanted.public_mode == "acl"
    acls, by_policies = ("false", "true") if by_acl else ("true", "false")
    switches = _resource(
        *("aws_s3_bucket_public_access_block", wanted.label),
        bucket=quoted(wanted.bucket),
        block_public_acls=acls,
        ignore_public_acls=acls,
        block_public_policy=by_policies,
        restrict_public_buckets=by_policies,
    )
    if not by_acl:
        return [switches]
    ownership = (
        f'resource "aws_s3_bucket_ownership_controls" "{wanted.label}" {{\n'
        f"  bucket = {quoted(wanted.bucket)}\n"
        "  rule {\n"
        '    object_ownership = "BucketOwnerPreferred"\n'
        "  }\n"
        "}"
    )
    return [ownership, switches]


def _bucket_policy(wanted: Wanted) -> list[str]:
    policy, label = wanted.bucket_policy, wanted.label
    if not policy:
        return []
    after = {}
    if wanted.public_mode == "policy":  # or the public statement is refused
        after = {"depends_on": f"[aws_s3_bucket_public_access_block.{label}]"}
    bucket = quoted(wanted.bucket)
    note = "# This is the whole policy of the bucket: it replaces what is there.\n"
    if wanted.merged:
        encoded = f"jsonencode({_expression(policy, 1)})"
        return [
            note + _resource("aws_s3_bucket_policy", label, bucket=bucket, policy=encoded, **after)
        ]
    return [
        _document(f"{label}_bucket", policy),
        note
        + _resource(
            *("aws_s3_bucket_policy", label),
            bucket=bucket,
            policy=f"data.aws_iam_policy_document.{label}_bucket.json",
            **after,
        ),
    ]


def _resource(kind: str, label: str, **values: str) -> str:
    width = max(map(len, values))
    lines = [f"  {name.ljust(width)} = {value}" for name, value in values.items()]
    return "\n".join([f'resource "{kind}" "{label}" {{', *lines, "}"])


def _document(label: str, policy: Policy) -> str:
    statements = [line for s in policy["Statement"] for line in _statement(s)]
    return "\n".join([f'data "aws_iam_policy_document" "{label}" {{', *statements, "}"])


def _statement(statement: Statement) -> Iterable[str]:
    arguments = {
        "sid": quoted(statement["Sid"]) if "Sid" in statement else "",
        "effect": quoted(statement["Effect"]),
        "actions": _list(statement["Action"]),
        "resources": _list(statement["Resource"]) if "Resource" in statement else "",
    }
    given = {name: value for name, value in arguments.items() if value}
    width = max(map(len, given))
    yield "  statement {"
    yield from (f"    {name.ljust(width)} = {value}" for name, value in given.items())
    principal = statement.get("Principal")
    if principal:
        kind, names = ("*", "*") if principal == "*" else ("AWS", principal["AWS"])
        yield "    principals {"
        yield f"      type        = {quoted(kind)}"
        yield f"      identifiers = {_list(names)}"
        yield "    }"
    for test, wanted in statement.get("Condition", {}).items():
        for variable, values in wanted.items():
            yield "    condition {"
            yield f"      test     = {quoted(test)}"
            yield f"      variable = {quoted(variable)}"
            yield f"      values   = {_list(values)}"
            yield "    }"
    yield "  }"


def _list(values: Any) -> str:
    return f"[{', '.join(quoted(value) for value in as_list(values))}]"


def _expression(value: Any, depth: int) -> str:
    """A JSON value as an expression of HCL."""
    inside, close = "  " * (depth + 1), "  " * depth
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict) and value:
        lines = [f"{inside}{quoted(k)} = {_expression(v, depth + 1)}" for k, v in value.items()]
        return "\n".join(["{", *lines, f"{close}}}"])
    if isinstance(value, list) and value:
        lines = [f"{inside}{_expression(item, depth + 1)}," for item in value]
        return "\n".join(["[", *lines, f"{close}]"])
    return json.dumps(value)
