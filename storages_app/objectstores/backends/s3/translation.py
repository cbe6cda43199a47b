"""What providers, the network and the guard say, in our words: the only such table."""

import html
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import ParseError  # botocore lets it through for GetBucketLocation

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from urllib3 import exceptions as urllib3_errors

from storages_app.lib import outbound
from storages_app.objectstores import errors
from storages_app.objectstores.backends.s3.concealing import conceal, cut, without
from storages_app.objectstores.errors import ObjectStoreError

# What the codes of providers mean; the docs have an entry for each.
PROVIDER_CODES: dict[str, type[ObjectStoreError]] = {
    # Who is asking
    "AccessDenied": errors.AccessDenied,
    "AccessDeniedException": errors.AccessDenied,
    "UnauthorizedAccess": errors.AccessDenied,
    "AccountProblem": errors.AccountClosed,
    "AllAccessDisabled": errors.AccountClosed,
    "InvalidPayer": errors.AccountClosed,
    "NotSignedUp": errors.AccountClosed,
    "UserSuspended": errors.AccountClosed,  # Ceph
    "UserProjectAccountProblem": errors.AccountClosed,  # Google
    "InvalidAccessKeyId": errors.UnknownAccessKey,
    "InvalidClientTokenId": errors.UnknownAccessKey,  # STS
    "SignatureDoesNotMatch": errors.WrongSecret,
    "ExpiredToken": errors.CredentialsExpired,
    "ExpiredTokenException": errors.CredentialsExpired,
    "InvalidToken": errors.CredentialsExpired,
    "TokenRefreshRequired": errors.CredentialsExpired,
    "RegionDisabledException": errors.RegionDisabled,  # STS
    "RequestTimeTooSkewed": errors.ClockSkewed,
    "RequestExpired": errors.ClockSkewed,
    # Where
    "NoSuchBucket": errors.BucketMissing,
    "NoSuchKey": errors.ObjectMissing,
    "NoSuchVersion": errors.ObjectMissing,
    "NoSuchUpload": errors.UploadMissing,
    "InvalidPart": errors.UploadMissing,  # a part is gone: the upload must be made again
    "PermanentRedirect": errors.RegionRedirect,
    "TemporaryRedirect": errors.RegionRedirect,
    "Redirect": errors.RegionRedirect,
    "IllegalLocationConstraintException": errors.RegionRedirect,
    "InvalidObjectState": errors.Archived,
    # Conditions
    "PreconditionFailed": errors.KeyTaken,
    "ConditionalRequestConflict": errors.ConditionConflict,
    "OperationAborted": errors.ConditionConflict,
    # What is sent
    "BadDigest": errors.ChecksumRefused,
    "InvalidDigest": errors.ChecksumRefused,
    "XAmzContentSHA256Mismatch": errors.ChecksumRefused,
    "XAmzContentChecksumMismatch": errors.ChecksumRefused,
    "XMinioContentChecksumMismatch": errors.ChecksumRefused,
    "ContentSHA256Mismatch": errors.ChecksumRefused,
    "ChecksumMismatch": errors.ChecksumRefused,
    "AccessControlListNotSupported": errors.AclNotSupported,
    "KeyTooLong": errors.KeyInvalid,
    "KeyTooLongError": errors.KeyInvalid,
    "InvalidURI": errors.KeyInvalid,
    "InvalidObjectName": errors.KeyInvalid,
    "XMinioInvalidObjectName": errors.KeyInvalid,
    "EntityTooLarge": errors.ObjectTooLarge,
    "InvalidStorageClass": errors.StorageClassInvalid,
    "MissingContentMD5": errors.ChecksumRequired,
    "InvalidEncryptionAlgorithmError": errors.NotSupported,
    "InvalidBucketName": errors.AddressInvalid,
    # Limits
    "QuotaExceeded": errors.QuotaExceeded,
    "AccountQuotaExceeded": errors.QuotaExceeded,
    "DiskQuotaExceeded": errors.QuotaExceeded,
    "InsufficientStorage": errors.QuotaExceeded,
    "StorageCapExceeded": errors.QuotaExceeded,
    "StorageQuotaExceeded": errors.QuotaExceeded,
    "BucketQuotaExceeded": errors.QuotaExceeded,
    "ServiceQuotaExceededException": errors.QuotaExceeded,
    "XMinioBucketQuotaExceeded": errors.QuotaExceeded,
    "XMinioAdminBucketQuotaExceeded": errors.QuotaExceeded,
    "XMinioStorageFull": errors.QuotaExceeded,
    "SlowDown": errors.Throttled,
    "SlowDownRead": errors.Throttled,
    "SlowDownWrite": errors.Throttled,
    "Throttling": errors.Throttled,
    "ThrottlingException": errors.Throttled,
    "TooManyRequests": errors.Throttled,
    "RequestLimitExceeded": errors.Throttled,
    "BandwidthLimitExceeded": errors.Throttled,
    "RateLimitExceeded": errors.Throttled,
    "TooManyRequestsException": errors.Throttled,
    # Faults
    "InternalError": errors.ServerError,
    "ServiceUnavailable": errors.ServerError,
    "IncompleteBody": errors.ConnectionFailed,
    "RequestTimeout": errors.TimedOut,
    "NotImplemented": errors.NotSupported,
    "MethodNotAllowed": errors.NotSupported,
}
_BY_STATUS: dict[int, type[ObjectStoreError]] = {
    301: errors.RegionRedirect,
    302: errors.RegionRedirect,
    307: errors.RegionRedirect,
    308: errors.RegionRedirect,
    401: errors.AccessDenied,
    403: errors.AccessDenied,
    404: errors.ObjectMissing,
    405: errors.NotSupported,
    408: errors.TimedOut,
    409: errors.ConditionConflict,
    412: errors.KeyTaken,
    413: errors.ObjectTooLarge,
    429: errors.Throttled,
    501: errors.NotSupported,
    504: errors.TimedOut,
    507: errors.QuotaExceeded,
}
_QUOTA_WORDS = re.compile(
    r"(cap|quota|(storage|space|trial|size) limit)s?[ _](is |was |has been )?(exceeded|reached)"
    r"|exceed(s|ed|ing)? (the |your |its )?(\w+ )?quota",
    re.IGNORECASE,
)
_CLOSED_WORDS = re.compile(
    r"account (is|was|has been) (suspended|closed|disabled|deactivated)", re.I
)
# What a provider says to a header that it does not know; a wrong value of one it knows is another
# matter.
_REFUSES_A_HEADER = {"InvalidArgument", "InvalidRequest", "NotImplemented", "UnsupportedHeader"}
_CHECKSUM_WANTED = re.compile(
    r"(content-md5|x-amz-checksum).{0,80}\brequired|required.{0,80}content-md5", re.I
)
_CHECKSUM_HEADER = re.compile(r"x-amz-(checksum|sdk-checksum)", re.I)
_STORAGE_CLASS = re.compile(r"storage[ -_]?class", re.I)
_KMS_REFUSAL = re.compile(r"\bkms:[A-Z]")
_KMS_KEY_STATES = {
    "disabled": "disabled",
    "pending deletion": "waiting for deletion",
    "pendingdeletion": "waiting for deletion",
    "notfound": "not found",
    "does not exist": "not found",
}
_UNAUTHORIZED = re.compile(r"not authorized to perform:? ([a-z0-9-]{1,32}:[A-Za-z]{1,64})")
_ASKER = re.compile(r"\bUser: (arn:[^\s\"'<>]{1,2000})")
_ASKED_OF = re.compile(r"\bon resource: [\"']?(arn:[^\s\"'<>]{1,2000})")
# Parts of a refusal that repeat what was signed and sent.
_REPEATED = re.compile(
    r"<(StringToSign\w*|CanonicalRequest\w*|SignatureProvided|AWSAccessKeyId|HostId|style|script)\b"
    r".*?(</\1>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_EXPECTED_REGION = re.compile(r"expecting '([a-z0-9-]{1,60})'")
_REGION = re.compile(r"[a-z0-9-]{1,60}")
_MAX_RETRY_AFTER = 3600.0
_MAX_SHOWN = 4000  # of an answer that is no S3's


@dataclass(frozen=True)
class _Said:
    """What an answer says of itself."""

    operation: str
    status: int
    code: str
    message: str
    region: str
    names_a_pause: bool


def error_of(
    operation: str,
    *,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    secrets: Sequence[str] = (),
) -> ObjectStoreError:
    """The error for an answer that is none of success. What is shown of it is cut and cleaned."""
    text = body.decode("utf-8", errors="replace")
    message = _element(text, "Message")
    said = _Said(
        operation=operation,
        status=status,
        code=_element(text, "Code"),
        message=message,
        region=_region(headers, text, message),
        names_a_pause="retry-after" in headers,
    )
    kind = _kind(said)
    shown = conceal(_all_it_said(text, message), secrets)
    error = kind(
        provider_code=re.sub(r"[^A-Za-z0-9._-]", "", without(said.code, secrets))[:64],
        http_status=status,
        operation=operation,
        request_id=without(_request_id(headers, text), secrets),
        retry_after=retry_after(headers.get("retry-after", "")),
        provider_message=cut(shown),
        action=_found(_UNAUTHORIZED, shown),
        principal=_found(_ASKER, shown),
        resource=_found(_ASKED_OF, shown),
        reason=_key_state(said) if kind is errors.KmsKeyUnusable else "",
    )
    if isinstance(error, errors.RegionRedirect):
        error.region = said.region
    return error


def _all_it_said(text: str, message: str) -> str:
    """The message with its details; of an answer that is no S3's, what a browser would show."""
    if message:
        return f"{message} {_element(text, 'Details')}"
    return html.unescape(re.sub(r"<[^>]{0,500}>", " ", _REPEATED.sub(" ", text[:_MAX_SHOWN])))


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1].rstrip(".,") if match else ""


