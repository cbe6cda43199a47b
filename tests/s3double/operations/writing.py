"""PutObject and CopyObject, and what a multipart upload has in common with them."""

import hashlib
from urllib.parse import unquote

from tests.s3double import access, checksums
from tests.s3double.buckets import Encryption, Object
from tests.s3double.content import Content
from tests.s3double.errors import S3Error
from tests.s3double.exchange import Answer, Exchange, handles, in_days, iso
from tests.s3double.faults import code_of
from tests.s3double.operations import acls
from tests.s3double.xml import document

MAX_SIZE = 5 * 1024**3
MAX_METADATA = 2048
STORAGE_CLASSES = {
    "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
    "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR",
}  # fmt: skip
_KEPT = (
    "content-type", "content-disposition", "content-encoding", "content-language",
    "cache-control", "expires", "x-amz-website-redirect-location",
)  # fmt: skip


@handles("PutObject")
def put_object(exchange: Exchange) -> Answer:
    allow_write(exchange)
    new = template(exchange)
    body = exchange.request.body
    if body.blob.size > MAX_SIZE:
        raise S3Error("EntityTooLarge")
    new.content, md5, new.checksum = arrived(exchange)
    check_lock(exchange, new)
    check_condition(exchange)
    new.etag = etag_of(new, md5)
    keep(exchange, new)
    return Answer(headers=written_headers(exchange, new))


@handles("CopyObject")
def copy_object(exchange: Exchange) -> Answer:
    source = copy_source(exchange)
    allow_write(exchange)
    new = template(exchange)
    if source.size > MAX_SIZE:
        raise S3Error("InvalidRequest", "The specified copy source is larger than the maximum "
                      "allowable size for a copy source: 5368709120")  # fmt: skip
    if exchange.header("x-amz-metadata-directive") != "REPLACE":
        new.headers = dict(source.headers)
    new.content, new.checksum, new.checksum_type = _copied(exchange, source)
    check_condition(exchange)
    new.etag = etag_of(new, _md5_of(new.content))
    keep(exchange, new)
    result = {"LastModified": iso(new.modified_at), "ETag": f'"{new.etag}"'}
    if new.checksum:
        result |= {f"Checksum{new.checksum[0].upper()}": new.checksum[1]}
        result |= {"ChecksumType": new.checksum_type}
    return Answer(
        headers=written_headers(exchange, new) | {"content-type": "application/xml"},
        body=document("CopyObjectResult", result),
    )


def _copied(exchange: Exchange, source: Object) -> tuple[Content, tuple[str, str] | None, str]:
    name = exchange.header("x-amz-checksum-algorithm").lower()
    if not name and source.checksum_type == "FULL_OBJECT":
        return source.content, source.checksum, "FULL_OBJECT"
    name = name or (source.checksum[0] if source.checksum else "")
    told = (name, checksums.of_chunks(name, source.content.chunks())) if name else None
    return source.content, told, "FULL_OBJECT"


def _md5_of(content: Content) -> str:
    digest = hashlib.md5()
    for chunk in content.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def copy_source(exchange: Exchange) -> Object:
    """The object that x-amz-copy-source names, if the caller may read it."""
    text, _, version_id = exchange.header("x-amz-copy-source").partition("?versionId=")
    name, _, key = unquote(text).lstrip("/").partition("/")
    bucket = exchange.double.buckets.get(name)
    if bucket is None:
        raise S3Error("NoSuchBucket", BucketName=name)
    wanted_owner = exchange.header("x-amz-source-expected-bucket-owner")
    if wanted_owner and wanted_owner != bucket.account.id:
        raise S3Error("AccessDenied")
    reader = access.Access(
        exchange.principal, bucket, exchange._context(), terse=exchange.quirks.terse_refusals
    )
    found = bucket.version(key, version_id) if version_id else bucket.current(key)
    reader.require("s3:GetObjectVersion" if version_id else "s3:GetObject", key, found)
    if found is None:
        reader.require("s3:ListBucket")
        raise S3Error("NoSuchKey", Key=key)
    exchange.require_kms(found, "kms:Decrypt")
    return found


# --- What all writes have in common ------------------------------------------------------------


