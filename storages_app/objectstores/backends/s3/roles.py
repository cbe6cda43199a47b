"""Temporary credentials: this installation's own identity takes on a role of a bucket's owner."""

import html
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from botocore.credentials import Credentials

from storages_app.lib.outbound import Policy, current_policy
from storages_app.lib.wire import Wire
from storages_app.objectstores.backends.s3.address import DEFAULT_REGION, sts_address
from storages_app.objectstores.backends.s3.transport import STS_VERSION, ask_sts
from storages_app.objectstores.errors import AddressInvalid, ServerError

# Seen by the bucket's owner in CloudTrail; it names the product and nobody.
SESSION_NAME = "ucdash"

_ROLE_ARN = re.compile(r"arn:aws[a-z-]{0,20}:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_CONNECT_S = 5
_READ_S = 10
_MIN_S, _MAX_S = 900, 43_200  # Amazon's


@dataclass(frozen=True)
class OperatorIdentity:
    """Who this installation is at Amazon. `repr` shows no secret."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    principal_arn: str
    sts_url: str = ""  # as in `Location`
    region: str = DEFAULT_REGION


@dataclass(frozen=True)
class TemporaryCredentials:
    """What a role was lent for. `repr` shows no secret."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime
    arn: str  # of the session: arn:aws:sts::…:assumed-role/…


def assume_role(
    operator: OperatorIdentity,
    *,
    role_arn: str,
    external_id: str | None,
    region: str,
    seconds: int = 3600,
    policy: Policy | None = None,
) -> TemporaryCredentials:
    """Ask STS for the role. Without an external id none is sent, to prove that it is demanded.

    AccessDenied: the role does not trust us, the external id differs, or there is no such role.
    """
    if not _ROLE_ARN.fullmatch(role_arn):
        raise AddressInvalid("The role's ARN is none.", operation="AssumeRole")
    if external_id is not None and not _EXTERNAL_ID.fullmatch(external_id):
        raise AddressInvalid("The external id is none.", operation="AssumeRole")
    region = region or operator.region
    asked = {
        "Action": "AssumeRole",
        "Version": STS_VERSION,
        "RoleArn": role_arn,
        "RoleSessionName": SESSION_NAME,
        "DurationSeconds": str(min(max(seconds, _MIN_S), _MAX_S)),
        **({} if external_id is None else {"ExternalId": external_id}),
    }
    wire = Wire(policy or current_policy(), connect_timeout=_CONNECT_S, read_timeout=_READ_S)
    try:
        answer = ask_sts(
            wire,
            sts_address(region, operator.sts_url),
            region,
            Credentials(operator.access_key_id, operator.secret_access_key),
            asked,
        )
    finally:
        wire.clear()
    return _credentials(answer.body.decode("utf-8", errors="replace"))


def _credentials(text: str) -> TemporaryCredentials:
    return TemporaryCredentials(
        access_key_id=_element(text, "AccessKeyId", 128),
        secret_access_key=_element(text, "SecretAccessKey", 256),
        session_token=_element(text, "SessionToken", 16_384),
        expires_at=_time(_element(text, "Expiration", 40)),
        arn=_element(text, "Arn", 2048),
    )


def _element(text: str, name: str, limit: int) -> str:
    """Found by pattern, so that there is no parser to attack; must be there and be printable."""
    match = re.search(rf"<{name}>([^<]{{1,{limit}}})</{name}>", text)
    found = html.unescape(match[1]).strip() if match else ""
    if not _PRINTABLE.fullmatch(found):
        raise ServerError(f"The answer has no {name}.", operation="AssumeRole")
    return found


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ServerError("The answer's Expiration is no time.", operation="AssumeRole") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