def _key_state(said: _Said) -> str:
    told = f"{said.code} {said.message}".lower()
    return next((state for word, state in _KMS_KEY_STATES.items() if word in told), "")


def _kind(said: _Said) -> type[ObjectStoreError]:
    found = _by_words(said) or PROVIDER_CODES.get(said.code) or _by_status(said)
    if found is errors.AccessDenied and said.operation == "PutObjectAcl":
        return errors.AclDenied
    return found


def _by_words(said: _Said) -> type[ObjectStoreError] | None:
    """Where the code alone would mislead."""
    if named := _UNAUTHORIZED.search(said.message):
        # The rest repeats names of the owner's, in which any of the words below may be.
        return errors.KmsDenied if named[1].startswith("kms:") else None
    if said.code.startswith("KMS") or _KMS_REFUSAL.search(said.message):
        is_refusal = not said.code.startswith("KMS") or "AccessDenied" in said.code
        return errors.KmsDenied if is_refusal else errors.KmsKeyUnusable
    return _by_account(said) or _by_circumstance(said)


def _by_account(said: _Said) -> type[ObjectStoreError] | None:
    """Caps and closed accounts, which some providers hide behind AccessDenied."""
    if _QUOTA_WORDS.search(said.message) and PROVIDER_CODES.get(said.code) is not errors.Throttled:
        return errors.QuotaExceeded
    if said.status == 403 and _CLOSED_WORDS.search(said.message):
        return errors.AccountClosed
    return None


