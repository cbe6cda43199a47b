"""What a provider said, fit to be shown: cut, and without what belongs to nobody's screen (S051).

The provider may be anybody's server, so the text may hold anything that we sent it.
"""

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import quote

from storages_app.lib.outbound import is_denied

MAX_LENGTH = 500
_HIDDEN = "[hidden]"
_INNER = "[internal address]"
_MIN_SECRET = 4  # replacing less would leave no text

# Where a signature does not fit, providers repeat all that they hashed, up to the end.
_WHAT_WAS_SIGNED = re.compile(
    r"(string[-_ ]?to[-_ ]?sign|the canonical|canonical[-_ ]?(request|string)).*",
    re.IGNORECASE | re.DOTALL,
)
_AUTHORIZATION = re.compile(
    r"\bauthorization[\"']?\s*[:=].*|\bAWS4-HMAC-SHA256[\s,]+Credential.*|\bAWS [\w/+-]+:[\w/+=]+",
    re.IGNORECASE,
)
_PARAMETER = re.compile(
    r"\b((?:x-amz-|x-goog-)?(?:signature|credential|security-token)|awsaccesskeyid|googleaccessid)"
    r"=[^\s&,]+",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[A-Za-z0-9+=_]{16,}")
_IPV4 = re.compile(r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\.?\w)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:.]{2,45}(?![\w:])")
_INNER_NAME = re.compile(
    r"\bip(?:-[0-9]{1,3}){4}[\w.-]*|\b[\w.-]{1,250}\.(?:internal|local|localdomain)\b",
    re.IGNORECASE,
)


def conceal(text: str, secrets: Sequence[str] = ()) -> str:
    """The text on one line without credentials, signatures and addresses of inner networks.

    Of `secrets` the first is the access key id: like all key ids it keeps its last four letters.
    """
    text = without(text, secrets)
    text = _WHAT_WAS_SIGNED.sub("…", text)
    text = _AUTHORIZATION.sub(f"Authorization: {_HIDDEN}", text)
    text = _PARAMETER.sub(rf"\1={_HIDDEN}", text)
    text = _TOKEN.sub(_shortened, text)
    for pattern in (_IPV4, _IPV6):
        text = pattern.sub(_without_inner_ip, text)
    text = _INNER_NAME.sub(_INNER, text)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def without(text: str, secrets: Sequence[str]) -> str:
    """Without exactly these, whether plain or percent-encoded."""
    for n, secret in enumerate(secrets):
        if len(secret) >= _MIN_SECRET:
            shown = f"…{secret[-4:]}" if n == 0 else _HIDDEN
            for form in {secret, quote(secret, safe="")}:
                text = text.replace(form, shown)
    return text


def cut(text: str) -> str:
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}…"


def _shortened(match: re.Match[str]) -> str:
    """A key id keeps its end, what looks like a secret or a signature keeps nothing."""
    token = match[0]
    has_digit, has_letter = re.search("[0-9]", token), re.search("[A-Za-z]", token)
    if not (has_digit and has_letter):
        return token
    is_hex = len(token) >= 20 and re.fullmatch("[0-9a-f]+", token)  # as Backblaze and R2 have it
    if len(token) < 40 and (is_hex or token.isupper()):
        return f"…{token[-4:]}"
    is_mixed = len(token) >= 32 and re.search("[A-Z]", token) and re.search("[a-z]", token)
    return _HIDDEN if is_hex or is_mixed or token.isupper() else token


def _without_inner_ip(match: re.Match[str]) -> str:
    text = match[0].rstrip(".")  # of the sentence
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return match[0]
    return match[0].replace(text, _INNER) if is_denied(ip) else match[0]
