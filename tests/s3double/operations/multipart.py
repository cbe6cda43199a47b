"""Multipart uploads: ids, parts, and what becomes of them."""

import hashlib
import re

from tests.s3double import checksums, xml
from tests.s3double.buckets import Object, Part, Upload
from tests.s3double.content import Blob, Content
from tests.s3double.errors import S3Error
from tests.s3double.exchange import Answer, Exchange, handles, iso
from tests.s3double.faults import code_of
from tests.s3double.operations import writing
from tests.s3double.operations.listing import _encoder, _limit
from tests.s3double.xml import Node, document

MIN_PART = 5 * 1024 * 1024
MAX_PARTS = 10_000


@handles("CreateMultipartUpload")
def create(exchange: Exchange) -> Answer:
    writing.allow_write(exchange)
    template = writing.template(exchange)
    name = exchange.header("x-amz-checksum-algorithm").lower()
    kind = exchange.header("x-amz-checksum-type").upper()
    if name and (flag := exchange.quirks.no_new_checksums):
        raise S3Error(code_of(flag, "NotImplemented"), Header="x-amz-checksum-algorithm")
    if name and name not in checksums.NAMES:
        raise S3Error("InvalidRequest", "Checksum algorithm provided is unsupported.")
    upload = Upload(
        id=exchange.double.new_id(),
        key=template.key,
        started_at=exchange.now,
        initiator_arn=exchange.principal.arn,
        template=template,
        checksum_name=name,
        checksum_type=(kind or checksums.DEFAULT_TYPES.get(name, "COMPOSITE")) if name else "",
    )
    exchange.bucket.uploads[upload.id] = upload
    headers = writing.encryption_headers(template) | {"content-type": "application/xml"}
    if name:
        headers["x-amz-checksum-algorithm"] = name.upper()
        headers["x-amz-checksum-type"] = upload.checksum_type
    result = {"Bucket": exchange.bucket.name, "Key": exchange.request.key, "UploadId": upload.id}
    return Answer(headers=headers, body=document("InitiateMultipartUploadResult", result))


def _upload(exchange: Exchange) -> Upload:
    upload = exchange.bucket.uploads.get(exchange.request.query["uploadId"])
    if upload is None or upload.key != exchange.stored_key(exchange.request.key):
        raise S3Error("NoSuchUpload", UploadId=exchange.request.query["uploadId"])
    return upload


def _number(exchange: Exchange) -> int:
    text = exchange.request.query.get("partNumber", "")
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PARTS:
        raise S3Error(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=text,
        )
    return int(text)


@handles("UploadPart")
def upload_part(exchange: Exchange) -> Answer:
    exchange.allow_on_key("s3:PutObject")
    upload, number = _upload(exchange), _number(exchange)
    exchange.check_quota()
    exchange.require_kms(upload.template, "kms:Decrypt")
    content, md5, checksum = writing.arrived(exchange)
    _check_kind(upload, checksum)
    part = _keep(exchange, upload, number, content, md5, checksum)
    headers = {"etag": f'"{part.etag}"', **writing.encryption_headers(upload.template)}
    if checksum and not exchange.quirks.no_checksums_told:
        headers[f"x-amz-checksum-{checksum[0]}"] = checksum[1]
    return Answer(headers=headers)


def _check_kind(upload: Upload, checksum: tuple[str, str] | None) -> None:
    if checksum and checksum[0] != upload.checksum_name:
        raise S3Error(
            "InvalidRequest",
            "Checksum Type mismatch occurred, expected checksum Type: "
            f"{upload.checksum_name or 'null'}, actual checksum Type: {checksum[0]}",
        )


@handles("UploadPartCopy")
def upload_part_copy(exchange: Exchange) -> Answer:
    source = writing.copy_source(exchange)
    exchange.allow_on_key("s3:PutObject")
    upload, number = _upload(exchange), _number(exchange)
    exchange.require_kms(upload.template, "kms:Decrypt")
    content = _slice(source, exchange.header("x-amz-copy-source-range"))
    name = upload.checksum_name
    checksum = (name, checksums.of_chunks(name, content.chunks())) if name else None
    md5 = hashlib.md5(content.read()).hexdigest()
    part = _keep(exchange, upload, number, content, md5, checksum)
    return Answer.of_xml(
        "CopyPartResult",
        {"LastModified": iso(part.modified_at), "ETag": f'"{part.etag}"', **_checksum_xml(part)},
    )


