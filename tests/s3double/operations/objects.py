"""Reading and removing objects."""

import re
from collections.abc import Callable, Iterator

from tests.s3double import xml
from tests.s3double.buckets import Object
from tests.s3double.content import Content
from tests.s3double.errors import NotModified, S3Error
from tests.s3double.exchange import Answer, Exchange, handles, http_date
from tests.s3double.operations.writing import checksum_headers, encryption_headers

_ARCHIVED = {"GLACIER", "DEEP_ARCHIVE"}
_OVERRIDES = {
    "response-content-type": "content-type",
    "response-content-disposition": "content-disposition",
    "response-content-encoding": "content-encoding",
    "response-content-language": "content-language",
    "response-cache-control": "cache-control",
    "response-expires": "expires",
}


@handles("GetObject")
def get_object(exchange: Exchange) -> Answer:
    found = _readable(exchange)
    exchange.require_kms(found, "kms:Decrypt")
    if found.storage_class in _ARCHIVED and found.thaw != "done":
        raise S3Error("InvalidObjectState", StorageClass=found.storage_class)
    headers = _headers(exchange, found)
    for name, header in _OVERRIDES.items():
        if name in exchange.request.query:
            if exchange.principal.is_anonymous:
                raise S3Error(
                    "InvalidRequest",
                    "Request specific response headers cannot be used for anonymous GET requests.",
                )
            headers[header] = exchange.request.query[name]
    asked = _range(exchange.header("range"), found.size)
    if asked is None:
        headers |= _checksum_told(exchange, found)
        return Answer(200, headers, chunks=_bytes(exchange, found.content), length=found.size)
    first, last = asked
    headers["content-range"] = f"bytes {first}-{last}/{found.size}"
    chunks = _bytes(exchange, found.content, first, last)
    return Answer(206, headers, chunks=chunks, length=last - first + 1)


@handles("RestoreObject")
def restore_object(exchange: Exchange) -> Answer:
    """202 when it was asked for; 200 while the thawed copy is there."""
    found = exchange.bucket.current(exchange.key)
    exchange.allow_on_key("s3:RestoreObject", found)
    if found is None:
        raise S3Error("NoSuchKey", Key=exchange.request.key)
    if found.storage_class not in _ARCHIVED:
        raise S3Error("InvalidObjectState", StorageClass=found.storage_class)
    if found.thaw == "asked":
        raise S3Error("RestoreAlreadyInProgress")
    if found.thaw == "done":
        return Answer(200)
    found.thaw = "asked"
    return Answer(202)


@handles("HeadObject")
def head_object(exchange: Exchange) -> Answer:
    found = _readable(exchange)
    told = _checksum_told(exchange, found)
    if told:
        exchange.require_kms(found, "kms:Decrypt")
    return Answer(200, _headers(exchange, found) | told, length=found.size)


def _readable(exchange: Exchange) -> Object:
    """The version asked for, if it may be read; who may not list learns nothing of what is not."""
    bucket, version_id = exchange.bucket, exchange.request.query.get("versionId", "")
    action = "s3:GetObjectVersion" if version_id else "s3:GetObject"
    found = bucket.version(exchange.key, version_id) if version_id else bucket.current(exchange.key)
    exchange.allow_on_key(action, found)
    if found is None:
        exchange.allow("s3:ListBucket")
        if version_id:
            raise S3Error("NoSuchVersion", Key=exchange.request.key, VersionId=version_id)
        raise S3Error("NoSuchKey", Key=exchange.request.key)
    if found.is_delete_marker:
        raise S3Error("MethodNotAllowed", headers={"x-amz-delete-marker": "true"})
    _check_conditions(exchange, found)
    return found


def _check_conditions(exchange: Exchange, found: Object) -> None:
    only_if, unless = exchange.header("if-match"), exchange.header("if-none-match")
    if only_if and only_if not in {"*", f'"{found.etag}"', found.etag}:
        raise S3Error("PreconditionFailed", Condition="If-Match")
    if unless and unless in {"*", f'"{found.etag}"', found.etag}:
        raise NotModified


