"""Signatures over what is sent: Uploadcare's own, and those of the Standard Webhooks."""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import timedelta
from secrets import token_hex
from typing import Final

OVERLAP: Final = timedelta(days=1)  # a replaced secret signs beside the new one for so long
LONGEST: Final = 32
_SECRET = re.compile(rf"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{0,{LONGEST}}}")


def new_secret() -> str:
    return token_hex(LONGEST // 2)


def can_sign(secret: str) -> bool:
    """Whether it is one, or the empty text that ends signing."""
    return bool(_SECRET.fullmatch(secret))


def headers(
    *, secrets: Sequence[str], body: bytes, message_id: str, seconds: int
) -> dict[str, str]:
    """For a request at `seconds` (Unix time). `secrets` are the current one and, while it is being
    replaced, the one before it; none means that nothing is signed.

    Uploadcare's header holds one signature, by the current secret; `webhook-signature` holds all.
    """
    found = {"webhook-id": message_id, "webhook-timestamp": str(seconds)}
    if not secrets:
        return found
    signed = f"{message_id}.{seconds}.".encode() + body
    found["webhook-signature"] = " ".join(_standard(secret, signed) for secret in secrets)
    found["x-uc-signature"] = f"v1={_digest(secrets[0], body).hex()}"
    return found


def standard_key(secret: str) -> str:
    """The secret as verifiers of the Standard Webhooks want it: they take its bytes from base64."""
    return f"whsec_{base64.b64encode(secret.encode()).decode()}"


def _standard(secret: str, signed: bytes) -> str:
    return f"v1,{base64.b64encode(_digest(secret, signed)).decode()}"


def _digest(secret: str, content: bytes) -> bytes:
    return hmac.new(secret.encode(), content, hashlib.sha256).digest()