def allow_write(exchange: Exchange) -> None:
    """Rights, in the order in which S3 looks at them."""
    if exchange.request.bad_key:
        raise S3Error("InvalidURI")
    key = exchange.request.key
    if len(key.encode()) > 1024:
        raise S3Error("KeyTooLongError", Size=len(key.encode()), MaxSizeAllowed=1024)
    exchange.allow_on_key("s3:PutObject")
    if acls.is_asked_for(exchange):
        exchange.allow_on_key("s3:PutObjectAcl")
        acls.check_allowed(exchange)
    exchange.check_quota()


def template(exchange: Exchange) -> Object:
    """The object that the headers describe, without its bytes; a bad header is refused."""
    headers = exchange.request.headers
    metadata = {n: v for n, v in headers.items() if n.startswith("x-amz-meta-")}
    size = sum(len(n) - len("x-amz-meta-") + len(v.encode()) for n, v in metadata.items())
    if size > MAX_METADATA:
        raise S3Error("MetadataTooLarge", Size=size, MaxSizeAllowed=MAX_METADATA)
    kept = {name: headers[name] for name in _KEPT if name in headers}
    encodings = [e.strip() for e in kept.get("content-encoding", "").split(",")]
    kept["content-encoding"] = ",".join(e for e in encodings if e and e != "aws-chunked")
    storage_class = headers.get("x-amz-storage-class", "STANDARD")
    if storage_class not in STORAGE_CLASSES:
        raise S3Error("InvalidStorageClass", StorageClassRequested=storage_class)
    new = Object(
        key=exchange.key,
        content=Content(),
        etag="",
        owner=exchange.owner_account,
        modified_at=exchange.now.replace(microsecond=0),
        headers={
            "content-type": "binary/octet-stream",
            **{name: value for name, value in kept.items() if value},
            **metadata,
        },
        storage_class=storage_class,
        encryption=_encryption(exchange),
        acl=acls.asked_for(exchange),
    )
    exchange.require_kms(new, "kms:GenerateDataKey")
    return new


def _encryption(exchange: Exchange) -> Encryption | None:
    mode = exchange.header("x-amz-server-side-encryption")
    name = exchange.header("x-amz-server-side-encryption-aws-kms-key-id")
    default = exchange.bucket.encryption
    if not mode:
        if name:
            raise S3Error(
                "InvalidArgument",
                "The SSE-KMS key id was given, but not the encryption aws:kms.",
            )
        if default is None:
            return None
        mode, name = default.mode, default.kms_key_id
    if mode == "AES256":
        return Encryption("AES256")
    if mode not in {"aws:kms", "aws:kms:dsse"}:
        raise S3Error(
            "InvalidArgument",
            "The encryption method specified is not supported",
            ArgumentName="x-amz-server-side-encryption",
            ArgumentValue=mode,
        )
    if not name and default and default.mode == mode:
        name = default.kms_key_id
    return Encryption(mode, exchange.kms_key(name).arn)


def checksum_asked(exchange: Exchange) -> tuple[str, str] | None:
    """The x-amz-checksum-* that came as a header or behind the body."""
    trailers = exchange.request.body.trailers
    found = [
        (name, value)
        for name in checksums.NAMES
        for value in (
            exchange.header(f"x-amz-checksum-{name}"),
            trailers.get(f"x-amz-checksum-{name}", ""),
        )
        if value
    ]
    algorithm = exchange.header("x-amz-sdk-checksum-algorithm")
    is_new = bool(found or algorithm or exchange.header("x-amz-trailer"))
    if is_new and (flag := exchange.quirks.no_new_checksums):
        raise S3Error(code_of(flag, "NotImplemented"), Header="x-amz-checksum-*")
    if len(found) > 1:
        raise S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header")
    if algorithm and not found:
        raise S3Error(
            "InvalidRequest",
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
            "x-amz-trailer headers were found.",
        )
    return found[0] if found else None


def check_body(exchange: Exchange) -> tuple[str, str] | None:
    """Content-MD5 and x-amz-checksum-* against what came; the latter, to be kept."""
    body, md5 = exchange.request.body, exchange.header("content-md5")
    asked = checksum_asked(exchange)
    if exchange.quirks.ignores_checksums:
        return asked
    if md5 and checksums.decoded_size(md5) != 16:
        raise S3Error("InvalidDigest", named={"Content-MD5": md5})
    if md5 and md5 != body.md5_base64:
        raise S3Error("BadDigest", ExpectedDigest=md5, CalculatedDigest=body.md5_base64)
    if asked is None:
        return None
    name, value = asked
    if not checksums.is_sound(name, value):
        raise S3Error("InvalidRequest", f"Value for x-amz-checksum-{name} header is invalid.")
    if checksums.of_chunks(name, Content([body.blob]).chunks()) != value:
        raise S3Error(
            "BadDigest",
            f"The {name.upper()} you specified did not match the calculated checksum.",
        )
    return asked