def _headers(exchange: Exchange, found: Object) -> dict[str, str]:
    headers = {
        **found.headers,
        **encryption_headers(found),
        "etag": f'"{found.etag}"',
        "last-modified": http_date(found.modified_at),
        "accept-ranges": "bytes",
    }
    if exchange.bucket.versioning_status:
        headers["x-amz-version-id"] = found.version_id
    if found.storage_class != "STANDARD":
        headers["x-amz-storage-class"] = found.storage_class
    if found.locked_until:
        headers["x-amz-object-lock-mode"] = found.lock_mode
        headers["x-amz-object-lock-retain-until-date"] = f"{found.locked_until:%Y-%m-%dT%H:%M:%SZ}"
    return headers


def _checksum_told(exchange: Exchange, found: Object) -> dict[str, str]:
    is_asked = exchange.header("x-amz-checksum-mode").upper() == "ENABLED"
    return checksum_headers(found) if is_asked and not exchange.quirks.no_checksums_told else {}


def _range(text: str, size: int) -> tuple[int, int] | None:
    """First and last byte; None for the whole, as for a range that is none."""
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", text)
    if not asked or asked.groups() == ("", ""):
        return None
    first_text, last_text = asked.groups()
    if not first_text:
        first, last = max(size - int(last_text), 0), size - 1
    else:
        first = int(first_text)
        last = min(int(last_text), size - 1) if last_text else size - 1
    if first >= size or (last_text and first_text and int(last_text) < first):
        raise S3Error("InvalidRange", RangeRequested=text, ActualObjectSize=size)
    return first, last


def _bytes(
    exchange: Exchange, content: Content, first: int = 0, last: int | None = None
) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        is_damaged = exchange.quirks.corrupts_reads
        for chunk in content.chunks(first, last):
            yield bytes([chunk[0] ^ 1]) + chunk[1:] if is_damaged else chunk
            is_damaged = False

    return chunks


# --- Removing ----------------------------------------------------------------------------------


@handles("DeleteObject")
def delete_object(exchange: Exchange) -> Answer:
    version_id = exchange.request.query.get("versionId", "")
    marker = _delete(exchange, exchange.request.key, version_id)
    return Answer(204, marker)


@handles("DeleteObjects")
def delete_objects(exchange: Exchange) -> Answer:
    node = xml.parse(exchange.request.body.read(), "Delete")
    deleted, errors = [], []
    for one in node.all("Object"):
        key, version_id = one.text("Key"), one.text("VersionId")
        try:
            _delete(exchange, key, version_id)
            deleted.append({"Key": key, "VersionId": version_id or None})
        except S3Error as error:
            errors.append({"Key": key, "Code": error.code, "Message": error.message})
    told = [] if node.text("Quiet") == "true" else deleted
    return Answer.of_xml("DeleteResult", {"Deleted": told, "Error": errors})


def _delete(exchange: Exchange, key: str, version_id: str) -> dict[str, str]:
    """What S3 tells of it in headers."""
    bucket = exchange.bucket
    action = "s3:DeleteObjectVersion" if version_id else "s3:DeleteObject"
    if exchange.quirks.no_delete:
        raise S3Error("AccessDenied")
    exchange.allow(action, key=key)
    if version_id:
        return _delete_version(exchange, key, version_id)
    if bucket.current(key):
        bucket.deletions[key] = bucket.tick()
    if bucket.versioning_status:
        marker = Object(key, Content(), "", bucket.account, exchange.now, is_delete_marker=True)
        bucket.add(marker, exchange.double.new_id)
        return {"x-amz-delete-marker": "true", "x-amz-version-id": marker.version_id}
    bucket.versions.pop(key, None)
    return {}


def _delete_version(exchange: Exchange, key: str, version_id: str) -> dict[str, str]:
    found = exchange.bucket.version(key, version_id)
    told = {"x-amz-version-id": version_id}
    if found is None:
        return told
    if found.locked_until and found.locked_until > exchange.now:
        raise S3Error("AccessDenied", "Access Denied because object protected by object lock.")
    exchange.bucket.drop(found)
    exchange.bucket.deletions[key] = exchange.bucket.tick()
    return told | ({"x-amz-delete-marker": "true"} if found.is_delete_marker else {})
