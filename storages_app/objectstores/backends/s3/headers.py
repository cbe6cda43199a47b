"""What travels beside the bytes: options of a write, metadata and checksums as S3 headers."""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from storages_app.objectstores.base import ObjectInfo, PartReceipt, PutOptions, PutReceipt

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, ObjectTypeDef, PartTypeDef

_METADATA = "x-amz-meta-"
_MAX_METADATA_VALUE = 1024  # S3 takes 2 KB in all
MAX_ID = 1024  # of a version or an upload, as S3 has it; a longer one is none
_PLAIN_ASCII = re.compile(r"[\x20-\x7e]+")
_NAME_CHARACTERS = re.compile(r"[^a-z0-9-]")
_VALUE_CHARACTERS = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"
_SAFE_VALUE = re.compile(r"[A-Za-z0-9_.-]*")  # nearly all of them
_CHECKSUMS = ("sha256", "crc64nvme", "crc32c", "crc32", "sha1")


def put_headers(options: PutOptions) -> dict[str, str]:
    """The headers of a PUT, all but checksum and length; caller's text cannot add others."""
    headers = {
        "content-type": _content_type(options.content_type),
        **{f"{_METADATA}{k}": v for k, v in safe_metadata(options.metadata).items()},
    }
    optional = {
        "if-none-match": "*" if options.only_if_absent else "",
        "if-match": f'"{_word(options.only_if_etag)}"' if options.only_if_etag else "",
        "x-amz-acl": "public-read" if options.is_public else "",
        "x-amz-storage-class": _word(options.storage_class),
        "x-amz-server-side-encryption": _word(options.encryption),
        "x-amz-server-side-encryption-aws-kms-key-id": _kms_key(options),
        "content-disposition": content_disposition(options.download_name),
    }
    return headers | {name: value for name, value in optional.items() if value}


def multipart_parameters(options: PutOptions) -> dict[str, Any]:
    """The same for botocore's CreateMultipartUpload and CopyObject."""
    optional = {
        "ACL": "public-read" if options.is_public else "",
        "StorageClass": _word(options.storage_class),
        "ServerSideEncryption": _word(options.encryption),
        "SSEKMSKeyId": _kms_key(options),
        "ContentDisposition": content_disposition(options.download_name),
        "ChecksumAlgorithm": "SHA256" if options.checksum == "sha256" else "",
        "Metadata": safe_metadata(options.metadata),
    }
    return {
        "ContentType": _content_type(options.content_type),
        **{name: value for name, value in optional.items() if value},
    }


def _kms_key(options: PutOptions) -> str:
    return _word(options.kms_key_id) if options.encryption == "aws:kms" else ""


def _content_type(text: str) -> str:
    return text if _PLAIN_ASCII.fullmatch(text) else "application/octet-stream"


def _word(text: str) -> str:
    return re.sub(r"[^\x21-\x7e]", "", text)


def checksum_headers(mode: str, *, sha256: str, md5: str) -> dict[str, str]:
    """What the provider is asked to verify beside the signed x-amz-content-sha256."""
    if mode == "sha256":
        return {"x-amz-checksum-sha256": _to_base64(sha256)}
    if mode == "md5":
        return {"content-md5": _to_base64(md5)}
    return {}


def _to_base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()


