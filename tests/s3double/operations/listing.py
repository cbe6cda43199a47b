"""What is in a bucket, page by page."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.s3double.buckets import Object
from tests.s3double.errors import S3Error
from tests.s3double.exchange import Answer, Exchange, handles, iso


@dataclass
class _Page:
    names: list[str]
    prefixes: list[str]
    is_cut: bool
    last: str  # where the next page goes on


def _limit(exchange: Exchange, name: str = "max-keys") -> int:
    text = exchange.request.query.get(name, "1000")
    if not text.isdecimal():
        raise S3Error("InvalidArgument", f"Provided {name} not an integer or within integer range")
    return min(int(text), 1000)


def _encoder(exchange: Exchange) -> Callable[[str], str]:
    """XML cannot carry each character that a key can, so clients ask for URL encoding."""
    kind = exchange.request.query.get("encoding-type", "")
    if kind not in {"", "url"}:
        raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request")
    if not kind:
        return str
    return lambda text: quote(text, safe="/*-._ ").replace(" ", "+")


def _page(exchange: Exchange, names: list[str], after: str) -> _Page:
    """`names` in their order, those of one prefix up to the delimiter rolled into one."""
    query = exchange.request.query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    page, limit = _Page([], [], False, ""), _limit(exchange)
    for name in names:
        if not name.startswith(prefix) or name.encode() <= after.encode():
            continue
        head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        rolled = prefix + head + found if found else ""
        if rolled and (rolled in page.prefixes or (after == rolled or after.startswith(rolled))):
            continue
        if len(page.names) + len(page.prefixes) == limit:
            page.is_cut = limit > 0
            break
        (page.prefixes if rolled else page.names).append(rolled or name)
        page.last = rolled or name
    return page


def _entry(found: Object, encoded: Callable[[str], str]) -> dict[str, Any]:
    checksum = found.checksum
    return {
        "Key": encoded(found.key),
        "LastModified": iso(found.modified_at),
        "ETag": f'"{found.etag}"',
        "ChecksumAlgorithm": checksum[0].upper() if checksum else None,
        "ChecksumType": found.checksum_type if checksum else None,
        "Size": found.size,
        "StorageClass": found.storage_class,
    }


def _common(exchange: Exchange, page: _Page, encoded: Callable[[str], str]) -> dict[str, Any]:
    query = exchange.request.query
    return {
        "Name": exchange.bucket.name,
        "Prefix": encoded(query.get("prefix", "")),
        "Delimiter": encoded(query["delimiter"]) if query.get("delimiter") else None,
        "MaxKeys": _limit(exchange),
        "EncodingType": query.get("encoding-type"),
        "IsTruncated": page.is_cut,
        "Contents": [_entry(exchange.bucket.objects[name], encoded) for name in page.names],
        "CommonPrefixes": [{"Prefix": encoded(one)} for one in page.prefixes],
    }


@handles("ListObjectsV2")
def list_objects_v2(exchange: Exchange) -> Answer:
    exchange.allow("s3:ListBucket")
    query, encoded = exchange.request.query, _encoder(exchange)
    token = query.get("continuation-token")
    after = query.get("start-after", "") if token is None else _decoded(token)
    page = _page(exchange, list(exchange.bucket.objects), after)
    return Answer.of_xml(
        "ListBucketResult",
        {
            **_common(exchange, page, encoded),
            "StartAfter": encoded(query["start-after"]) if query.get("start-after") else None,
            "ContinuationToken": token,
            "NextContinuationToken": _encoded(page.last) if page.is_cut else None,
            "KeyCount": len(page.names) + len(page.prefixes),
        },
    )


def _encoded(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, ValueError) as error:
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect") from error


@handles("ListObjects")
def list_objects(exchange: Exchange) -> Answer:
    exchange.allow("s3:ListBucket")
    marker, encoded = exchange.request.query.get("marker", ""), _encoder(exchange)
    page = _page(exchange, list(exchange.bucket.objects), marker)
    is_told = page.is_cut and "delimiter" in exchange.request.query
    return Answer.of_xml(
        "ListBucketResult",
        {
            **_common(exchange, page, encoded),
            "Marker": encoded(marker),
            "NextMarker": encoded(page.last) if is_told else None,
        },
    )


@handles("ListObjectVersions")
def list_object_versions(exchange: Exchange) -> Answer:
    exchange.allow("s3:ListBucketVersions")
    query, encoded, bucket = exchange.request.query, _encoder(exchange), exchange.bucket
    names = sorted(bucket.versions, key=str.encode)
    page = _page(exchange, names, query.get("key-marker", ""))
    versions, markers = [], []
    for name in page.names:
        for number, one in enumerate(reversed(bucket.versions[name])):
            told = {"VersionId": one.version_id, "IsLatest": number == 0}
            if one.is_delete_marker:
                named = {"Key": encoded(name), "LastModified": iso(one.modified_at)}
                markers.append(named | told)
            else:
                versions.append(_entry(one, encoded) | told)
    return Answer.of_xml(
        "ListVersionsResult",
        {
            **_common(exchange, page, encoded),
            "Contents": None,
            "KeyMarker": encoded(query.get("key-marker", "")),
            "NextKeyMarker": encoded(page.last) if page.is_cut else None,
            "Version": versions,
            "DeleteMarker": markers,
        },
    )
