"""Policies as IAM and S3 read them: does a statement match, is a policy sound, is it public?"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.s3double.errors import S3Error

Policy = Mapping[str, Any]
Context = Mapping[str, str]  # condition keys in lower case

# The condition keys that make a grant to everybody one to somebody.
_NARROWING = {
    "aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths",
    "aws:sourcearn", "aws:sourceaccount", "aws:sourceip", "aws:sourcevpc", "aws:sourcevpce",
    "aws:userid", "s3:dataaccesspointaccount", "s3:dataaccesspointarn",
}  # fmt: skip
_OF_OBJECTS = re.compile(
    r"s3:(Get|Put|Delete|Restore|Replicate|Abort|Bypass|ListMultipart)(Object|Multipart|Governance)"
    r"|s3:ListMultipartUploadParts|s3:AbortMultipartUpload"
)
_LISTS = ("s3:listbucket", "s3:listbucketversions")


@dataclass(frozen=True)
class Question:
    """May this principal do this here?"""

    action: str
    resource: str
    context: Context = field(default_factory=dict)
    # What a Principal element may call the one who asks; empty for identity policies.
    names: frozenset[str] = frozenset()


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def matches(pattern: str, text: str) -> bool:
    """IAM's wildcards: `*` any characters, also `/`; `?` one."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def statements(policies: Iterable[Policy]) -> list[Mapping[str, Any]]:
    return [one for policy in policies for one in as_list(policy["Statement"])]


def allows(policies: Iterable[Policy], question: Question) -> bool:
    return _has(policies, "Allow", question)


def denies(policies: Iterable[Policy], question: Question) -> bool:
    return _has(policies, "Deny", question)


def _has(policies: Iterable[Policy], effect: str, question: Question) -> bool:
    return any(one["Effect"] == effect and _applies(one, question) for one in statements(policies))