def _by_circumstance(said: _Said) -> type[ObjectStoreError] | None:
    """Codes that mean another thing by what comes with them."""
    if said.code == "AuthorizationHeaderMalformed":
        # Without a region in it, the malformed thing is the key id.
        return errors.RegionRedirect if said.region else errors.UnknownAccessKey
    if said.operation == "AssumeRole" and said.code == "ValidationError":
        return errors.AddressInvalid
    return _by_header(said) if said.code in _REFUSES_A_HEADER else None


def _by_header(said: _Said) -> type[ObjectStoreError] | None:
    """The header that a provider does not take, as its message names it."""
    message = said.message.lower()
    if "credential access key has length" in message:  # Cloudflare R2
        return errors.UnknownAccessKey
    if _CHECKSUM_WANTED.search(message):
        return errors.ChecksumRequired
    if _CHECKSUM_HEADER.search(message) and "is invalid" not in message:
        return errors.NotSupported
    if _STORAGE_CLASS.search(message):
        return errors.StorageClassInvalid
    if said.code == "NotImplemented" and "acl" in message:  # Cloudflare R2
        return errors.AclNotSupported
    return None


def _by_status(said: _Said) -> type[ObjectStoreError]:
    if said.status == 400 and not said.code and said.region:  # an answer to HEAD has no body
        return errors.RegionRedirect
    if said.status == 503 and said.names_a_pause:
        return errors.Throttled
    if said.status in _BY_STATUS:
        return _BY_STATUS[said.status]
    # An <Error> under the status of success comes after a long complete or copy went wrong.
    is_servers = said.status >= 500 or said.status < 300
    return errors.ServerError if is_servers else ObjectStoreError