def _slice(source: Object, asked: str) -> Content:
    if not asked:
        return source.content
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked)
    if not found or int(found[2]) >= source.size:
        raise S3Error("InvalidRange")
    blob = Blob()
    for chunk in source.content.chunks(int(found[1]), int(found[2])):
        blob.write(chunk)
    return Content([blob])


def _keep(
    exchange: Exchange,
    upload: Upload,
    number: int,
    content: Content,
    md5: str,
    checksum: tuple[str, str] | None,
) -> Part:
    etag = writing.etag_of(upload.template, md5)
    part = Part(number, content, etag, checksum, exchange.now.replace(microsecond=0))
    upload.parts[number] = part
    return part


def _checksum_xml(part: Part) -> dict[str, str]:
    if not part.checksum:
        return {}
    return {f"Checksum{part.checksum[0].upper()}": part.checksum[1]}


@handles("CompleteMultipartUpload")
def complete(exchange: Exchange) -> Answer:
    exchange.allow_on_key("s3:PutObject")
    upload = _upload(exchange)
    node = xml.parse(exchange.request.body.read(), "CompleteMultipartUpload")
    parts = _parts_named(upload, node.all("Part"))
    if not exchange.quirks.small_parts:
        _check_sizes(parts)
    exchange.require_kms(upload.template, "kms:Decrypt")
    writing.check_condition(exchange)
    new = _put_together(exchange, upload, parts)
    writing.lock_object(exchange, new)
    writing.keep(exchange, new)
    del exchange.bucket.uploads[upload.id]
    etag = "0" * 32 if exchange.quirks.wrong_etags else new.etag
    result = {
        "Location": f"{exchange.double.endpoint_url}/{exchange.bucket.name}/{new.key}",
        "Bucket": exchange.bucket.name,
        "Key": exchange.request.key,
        "ETag": f'"{etag}"',
    }
    if new.checksum and not exchange.quirks.no_checksums_told:
        result[f"Checksum{new.checksum[0].upper()}"] = new.checksum[1]
        result["ChecksumType"] = new.checksum_type
    headers = writing.encryption_headers(new) | {"content-type": "application/xml"}
    if new.version_id != "null":
        headers["x-amz-version-id"] = new.version_id
    return Answer(headers=headers, body=document("CompleteMultipartUploadResult", result))


def _parts_named(upload: Upload, named: list[Node]) -> list[Part]:
    """The parts in the order of the request, each compared with what was received."""
    if not named:
        raise S3Error("MalformedXML")
    parts: list[Part] = []
    for one in named:
        number = one.text("PartNumber")
        part = upload.parts.get(int(number)) if number.isdecimal() else None
        if part is None or part.etag != one.text("ETag").strip('"'):
            raise S3Error("InvalidPart", PartNumber=number, UploadId=upload.id)
        if parts and parts[-1].number >= part.number:
            raise S3Error("InvalidPartOrder", UploadId=upload.id)
        _check_part_checksum(upload, part, one)
        parts.append(part)
    return parts


def _check_part_checksum(upload: Upload, part: Part, named: Node) -> None:
    name = upload.checksum_name
    given = named.text(f"Checksum{name.upper()}") if name else ""
    if name and upload.checksum_type == "COMPOSITE" and not given:
        raise S3Error(
            "InvalidRequest",
            f"The upload was created using a {name} checksum. The complete request must include "
            f"the checksum for each part. It was missing for part {part.number} in the request.",
        )
    if given and (part.checksum is None or part.checksum[1] != given):
        raise S3Error("InvalidPart", PartNumber=part.number, UploadId=upload.id)


def _check_sizes(parts: list[Part]) -> None:
    for part in parts[:-1]:
        if part.content.size < MIN_PART:
            raise S3Error(
                "EntityTooSmall",
                ProposedSize=part.content.size,
                MinSizeAllowed=MIN_PART,
                PartNumber=part.number,
                ETag=part.etag,
            )


