"""From a received request to its answer: who asks, is it signed, then the operation."""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from tests.s3double import operations as _operations  # noqa: F401  (they register themselves)
from tests.s3double import signatures, xml
from tests.s3double.accounts import ANONYMOUS, Credential, Principal
from tests.s3double.buckets import Bucket
from tests.s3double.errors import S3Error
from tests.s3double.exchange import HANDLERS, Answer, Exchange
from tests.s3double.faults import code_of
from tests.s3double.operations.sts import NAMESPACE as STS_NAMESPACE
from tests.s3double.requests import Request, unchunked
from tests.s3double.routes import operation_of
from tests.s3double.signatures import Signature, Signed

if TYPE_CHECKING:
    from tests.s3double.server import S3Double

_OF_STS = {
    "InvalidAccessKeyId": (
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    ),
    "InvalidToken": (
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    ),
    "ExpiredToken": ("ExpiredToken", "The security token included in the request is expired"),
    "RequestTimeTooSkewed": ("SignatureDoesNotMatch", "Signature expired"),
    "XAmzContentSHA256Mismatch": ("SignatureDoesNotMatch", ""),
}


@dataclass
class Call:
    """A line of the log."""

    operation: str
    method: str
    bucket: str
    key: str
    status: int = 0
    code: str = ""
    principal_arn: str = ""
    expected_owner: str = ""
    headers: dict[str, str] = field(default_factory=dict, repr=False)  # without what signs


def named(request: Request) -> str:
    """The operation; of STS, the one that the form names."""
    try:
        operation = operation_of(request)
    except S3Error:
        return ""
    if operation != "Sts":
        return operation
    form = parse_qs(request.body.read()[:4096].decode("utf-8", errors="replace"))
    return form.get("Action", ["Sts"])[0]


def answer(double: "S3Double", request: Request, started: int, call: Call) -> Answer:
    """Carry the request out, or raise what is against it; `call` learns who asked."""
    is_sts = not request.bucket and request.method == "POST"
    bucket = double.buckets.get(request.bucket)
    principal = _authenticate(double, request, bucket, is_sts=is_sts)
    call.principal_arn = principal.arn
    exchange = Exchange(double, request, principal, bucket, started)
    request.operation = operation = "Sts" if is_sts else operation_of(request)
    if request.bucket and operation != "CreateBucket":
        _check_bucket(exchange, exchange.bucket)
    return HANDLERS[operation](exchange)


def _check_bucket(exchange: Exchange, bucket: Bucket) -> None:
    if flag := exchange.quirks.closed_account or bucket.account.is_closed:
        raise S3Error(code_of(flag, "AllAccessDisabled"), status=403)
    wanted = exchange.header("x-amz-expected-bucket-owner")
    if wanted and not exchange.quirks.ignores_expected_owner:
        if not re.fullmatch(r"\d{12}", wanted):
            raise S3Error(
                "InvalidBucketOwnerAWSAccountID",
                "The value of the expected bucket owner parameter must be an AWS Account ID... "
                f"[{wanted}]",
            )
        if wanted != bucket.account.id:
            raise S3Error("AccessDenied")


# --- Signatures --------------------------------------------------------------------------------


def _authenticate(
    double: "S3Double", request: Request, bucket: Bucket | None, *, is_sts: bool
) -> Principal:
    signature = signatures.read(request.headers, request.query)
    if signature is None:
        _check_payload(double, request, request.header("x-amz-content-sha256"))
        return ANONYMOUS
    if signature.seconds is not None and (flag := double.quirks.refuses_presigned):
        raise S3Error(code_of(flag, "AccessDenied"), status=403)
    _check_scope(double, request, signature, bucket, is_sts=is_sts)
    signatures.check_time(signature, double.now())
    credential = _credential(double, signature)
    payload = _payload(request, signature, is_sts=is_sts)
    signed = Signed(request.method, request.path, request.raw_query, request.headers, payload)
    key = signatures.check(signature, signed, credential.secret_access_key)
    if payload.startswith("STREAMING-"):
        _unchunk(request, signature, key, payload)
    else:
        _check_payload(double, request, payload)
    return credential.principal