def _element(text: str, name: str) -> str:
    """The text of an XML element, by pattern: a tenant's server needs no parser to attack."""
    match = re.search(rf"<{name}>([^<]{{1,2000}})", text)
    return html.unescape(match[1]).strip() if match else ""


def _region(headers: Mapping[str, str], text: str, message: str) -> str:
    expected = _EXPECTED_REGION.search(message)
    candidates = (
        headers.get("x-amz-bucket-region", ""),
        _element(text, "Region"),
        expected[1] if expected else "",
    )
    return next((found for found in candidates if _REGION.fullmatch(found)), "")


def _request_id(headers: Mapping[str, str], text: str) -> str:
    found = headers.get("x-amz-request-id", "") or _element(text, "RequestId")
    return re.sub(r"[^\x21-\x7e]", "", found)[:200]


def retry_after(text: str) -> float | None:
    """Seconds or a date; never more than an hour."""
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _MAX_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)
    return min(max(seconds.total_seconds(), 0.0), _MAX_RETRY_AFTER)


def has_error_body(body: bytes) -> bool:
    """Whether an answer of success is an error all the same."""
    return re.match(rb"\s*(<\?xml[^>]*\?>)?\s*<Error[\s>]", body[:500]) is not None


def is_listing(body: bytes) -> bool:
    """Whether an answer lists the objects of a bucket."""
    return re.match(rb"\s*(<\?xml[^>]*\?>)?\s*<ListBucketResult[\s>]", body[:500]) is not None


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Turn what happens on the way to the provider and back into our errors."""
    try:
        yield
    except outbound.Forbidden as error:
        raise errors.EndpointForbidden(operation=operation, reason=error.reason) from error
    except outbound.UnparsableAddress as error:
        raise errors.AddressInvalid(operation=operation) from error
    except outbound.NameNotFound as error:
        raise errors.HostNotFound(operation=operation) from error
    except (urllib3_errors.SSLError, ssl.SSLError) as error:
        raise _tls_error(error, operation) from error
    # NewConnectionError is a timeout to urllib3, though nothing was waited for.
    except urllib3_errors.NewConnectionError as error:
        raise errors.ConnectionFailed(operation=operation) from error
    except (urllib3_errors.TimeoutError, TimeoutError) as error:
        raise errors.TimedOut(operation=operation) from error
    except (urllib3_errors.HTTPError, OSError) as error:
        raise errors.ConnectionFailed(operation=operation) from error


@contextmanager
def control_call(operation: str) -> Iterator[None]:
    """The same around a call of botocore's client and the reading of its answer.

    An answer of success that is no XML, lacks what it must tell or has a number that is none is
    the server's fault: its owner wrote the address, so it may be any server.
    """
    try:
        with translated(operation):
            yield
    except ParamValidationError as error:
        raise errors.KeyInvalid(operation=operation) from error
    except (BotoCoreError, ClientError, KeyError, ValueError, ParseError) as error:
        raise errors.ServerError("The answer is not S3's.", operation=operation) from error


_CERTIFICATE_FAULTS = {  # OpenSSL's X509_V_ERR_…
    9: "not valid yet",
    10: "expired",
    18: "self-signed",
    19: "unknown authority",
    20: "unknown authority",
    21: "unknown authority",
    23: "revoked",
    62: "wrong host",
    64: "wrong host",
}
_HANDSHAKE_FAULTS = {
    "TLSV1_ALERT_PROTOCOL_VERSION": "protocol too old",
    "UNSUPPORTED_PROTOCOL": "protocol too old",
    "WRONG_SSL_VERSION": "protocol too old",
    "WRONG_VERSION_NUMBER": "no TLS",
    "HTTP_REQUEST": "no TLS",
}


def _tls_error(error: BaseException, operation: str) -> ObjectStoreError:
    """A connection that broke in the handshake says nothing about the certificate."""
    reason = ""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError)):
            return errors.ConnectionFailed(operation=operation)
        reason = reason or _tls_reason(seen)
        inner = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        seen = inner or seen.__cause__
    return errors.TlsFailed(operation=operation, reason=reason)


def _tls_reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE_FAULTS.get(getattr(error, "verify_code", 0), "")
    if isinstance(error, ssl.SSLError):
        return _HANDSHAKE_FAULTS.get(error.reason or "", "")
    return ""