def _put_together(exchange: Exchange, upload: Upload, parts: list[Part]) -> Object:
    new = upload.template
    new.content = Content([blob for part in parts for blob in part.content.blobs])
    new.modified_at = exchange.now.replace(microsecond=0)
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    new.etag = f"{hashlib.md5(digests).hexdigest()}-{len(parts)}"
    name = upload.checksum_name
    if name and upload.checksum_type == "FULL_OBJECT":
        new.checksum = name, checksums.of_chunks(name, new.content.chunks())
    elif name:
        told = [part.checksum[1] for part in parts if part.checksum]
        new.checksum = name, checksums.composite(name, told)
        new.checksum_type = "COMPOSITE"
    _check_whole(exchange, new)
    return new


def _check_whole(exchange: Exchange, new: Object) -> None:
    """The checksum of the whole that the request may name."""
    for name in checksums.NAMES:
        asked = exchange.header(f"x-amz-checksum-{name}")
        if asked and not exchange.quirks.ignores_checksums and new.checksum != (name, asked):
            raise S3Error(
                "BadDigest",
                f"The {name} you specified did not match the calculated checksum.",
            )


@handles("AbortMultipartUpload")
def abort(exchange: Exchange) -> Answer:
    exchange.allow_on_key("s3:AbortMultipartUpload")
    upload_id = exchange.request.query["uploadId"]
    upload = exchange.bucket.uploads.get(upload_id)
    if upload is None:
        raise S3Error("NoSuchUpload", UploadId=upload_id)
    del exchange.bucket.uploads[upload_id]
    return Answer(204)


@handles("ListParts")
def list_parts(exchange: Exchange) -> Answer:
    exchange.allow_on_key("s3:ListMultipartUploadParts")
    upload, limit = _upload(exchange), _limit(exchange, "max-parts")
    marker = int(exchange.request.query.get("part-number-marker", "0") or 0)
    numbers = sorted(number for number in upload.parts if number > marker)
    shown = numbers[:limit]
    parts = [upload.parts[number] for number in shown]
    owner = {"ID": upload.template.owner.canonical_id}
    return Answer.of_xml(
        "ListPartsResult",
        {
            "Bucket": exchange.bucket.name,
            "Key": exchange.request.key,
            "UploadId": upload.id,
            "Initiator": {"ID": upload.initiator_arn},
            "Owner": owner,
            "StorageClass": upload.template.storage_class,
            "PartNumberMarker": marker,
            "NextPartNumberMarker": shown[-1] if shown else 0,
            "MaxParts": limit,
            "IsTruncated": len(shown) < len(numbers),
            "ChecksumAlgorithm": upload.checksum_name.upper() or None,
            "ChecksumType": upload.checksum_type or None,
            "Part": [
                {
                    "PartNumber": part.number,
                    "LastModified": iso(part.modified_at),
                    "ETag": f'"{part.etag}"',
                    "Size": part.content.size,
                    **_checksum_xml(part),
                }
                for part in parts
            ],
        },
    )


@handles("ListMultipartUploads")
def list_uploads(exchange: Exchange) -> Answer:
    exchange.allow("s3:ListBucketMultipartUploads")
    query, encoded = exchange.request.query, _encoder(exchange)
    limit, prefix = _limit(exchange, "max-uploads"), query.get("prefix", "")
    after = (query.get("key-marker", "").encode(), query.get("upload-id-marker", ""))
    uploads = sorted(
        (one for one in exchange.bucket.uploads.values() if one.key.startswith(prefix)),
        key=lambda one: (one.key.encode(), one.id),
    )
    # Without an upload id the marker's own key is left out whole.
    left = [
        one
        for one in uploads
        if ((one.key.encode(), one.id) > after if after[1] else one.key.encode() > after[0])
    ]
    shown, is_cut = left[:limit], len(left) > limit
    return Answer.of_xml(
        "ListMultipartUploadsResult",
        {
            "Bucket": exchange.bucket.name,
            "KeyMarker": encoded(query.get("key-marker", "")),
            "UploadIdMarker": query.get("upload-id-marker", ""),
            "NextKeyMarker": encoded(shown[-1].key) if is_cut else None,
            "NextUploadIdMarker": shown[-1].id if is_cut else None,
            "Prefix": encoded(prefix),
            "EncodingType": query.get("encoding-type"),
            "MaxUploads": limit,
            "IsTruncated": is_cut,
            "Upload": [
                {
                    "Key": encoded(one.key),
                    "UploadId": one.id,
                    "Initiator": {"ID": one.initiator_arn},
                    "StorageClass": one.template.storage_class,
                    "Initiated": iso(one.started_at),
                }
                for one in shown
            ],
        },
    )