def arrived(exchange: Exchange) -> tuple[Content, str, tuple[str, str] | None]:
    """What is kept of a body that was found right, its MD5 and its checksum.

    The fault `damage` spoils it behind the check; ETag and checksum are of what is kept.
    """
    checksum, body = check_body(exchange), exchange.request.body
    if not exchange.request.is_damaged:
        return Content([body.blob]), body.md5, checksum
    content = Content([body.blob.damaged()])
    if checksum:
        checksum = checksum[0], checksums.of_chunks(checksum[0], content.chunks())
    return content, _md5_of(content), checksum


def check_lock(exchange: Exchange, new: Object) -> None:
    """Object Lock wants to be sure of the bytes before it keeps them for years."""
    lock = exchange.bucket.object_lock
    if lock is None or not lock.mode:
        return
    if not exchange.header("content-md5") and new.checksum is None:
        raise S3Error(
            "InvalidRequest",
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with "
            "Object Lock parameters",
        )
    lock_object(exchange, new)


def lock_object(exchange: Exchange, new: Object) -> None:
    lock = exchange.bucket.object_lock
    if lock and lock.mode:
        new.lock_mode, new.locked_until = lock.mode, in_days(exchange.now, lock.days)


def check_condition(exchange: Exchange) -> None:
    """If-None-Match and If-Match of a write; both are looked at when the bytes are there."""
    unless, only_if = exchange.header("if-none-match"), exchange.header("if-match")
    if not unless and not only_if:
        return
    if exchange.quirks.no_conditional_put_501:
        raise S3Error("NotImplemented", Header="If-None-Match" if unless else "If-Match")
    if exchange.quirks.ignores_conditions:
        return
    if unless and unless != "*":
        raise S3Error("NotImplemented", Header="If-None-Match")
    current = exchange.bucket.current(exchange.key)
    if unless and current:
        raise S3Error("PreconditionFailed", Condition="If-None-Match")
    if only_if and current is None:
        raise S3Error("NoSuchKey", Key=exchange.request.key)
    if only_if and current and only_if.strip('"') != current.etag:
        raise S3Error("PreconditionFailed", Condition="If-Match")
    if exchange.bucket.deletions.get(exchange.key, 0) > exchange.started:
        raise S3Error(
            "ConditionalRequestConflict", Condition="If-None-Match" if unless else "If-Match"
        )


def etag_of(new: Object, md5: str) -> str:
    """The MD5, but not where KMS encrypts."""
    if new.encryption and new.encryption.mode.startswith("aws:kms"):
        return hashlib.md5(f"{md5}{new.encryption.kms_key_id}{new.key}".encode()).hexdigest()
    return md5


def keep(exchange: Exchange, new: Object) -> None:
    exchange.bucket.add(new, exchange.double.new_id)


def written_headers(exchange: Exchange, new: Object) -> dict[str, str]:
    etag = "0" * 32 if exchange.quirks.wrong_etags else new.etag
    headers = {"etag": f'"{etag}"', **encryption_headers(new)}
    if new.version_id != "null":
        headers["x-amz-version-id"] = new.version_id
    if new.checksum and not exchange.quirks.no_checksums_told:
        headers |= checksum_headers(new)
    return headers


def checksum_headers(found: Object) -> dict[str, str]:
    if not found.checksum:
        return {}
    name, value = found.checksum
    return {f"x-amz-checksum-{name}": value, "x-amz-checksum-type": found.checksum_type}


def encryption_headers(found: Object) -> dict[str, str]:
    if not found.encryption:
        return {}
    headers = {"x-amz-server-side-encryption": found.encryption.mode}
    if found.encryption.kms_key_id:
        name = "x-amz-server-side-encryption-aws-kms-key-id"
        headers[name] = found.encryption.kms_key_id
    return headers
