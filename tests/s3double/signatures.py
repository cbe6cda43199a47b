"""SigV4 as the server checks it, from the bytes of the request alone."""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_to_bytes

from tests.s3double.errors import S3Error

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
MAX_SKEW = timedelta(minutes=15)
MAX_SECONDS = 7 * 24 * 3600
_HEADER = re.compile(
    ALGORITHM
    + r"\s+Credential=(?P<credential>[^,\s]+)\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,"
    r"\s*Signature=(?P<signature>[0-9a-f]+)\s*"
)


@dataclass(frozen=True)
class Signature:
    """What a request says of its own signature."""

    access_key_id: str
    day: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    value: str
    time: str
    seconds: int | None = None  # of a presigned URL
    token: str = ""

    @property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"

    @property
    def made_at(self) -> datetime:
        return datetime.strptime(self.time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def read(headers: Mapping[str, str], query: Mapping[str, str]) -> Signature | None:
    """The signature in a header or in the query; None where there is none."""
    if "X-Amz-Signature" in query or "X-Amz-Algorithm" in query:
        return _of_query(query)
    authorization = headers.get("authorization", "")
    is_of_old = "AWSAccessKeyId" in query
    if not authorization and not is_of_old:
        return None
    if is_of_old or not authorization.startswith(ALGORITHM):
        raise S3Error(
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. Please use "
            "AWS4-HMAC-SHA256.",
        )
    found = _HEADER.fullmatch(authorization)
    if not found:
        raise S3Error("AuthorizationHeaderMalformed")
    time = headers.get("x-amz-date", "")
    return _checked(
        found["credential"], found["headers"], found["signature"], time,
        token=headers.get("x-amz-security-token", ""),
    )  # fmt: skip


def _of_query(query: Mapping[str, str]) -> Signature:
    names = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
    if any(f"X-Amz-{name}" not in query for name in names):
        raise S3Error(
            "AuthorizationQueryParametersError",
            "Query-string authentication version 4 requires the X-Amz-Algorithm, "
            "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
            "X-Amz-Expires parameters.",
        )
    seconds = query["X-Amz-Expires"]
    if not seconds.isdecimal() or not 0 < int(seconds) <= MAX_SECONDS:
        raise S3Error(
            "AuthorizationQueryParametersError",
            "X-Amz-Expires must be less than a week (in seconds); that is, the given "
            "X-Amz-Expires must be less than 604800 seconds",
        )
    return _checked(
        query["X-Amz-Credential"], query["X-Amz-SignedHeaders"], query["X-Amz-Signature"],
        query["X-Amz-Date"], seconds=int(seconds), token=query.get("X-Amz-Security-Token", ""),
    )  # fmt: skip


def _checked(
    credential: str,
    signed_headers: str,
    value: str,
    time: str,
    *,
    seconds: int | None = None,
    token: str = "",
) -> Signature:
    words = credential.rsplit("/", 4)
    if len(words) != 5 or words[4] != "aws4_request":
        raise S3Error(
            "AuthorizationHeaderMalformed",
            "The authorization header is malformed; the Credential is mal-formed; expecting "
            '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
        )
    if not re.fullmatch(r"\d{8}T\d{6}Z", time) or not time.startswith(words[1]):
        raise S3Error(
            "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"
        )
    names = tuple(signed_headers.split(";"))
    key_id, day, region, service, _ = words
    return Signature(key_id, day, region, service, names, value, time, seconds, token)


def check_time(signature: Signature, now: datetime) -> None:
    if signature.seconds is not None:
        _check_expiry(signature, signature.seconds, now)
    elif abs(now - signature.made_at) > MAX_SKEW:
        raise S3Error(
            "RequestTimeTooSkewed",
            RequestTime=signature.time,
            ServerTime=f"{now:%Y-%m-%dT%H:%M:%SZ}",
            MaxAllowedSkewMilliseconds=int(MAX_SKEW.total_seconds() * 1000),
        )


def _check_expiry(signature: Signature, seconds: int, now: datetime) -> None:
    if signature.made_at - now > MAX_SKEW:
        raise S3Error("AccessDenied", "Request is not yet valid")
    expires_at = signature.made_at + timedelta(seconds=seconds)
    if now > expires_at:
        raise S3Error(
            "AccessDenied",
            "Request has expired",
            named={
                "X-Amz-Expires": seconds,
                "Expires": f"{expires_at:%Y-%m-%dT%H:%M:%SZ}",
                "ServerTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            },
        )


@dataclass(frozen=True)
class Signed:
    """The parts of a request that a signature covers."""

    method: str
    path: str  # as sent
    query: str  # as sent
    headers: Mapping[str, str]
    payload: str  # its hash, or what stands for it


def check(signature: Signature, signed: Signed, secret: str) -> bytes:
    """SignatureDoesNotMatch, or the signing key, for the signatures of chunks."""
    _check_coverage(signature, signed.headers)
    canonical = "\n".join(_canonical(signature, signed))
    to_sign = "\n".join(
        [
            ALGORITHM,
            signature.time,
            signature.scope,
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    key = signing_key(signature, secret)
    expected = hmac.digest(key, to_sign.encode(), "sha256").hex()
    if not hmac.compare_digest(expected, signature.value):
        raise S3Error(
            "SignatureDoesNotMatch",
            AWSAccessKeyId=signature.access_key_id,
            StringToSign=to_sign,
            SignatureProvided=signature.value,
            CanonicalRequest=canonical,
        )
    return key


def _check_coverage(signature: Signature, headers: Mapping[str, str]) -> None:
    """Each x-amz- header must be signed, and the host."""
    unsigned = [
        name
        for name in headers
        if (name == "host" or name.startswith("x-amz-"))
        and name not in signature.signed_headers
        and not (signature.seconds is not None and name == "x-amz-content-sha256")
    ]
    if unsigned:
        raise S3Error(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(unsigned),
        )


def _canonical(signature: Signature, signed: Signed) -> Iterator[str]:
    yield signed.method
    yield quote(unquote_to_bytes(signed.path), safe="/-_.~")
    yield "&".join(_query_words(signed.query))
    for name in signature.signed_headers:
        yield f"{name}:{' '.join(signed.headers.get(name, '').split())}"
    yield ""
    yield ";".join(signature.signed_headers)
    yield signed.payload


def _query_words(query: str) -> list[str]:
    pairs = []
    for word in filter(None, query.split("&")):
        name, _, value = word.partition("=")
        pair = [quote(unquote_to_bytes(text), safe="-_.~") for text in (name, value)]
        if pair[0] != "X-Amz-Signature":
            pairs.append(pair)
    return [f"{name}={value}" for name, value in sorted(pairs)]


def signing_key(signature: Signature, secret: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for word in signature.scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    return key


class ChunkSigner:
    """The chain of signatures of a body that is signed chunk by chunk."""

    def __init__(self, signature: Signature, key: bytes) -> None:
        self._signature, self._key, self._last = signature, key, signature.value

    def check(self, data: bytes, value: str) -> None:
        to_sign = "\n".join(
            [
                f"{ALGORITHM}-PAYLOAD",
                self._signature.time,
                self._signature.scope,
                self._last,
                hashlib.sha256().hexdigest(),
                hashlib.sha256(data).hexdigest(),
            ]
        )
        self._last = hmac.digest(self._key, to_sign.encode(), "sha256").hex()
        if not hmac.compare_digest(self._last, value):
            raise S3Error("SignatureDoesNotMatch")