def safe_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Names and values that every provider and every proxy before it passes on as signed.

    A name keeps a-z, 0-9 and -, other characters become - (nginx drops a header with _). In a
    value all but ASCII is percent-encoded, which `read_metadata` undoes, and cut at 1,024.
    """
    return {
        _NAME_CHARACTERS.sub("-", name.lower()): _safe_value(value)
        for name, value in metadata.items()
    }


def _safe_value(value: str) -> str:
    if len(value) <= _MAX_METADATA_VALUE and _SAFE_VALUE.fullmatch(value):
        return value
    text = quote(value, safe=_VALUE_CHARACTERS, errors="replace")
    # A signature is made over trimmed text with single spaces, so other spaces are encoded.
    text = re.sub(r"^ +| +$|(?<= ) +", lambda m: "%20" * len(m[0]), text)
    return re.sub(r"%.?$", "", text[:_MAX_METADATA_VALUE])


def read_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name[len(_METADATA) :].lower(): unquote(value)
        for name, value in headers.items()
        if name.lower().startswith(_METADATA)
    }


def content_disposition(name: str) -> str:
    """RFC 6266: an ASCII name for old clients, the real one for the others; "" for no name."""
    if not name:
        return ""
    plain = re.sub(r'[^\x20-\x7e]|["\\%/]', "_", name)
    encoded = quote(name, safe="!#$&+-.^_`|~", errors="replace")
    extended = "" if plain == name else f"; filename*=UTF-8''{encoded}"
    return f'attachment; filename="{plain}"{extended}'


# --- Answers -----------------------------------------------------------------------------------


def receipt_of(headers: Mapping[str, str]) -> PutReceipt:
    name, value = _echoed_checksum(headers)
    return PutReceipt(
        etag=headers.get("etag", "").strip('"'),
        sha256=_full_sha256(headers),
        checksum=f"{name}:{value}" if value else "",
        version_id=_version_id(headers),
        encryption=headers.get("x-amz-server-side-encryption", ""),
    )


def info_of(key: str, headers: Mapping[str, str]) -> ObjectInfo:
    return ObjectInfo(
        key=key,
        size=_whole_number(headers.get("content-length", "")),
        etag=headers.get("etag", "").strip('"'),
        sha256=_full_sha256(headers),
        version_id=_version_id(headers),
        content_type=headers.get("content-type", ""),
        metadata=read_metadata(headers),
        last_modified=_date(headers.get("last-modified", "")),
        storage_class=headers.get("x-amz-storage-class", ""),
    )


def info_of_entry(entry: "ObjectTypeDef") -> ObjectInfo:
    """What a listing tells of one object."""
    return ObjectInfo(
        key=entry["Key"],
        size=entry["Size"],
        etag=entry.get("ETag", "").strip('"'),
        last_modified=entry.get("LastModified"),
        storage_class=entry.get("StorageClass", ""),
    )


def _whole_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else -1


def _echoed_checksum(headers: Mapping[str, str]) -> tuple[str, str]:
    for name in _CHECKSUMS:
        if value := headers.get(f"x-amz-checksum-{name}", ""):
            return name, value
    return "", ""


def _full_sha256(headers: Mapping[str, str]) -> str:
    """The hex of a checksum over the whole object; a composite one (`…-3`) says less."""
    is_composite = headers.get("x-amz-checksum-type", "").upper() == "COMPOSITE"
    return "" if is_composite else hex_of(headers.get("x-amz-checksum-sha256", ""))


def hex_of(text: str) -> str:
    try:
        digest = base64.b64decode(text, validate=True)
    except ValueError:
        return ""
    return digest.hex() if len(digest) == 32 else ""


def _version_id(headers: Mapping[str, str]) -> str:
    return _version_of(headers.get("x-amz-version-id", ""))


def _version_of(text: str) -> str:
    return "" if text == "null" or len(text) > MAX_ID else text


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def clock_offset(headers: Mapping[str, str]) -> float | None:
    """Our clock minus the one of whoever answered, whose Date has whole seconds."""
    theirs = _date(headers.get("date", ""))
    if theirs is None:
        return None
    ours = datetime.now(UTC)
    return (ours - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))).total_seconds()


def part_of_entry(entry: "PartTypeDef") -> PartReceipt:
    """What a listing tells of one part."""
    return PartReceipt(
        number=entry["PartNumber"],
        etag=entry["ETag"].strip('"'),
        sha256=hex_of(entry.get("ChecksumSHA256", "")),
    )


def part_parameters(part: PartReceipt) -> "CompletedPartTypeDef":
    """One part of botocore's CompleteMultipartUpload."""
    found: CompletedPartTypeDef = {"PartNumber": part.number, "ETag": f'"{part.etag}"'}
    if part.sha256:
        found["ChecksumSHA256"] = _to_base64(part.sha256)
    return found


def receipt_of_complete(answer: Mapping[str, Any]) -> PutReceipt:
    """The receipt of a multipart upload; its checksum is one of the parts' checksums."""
    checksum = answer.get("ChecksumSHA256", "")
    return PutReceipt(
        etag=answer.get("ETag", "").strip('"'),
        sha256="" if answer.get("ChecksumType") == "COMPOSITE" else hex_of(checksum),
        checksum=f"sha256:{checksum}" if checksum else "",
        version_id=_version_of(answer.get("VersionId", "")),
    )


def receipt_of_copy(answer: Mapping[str, Any]) -> PutReceipt:
    """The receipt of a copy that the provider made; its checksum is over the whole object."""
    told = answer.get("CopyObjectResult", {})
    checksum = told.get("ChecksumSHA256", "")
    return PutReceipt(
        etag=told.get("ETag", "").strip('"'),
        sha256="" if told.get("ChecksumType") == "COMPOSITE" else hex_of(checksum),
        checksum=f"sha256:{checksum}" if checksum else "",
        version_id=_version_of(answer.get("VersionId", "")),
        encryption=answer.get("ServerSideEncryption", ""),
    )