def _applies(statement: Mapping[str, Any], question: Question) -> bool:
    return (
        _names(statement, question)
        and any(
            matches(pattern.lower(), question.action.lower())
            for pattern in as_list(statement["Action"])
        )
        and any(
            # A trust policy has no resource: it is the role's own.
            matches(pattern, question.resource)
            for pattern in as_list(statement.get("Resource", "*"))
        )
        and all(
            _CONDITIONS[operator](question.context.get(key.lower()), as_list(values))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _names(statement: Mapping[str, Any], question: Question) -> bool:
    if "Principal" not in statement:
        return not question.names
    named = principals_of(statement)
    return "*" in named or bool(named & question.names)


def principals_of(statement: Mapping[str, Any]) -> set[str]:
    principal = statement["Principal"]
    return {"*"} if principal == "*" else set(as_list(principal.get("AWS", [])))


# --- Conditions --------------------------------------------------------------------------------

Test = Callable[[str | None, list[Any]], bool]


def _equals(found: str | None, wanted: list[Any]) -> bool:
    return found is not None and found in wanted


def _like(found: str | None, wanted: list[Any]) -> bool:
    return found is not None and any(matches(pattern, found) for pattern in wanted)


def _is_null(found: str | None, wanted: list[Any]) -> bool:
    return str(wanted[0]).lower() == str(found is None).lower()


def _is_bool(found: str | None, wanted: list[Any]) -> bool:
    return found is not None and found.lower() in {str(one).lower() for one in wanted}


def _negated(test: Test) -> Test:
    return lambda found, wanted: not test(found, wanted)


def _if_exists(test: Test) -> Test:
    return lambda found, wanted: found is None or test(found, wanted)


_CONDITIONS: dict[str, Test] = {
    "StringEquals": _equals,
    "StringNotEquals": _negated(_equals),
    "StringLike": _like,
    "StringNotLike": _negated(_like),
    "ArnEquals": _like,
    "ArnLike": _like,
    "ArnNotEquals": _negated(_like),
    "ArnNotLike": _negated(_like),
    "Bool": _is_bool,
}
_CONDITIONS |= {f"{name}IfExists": _if_exists(test) for name, test in _CONDITIONS.items()}
_CONDITIONS["Null"] = _is_null


# --- Soundness ---------------------------------------------------------------------------------


def parse(text: str | bytes, *, bucket: str, principal_exists: Callable[[str], bool]) -> Policy:
    """A bucket policy as PutBucketPolicy takes it; MalformedPolicy where it would not."""
    try:
        policy = json.loads(text)
    except ValueError as error:
        raise S3Error("MalformedPolicy") from error
    if not isinstance(policy, dict):
        raise S3Error("MalformedPolicy")
    if policy.get("Version", "2008-10-17") not in {"2008-10-17", "2012-10-17"}:
        raise S3Error("MalformedPolicy", "The policy must contain a valid version string")
    if not policy.get("Statement"):
        raise S3Error("MalformedPolicy", "Missing required field Statement")
    for statement in as_list(policy["Statement"]):
        _check(statement, bucket, principal_exists)
    return policy


def _check(statement: Any, bucket: str, principal_exists: Callable[[str], bool]) -> None:
    if not isinstance(statement, dict):
        raise S3Error("MalformedPolicy", "Policy has invalid statement")
    for name in ("Effect", "Principal", "Action", "Resource"):
        if name not in statement:
            raise S3Error("MalformedPolicy", f"Missing required field {name}")
    if statement["Effect"] not in {"Allow", "Deny"}:
        raise S3Error("MalformedPolicy", f"Invalid effect: {statement['Effect']}")
    if isinstance(statement["Principal"], str) and statement["Principal"] != "*":
        raise S3Error("MalformedPolicy", "Invalid policy syntax.")
    if not all(one == "*" or principal_exists(one) for one in principals_of(statement)):
        raise S3Error("MalformedPolicy", "Invalid principal in policy")
    actions = as_list(statement["Action"])
    if not all(isinstance(one, str) and re.match(r"s3:\w|s3:\*|\*", one) for one in actions):
        raise S3Error("MalformedPolicy", "Policy has invalid action")
    resources = as_list(statement["Resource"])
    own = re.compile(rf"arn:aws(-cn|-us-gov)?:s3:::{re.escape(bucket)}(/.*)?", re.DOTALL)
    if not all(isinstance(one, str) and own.fullmatch(one) for one in resources):
        raise S3Error("MalformedPolicy", "Policy has invalid resource")
    _check_fit(actions, resources)
    _check_conditions(statement.get("Condition", {}), actions)


def _check_fit(actions: list[str], resources: list[str]) -> None:
    """Each action needs a resource of its kind."""
    has_object = any("/" in one for one in resources)
    has_bucket = any("/" not in one for one in resources)
    for action in actions:
        if "*" in action:
            continue
        if not (has_object if _OF_OBJECTS.match(action) else has_bucket):
            raise S3Error(
                "MalformedPolicy", "Action does not apply to any resource(s) in statement"
            )


def _check_conditions(condition: Any, actions: list[str]) -> None:
    for operator, keys in condition.items():
        if operator not in _CONDITIONS:
            raise S3Error("MalformedPolicy", f"Invalid Condition type : {operator}")
        for key in keys:
            if key.lower() in {"s3:prefix", "s3:delimiter", "s3:max-keys"} and not all(
                "*" in one or one.lower() in _LISTS for one in actions
            ):
                raise S3Error(
                    "MalformedPolicy",
                    "Conditions do not apply to combination of actions and resources in statement",
                )


def is_public(policy: Policy | None) -> bool:
    """What Block Public Access takes for public: everybody, and no condition with fixed values."""
    return policy is not None and any(
        one["Effect"] == "Allow" and "*" in principals_of(one) and not _is_narrowed(one)
        for one in statements([policy])
    )


def _is_narrowed(statement: Mapping[str, Any]) -> bool:
    return any(
        key.lower() in _NARROWING and not any("*" in str(one) for one in as_list(values))
        for operator, keys in statement.get("Condition", {}).items()
        if "Not" not in operator and operator != "Null"
        for key, values in keys.items()
    )
