"""Amazon's identity service, on the same port: who am I, and may I be that role?"""

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qs

from tests.s3double.accounts import Principal, Role, Session
from tests.s3double.errors import S3Error
from tests.s3double.exchange import Answer, Exchange, handles
from tests.s3double.policies import Policy, Question, allows, denies, statements
from tests.s3double.xml import Content, document

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_ROLE_ARN = re.compile(r"arn:(aws|aws-cn|aws-us-gov):iam::\d{12}:role/[\w+=,.@/-]+")
_CHAINED_SECONDS = 3600


@handles("Sts")
def sts(exchange: Exchange) -> Answer:
    form = parse_qs(exchange.request.body.read().decode(), keep_blank_values=True)
    asked = {name: values[0] for name, values in form.items()}
    action = asked.get("Action", "")
    exchange.request.operation = action or "Sts"
    handler = _ACTIONS.get(action)
    if handler is None:
        raise S3Error("InvalidAction", f"Could not find operation {action}")
    if exchange.principal.is_anonymous:
        raise S3Error(
            "MissingAuthenticationToken", "Request is missing Authentication Token", status=403
        )
    result = {f"{action}Result": handler(exchange, asked)}
    metadata = {"ResponseMetadata": {"RequestId": exchange.double.new_id()}}
    return Answer(
        headers={"content-type": "text/xml"},
        body=document(f"{action}Response", {**result, **metadata}, namespace=NAMESPACE),
    )


def _get_caller_identity(exchange: Exchange, _: dict[str, str]) -> Content:
    """Needs no right, and no policy can take it."""
    who = exchange.principal
    assert who.account is not None
    return {"Arn": who.arn, "UserId": who.user_id, "Account": who.account.id}


def _assume_role(exchange: Exchange, asked: dict[str, str]) -> Content:
    arn, name = asked.get("RoleArn", ""), asked.get("RoleSessionName", "")
    who = exchange.principal
    if not _ROLE_ARN.fullmatch(arn):
        raise S3Error("ValidationError", f"{arn} is invalid")
    if not re.fullmatch(r"[\w+=,.@-]{2,64}", name):
        raise S3Error("ValidationError", "Value at 'roleSessionName' failed to satisfy constraint")
    external_id = asked.get("ExternalId")
    if external_id is not None and not re.fullmatch(r"[\w+=,.@:/-]{2,1224}", external_id):
        raise S3Error("ValidationError", "Value at 'externalId' failed to satisfy constraint")
    if who.account and arn.split(":")[1] != who.account.partition:
        raise S3Error("ValidationError", "Request ARN is invalid")
    if who.is_root:
        raise S3Error("AccessDenied", "Roles may not be assumed by root accounts.")
    role = exchange.double.directory.roles.get(arn)
    if role is None or not _trusts(role, who, external_id):
        raise S3Error(
            "AccessDenied",
            f"User: {who.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}",
        )
    session = Session(role, name, _session_policy(asked))
    seconds = _seconds(asked, role, who)
    credential = exchange.double.directory.assume(session, exchange.now, seconds)
    assert credential.expires_at is not None
    return {
        "Credentials": {
            "AccessKeyId": credential.access_key_id,
            "SecretAccessKey": credential.secret_access_key,
            "SessionToken": credential.token,
            "Expiration": f"{credential.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        },
        "AssumedRoleUser": {
            "AssumedRoleId": credential.principal.user_id,
            "Arn": session.arn,
        },
    }


def _trusts(role: Role, who: Principal, external_id: str | None) -> bool:
    """Both sides must agree, unless the role trusts one of its own account by name."""
    context = {"aws:principalarn": who.policy_arn}
    if external_id is not None:
        context["sts:externalid"] = external_id
    own = Question("sts:AssumeRole", role.arn, context)
    if denies(who.policies, own):
        return False
    by_name = Question("sts:AssumeRole", role.arn, context, who.names)
    by_any = Question("sts:AssumeRole", role.arn, context, who.names | who.account_names)
    if denies([role.trust], by_any) or not allows([role.trust], by_any):
        return False
    if who.account is role.account and allows([role.trust], by_name):
        return True
    return allows(who.policies, own)


def _session_policy(asked: dict[str, str]) -> Policy | None:
    if "Policy" not in asked:
        return None
    try:
        policy: Policy = json.loads(asked["Policy"])
        statements([policy])
    except (ValueError, TypeError, KeyError) as error:
        raise S3Error("MalformedPolicyDocument", "This policy is not in valid JSON") from error
    return policy


def _seconds(asked: dict[str, str], role: Role, who: Principal) -> int:
    text = asked.get("DurationSeconds", "3600")
    if not text.isdecimal() or not 900 <= int(text) <= 43_200:
        raise S3Error("ValidationError", "Value at 'durationSeconds' failed to satisfy constraint")
    is_chained = isinstance(who.who, Session)
    if int(text) > (min(role.max_seconds, _CHAINED_SECONDS) if is_chained else role.max_seconds):
        raise S3Error(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    return int(text)


_ACTIONS: dict[str, Callable[[Exchange, dict[str, str]], Content]] = {
    "GetCallerIdentity": _get_caller_identity,
    "AssumeRole": _assume_role,
}