def _check_scope(
    double: "S3Double",
    request: Request,
    signature: Signature,
    bucket: Bucket | None,
    *,
    is_sts: bool,
) -> None:
    service = "sts" if is_sts else "s3"
    if signature.service != service:
        raise S3Error(
            "AuthorizationHeaderMalformed",
            f"The authorization header is malformed; incorrect service "
            f'"{signature.service}". This endpoint belongs to "{service}".',
        )
    if bucket is None or double.quirks.any_region or signature.region == bucket.region:
        return
    # The global endpoint tells the location of each bucket.
    if operation_of(request) == "GetBucketLocation" and signature.region == "us-east-1":
        return
    if operation_of(request) != "CreateBucket":
        raise _wrong_region(double, signature, bucket)


def _wrong_region(double: "S3Double", signature: Signature, bucket: Bucket) -> S3Error:
    code, region = double.quirks.wrong_region_code, bucket.region
    told = {} if double.quirks.no_region_told else {"x-amz-bucket-region": region}
    wrong = f"the region '{signature.region}' is wrong; expecting '{region}'"
    if code == "AuthorizationHeaderMalformed":
        if signature.seconds is not None:
            return S3Error(
                "AuthorizationQueryParametersError",
                f"Error parsing the X-Amz-Credential parameter; {wrong}",
                headers=told,
                Region=region,
            )
        message = f"The authorization header is malformed; {wrong}"
        return S3Error(code, message, headers=told, Region=region)
    endpoint = f"{bucket.name}.s3.{region}.amazonaws.com"
    return S3Error(code, headers=told, Endpoint=endpoint, Bucket=bucket.name)


def _credential(double: "S3Double", signature: Signature) -> Credential:
    found = double.directory.credentials.get(signature.access_key_id)
    if found is None or (found.token and not signature.token):
        raise S3Error("InvalidAccessKeyId", AWSAccessKeyId=signature.access_key_id)
    if found.token != signature.token:
        raise S3Error("InvalidToken", named={"Token-0": signature.token})
    if found.expires_at and found.expires_at <= double.now():
        raise S3Error("ExpiredToken", named={"Token-0": signature.token})
    return found


def _payload(request: Request, signature: Signature, *, is_sts: bool) -> str:
    """What the signature covers in place of the body."""
    if is_sts:
        return request.body.sha256
    said = request.header("x-amz-content-sha256")
    if signature.seconds is not None:
        return said or request.query.get("X-Amz-Content-Sha256", signatures.UNSIGNED)
    if not said:
        raise S3Error(
            "InvalidRequest", "Missing required header for this request: x-amz-content-sha256"
        )
    return said


def _check_payload(double: "S3Double", request: Request, said: str) -> None:
    if said in {"", signatures.UNSIGNED} or double.quirks.ignores_checksums:
        return
    if not re.fullmatch("[0-9a-f]{64}", said):
        raise S3Error(
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD or a valid sha256 value.",
            ArgumentName="x-amz-content-sha256",
            ArgumentValue=said,
        )
    if said != request.body.sha256:
        raise S3Error(
            "XAmzContentSHA256Mismatch",
            ClientComputedContentSHA256=said,
            S3ComputedContentSHA256=request.body.sha256,
        )


def _unchunk(request: Request, signature: Signature, key: bytes, payload: str) -> None:
    length = request.header("x-amz-decoded-content-length")
    if not length.isdecimal():
        raise S3Error("MissingContentLength")
    is_signed = "UNSIGNED" not in payload
    signer = signatures.ChunkSigner(signature, key) if is_signed else None
    request.body = unchunked(request.body, length=int(length), signer=signer)


# --- Errors ------------------------------------------------------------------------------------


def of_error(double: "S3Double", request: Request, error: S3Error) -> Answer:
    """How S3 puts a refusal; STS puts it otherwise."""
    if not request.bucket and request.method == "POST":
        return _of_sts_error(double, error)
    content: dict[str, xml.Content] = {"Code": error.code, "Message": error.message}
    content |= {name: str(value) for name, value in error.more.items()}
    if error.code == "NoSuchKey":
        content.setdefault("Key", request.key)
    content |= {"RequestId": double.new_id(), "HostId": "double"}
    body = xml.document("Error", content, namespace="")
    headers = {"content-type": "application/xml", **error.headers}
    return Answer(error.status, headers, body)


def _of_sts_error(double: "S3Double", error: S3Error) -> Answer:
    code, message = _OF_STS.get(error.code, (error.code, error.message))
    status = 403 if error.code in _OF_STS else error.status
    content = {
        "Error": {"Type": "Sender", "Code": code, "Message": message or error.message},
        "RequestId": double.new_id(),
    }
    body = xml.document("ErrorResponse", content, namespace=STS_NAMESPACE)
    return Answer(status, {"content-type": "text/xml", **error.headers}, body)
