"""One bucket that speaks S3."""

import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import Any, BinaryIO
from urllib.parse import quote, unquote_plus

from storages_app.lib.outbound import Policy, current_policy
from storages_app.lib.wire import Response, Wire
from storages_app.objectstores.backends.s3 import headers as h
from storages_app.objectstores.backends.s3.address import BucketAddress
from storages_app.objectstores.backends.s3.settings import S3Settings
from storages_app.objectstores.backends.s3.translation import control_call, translated
from storages_app.objectstores.backends.s3.transport import (
    Answer,
    Exactly,
    Transport,
    forget_locks,
    source_ended,
)
from storages_app.objectstores.base import (
    Connected,
    Location,
    ObjectInfo,
    OpenUpload,
    PartReceipt,
    PutOptions,
    PutReceipt,
)
from storages_app.objectstores.errors import (
    AccessDenied,
    AccountClosed,
    BucketMissing,
    ConnectionFailed,
    NotSupported,
    ObjectMissing,
    ObjectStoreError,
    RegionRedirect,
    ServerError,
    UploadMissing,
)
from storages_app.objectstores.keys import check_key

_CHUNK = 256 * 1024
_IN_MEMORY = 1024 * 1024  # a smaller body is sent in one piece with its headers
_WEEK = 7 * 24 * 3600
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_ARN = re.compile(r"<Arn>([\x21-\x7e]{1,2048})</Arn>")


class S3Store:
    """An `ObjectStore` over S3's wire; safe to share between threads."""

    page_size = 1000  # keys of a listing's page

    def __init__(
        self,
        location: Location,
        *,
        policy: Policy | None = None,
        wire: Wire | None = None,
    ) -> None:
        self._location = location
        self._address = BucketAddress(location)
        self._transport = Transport(
            location, self._address, wire or Wire(policy or current_policy())
        )
        # What every control call names.
        self._bucket: dict[str, Any] = {"Bucket": location.bucket}
        if location.account_id:
            self._bucket["ExpectedBucketOwner"] = location.account_id

        self.settings = S3Settings(self._transport, self._address, self._bucket)

    def __repr__(self) -> str:
        return f"<S3Store {self._address.origin} {self._location.bucket}>"

    # --- Objects -------------------------------------------------------------------------------

    def put(
        self,
        key: str,
        body: BinaryIO,
        *,
        size: int,
        sha256: str,
        md5: str = "",
        options: PutOptions,
    ) -> PutReceipt:
        """Write one object; its SHA-256 is signed, so a provider that checks it refuses others."""
        if options.checksum == "md5" and not md5:
            _, md5 = _digests(body, size, with_md5=True)
        answer = self._transport.exchange(
            "PutObject",
            "PUT",
            self._address.of_object(key),
            headers={
                **h.put_headers(options),
                **h.checksum_headers(options.checksum, sha256=sha256, md5=md5),
                "content-length": str(size),
            },
            body=_sendable(body, size),
            payload_sha256=sha256,
        )
        return h.receipt_of(answer.headers)

    def copy_from(
        self, key: str, *, bucket: str, source_key: str, options: PutOptions
    ) -> PutReceipt:
        check_key(key)
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if options.only_if_absent else {}
        with control_call("CopyObject"):
            answer = self._transport.client.copy_object(
                **self._bucket,
                Key=key,
                CopySource={"Bucket": bucket, "Key": source_key},
                MetadataDirective="REPLACE",
                **h.multipart_parameters(options),
                **condition,
            )
        return h.receipt_of_copy(answer)

    def head(self, key: str) -> ObjectInfo:
        answer = self._transport.exchange(
            "HeadObject",
            "HEAD",
            self._address.of_object(key),
            headers={"x-amz-checksum-mode": "ENABLED"},
        )
        info = h.info_of(key, answer.headers)
        if info.size < 0:
            raise ServerError("The answer tells no size.", operation="HeadObject")
        return info

    @contextmanager
    def get(
        self, key: str, *, first: int = 0, last: int | None = None, version_id: str = ""
    ) -> Iterator[Iterator[bytes]]:
        query = f"versionId={quote(version_id, safe='')}" if version_id else ""
        headers = {"accept-encoding": "identity"}
        is_part = first > 0 or last is not None
        if is_part:
            headers["range"] = f"bytes={first}-{'' if last is None else last}"
        address = self._address.of_object(key, query)
        with self._transport.opened("GetObject", address, headers) as response:
            if is_part:
                _check_range(response, first, last)
            yield _chunks(response)

    def delete(self, key: str) -> None:
        with suppress(ObjectMissing):
            self._transport.exchange("DeleteObject", "DELETE", self._address.of_object(key))

    def thaw(self, key: str, *, days: int) -> None:
        check_key(key)
        try:
            with control_call("RestoreObject"):
                self._transport.client.restore_object(
                    **self._bucket,
                    Key=key,
                    RestoreRequest={"Days": days, "GlacierJobParameters": {"Tier": "Standard"}},
                )
        except ObjectStoreError as error:
            # The second is what S3 says of an object that is in no archive class.
            if error.provider_code not in {"RestoreAlreadyInProgress", "InvalidObjectState"}:
                raise

    def list_objects(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        # botocore asks for percent-encoded keys and decodes them: XML cannot carry all of them.
        position: dict[str, Any] = {"StartAfter": start_after} if start_after else {}
        while True:
            with control_call("ListObjectsV2"):
                page = self._transport.client.list_objects_v2(
                    **self._bucket, Prefix=prefix, MaxKeys=self.page_size, **position
                )
                infos = [h.info_of_entry(entry) for entry in page.get("Contents", [])]
            yield from infos
            if not page.get("IsTruncated"):
                return
            token = page.get("NextContinuationToken", "")
            position = _next(position, {"ContinuationToken": token} if token else {})

    # --- Multipart -----------------------------------------------------------------------------

    def start_multipart(self, key: str, options: PutOptions) -> str:
        check_key(key)
        with control_call("CreateMultipartUpload"):
            upload_id = self._transport.client.create_multipart_upload(
                **self._bucket, Key=key, **h.multipart_parameters(options)
            )["UploadId"]
            if not 0 < len(upload_id) <= h.MAX_ID:
                raise ValueError
            return upload_id

    def put_part(
        self, key: str, upload_id: str, number: int, body: BinaryIO, *, size: int, checksum: str
    ) -> PartReceipt:
        sha256, md5 = _digests(body, size, with_md5=checksum == "md5")
        answer = self._transport.exchange(
            "UploadPart",
            "PUT",
            self._address.of_object(
                key, f"partNumber={number}&uploadId={quote(upload_id, safe='')}"
            ),
            headers={
                **h.checksum_headers(checksum, sha256=sha256, md5=md5),
                "content-length": str(size),
            },
            body=_sendable(body, size),
            payload_sha256=sha256,
        )
        return PartReceipt(
            number=number,
            etag=h.receipt_of(answer.headers).etag,
            sha256=sha256 if checksum == "sha256" else "",
        )

    def complete_multipart(
        self,
        key: str,
        upload_id: str,
        parts: list[PartReceipt],
        *,
        only_if_absent: bool,
        only_if_etag: str = "",
    ) -> PutReceipt:
        check_key(key)
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if only_if_absent else {}
        if only_if_etag:
            condition["IfMatch"] = f'"{only_if_etag}"'
        with control_call("CompleteMultipartUpload"):
            answer = self._transport.client.complete_multipart_upload(
                **self._bucket,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": [h.part_parameters(part) for part in parts]},
                **condition,
            )
        return h.receipt_of_complete(answer)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        check_key(key)
        with suppress(UploadMissing), control_call("AbortMultipartUpload"):
            self._transport.client.abort_multipart_upload(
                **self._bucket, Key=key, UploadId=upload_id
            )

    def list_parts(self, key: str, upload_id: str) -> list[PartReceipt]:
        check_key(key)
        parts: list[PartReceipt] = []
        position: dict[str, Any] = {}
        while True:
            with control_call("ListParts"):
                page = self._transport.client.list_parts(
                    **self._bucket,
                    Key=key,
                    UploadId=upload_id,
                    MaxParts=self.page_size,
                    **position,
                )
                parts += [h.part_of_entry(entry) for entry in page.get("Parts", [])]
            if not page.get("IsTruncated"):
                return parts
            marker = page.get("NextPartNumberMarker", 0)
            position = _next(position, {"PartNumberMarker": marker} if marker else {})

    def list_multiparts(self, prefix: str = "") -> Iterator[OpenUpload]:
        position: dict[str, Any] = {}
        while True:
            with control_call("ListMultipartUploads"):
                try:
                    page = self._transport.client.list_multipart_uploads(
                        **self._bucket,
                        Prefix=prefix,
                        MaxUploads=self.page_size,
                        EncodingType="url",
                        **position,
                    )
                except UploadMissing:  # how rclone serve s3 says that there are none
                    return
                # For this call botocore leaves decoding to us; S3 writes a space as +.
                decode = unquote_plus if page.get("EncodingType") == "url" else str
                uploads = [
                    OpenUpload(decode(upload["Key"]), upload["UploadId"], upload["Initiated"])
                    for upload in page.get("Uploads", [])
                ]
            yield from uploads
            if not page.get("IsTruncated"):
                return
            markers = {
                "KeyMarker": decode(page.get("NextKeyMarker", "")),
                "UploadIdMarker": page.get("NextUploadIdMarker", ""),
            }
            position = _next(position, {name: text for name, text in markers.items() if text})

    # --- Who and where -------------------------------------------------------------------------

    def set_public(self, key: str) -> None:
        check_key(key)
        with control_call("PutObjectAcl"):
            self._transport.client.put_object_acl(**self._bucket, Key=key, ACL="public-read")

    def get_anonymously(self, key: str) -> bytes:
        address = self._address.of_object(key)
        return self._transport.exchange_unsigned("GetObject", "GET", address).body

    def presigned_url(self, key: str, *, seconds: int) -> str:
        """Seven days is the longest that a signature can last."""
        if not 0 < seconds <= _WEEK:
            raise ValueError(f"a link lasts 1 to {_WEEK} seconds, not {seconds}")
        return self._transport.presigned(self._address.of_object(key), seconds=seconds)

    def fetch_link(self, url: str) -> bytes:
        address = self._address.of_prepared(url)
        return self._transport.exchange_unsigned("GetObject", "GET", address).body

    def connection(self) -> Connected:
        address = self._address.of_bucket()
        started = perf_counter()
        headers, tls_version = self._transport.connect(address)
        return Connected(
            host=address.host,
            milliseconds=(perf_counter() - started) * 1000,
            tls_version=tls_version,
            clock_offset_s=h.clock_offset(headers),
        )

    def region_of_bucket(self) -> str:
        """As the answer to HeadBucket says, which tells even who may not list; else by asking."""
        try:
            answer = self._transport.exchange("HeadBucket", "HEAD", self._address.of_bucket())
        except RegionRedirect as error:
            return error.region
        except ObjectMissing as error:
            raise BucketMissing(http_status=404, operation="HeadBucket") from error
        except AccessDenied:
            return ""
        try:
            return answer.headers.get("x-amz-bucket-region", "") or self.settings.location()
        except (AccessDenied, NotSupported):
            return ""

    def whoami(self) -> str:
        if sts := self._address.sts():
            return _arn(self._transport.ask_sts(sts)) or self._location.access_key_id
        try:
            self._transport.exchange(
                "ListObjectsV2", "GET", self._address.of_bucket("list-type=2&max-keys=0")
            )
        except ObjectStoreError as error:
            if not _knows_us(error):
                raise
        return self._location.access_key_id

    def close(self) -> None:
        self._transport.close()


def _arn(answer: Answer) -> str:
    match = _ARN.search(answer.body.decode("utf-8", errors="replace"))
    return match[1] if match else ""


def _knows_us(error: ObjectStoreError) -> bool:
    """Whether a refusal came after the signature was found good: it is about the bucket."""
    about_the_bucket = (AccountClosed, BucketMissing, NotSupported)
    return type(error) is AccessDenied or isinstance(error, about_the_bucket)


def _next(position: Mapping[str, Any], following: dict[str, Any]) -> dict[str, Any]:
    """Where the next page begins; a server that does not move on would be asked for ever."""
    if not following or following == position:
        raise ServerError("The listing does not move on.")
    return following


def _digests(body: BinaryIO, size: int, *, with_md5: bool) -> tuple[str, str]:
    """SHA-256 and MD5 of the next `size` bytes; the body stands where it stood."""
    start = body.tell()
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    left = size
    while left:
        chunk = body.read(min(_CHUNK, left))
        if not chunk:
            raise source_ended(size - left, size)
        sha256.update(chunk)
        if with_md5:
            md5.update(chunk)
        left -= len(chunk)
    body.seek(start)
    return sha256.hexdigest(), md5.hexdigest()


def _sendable(body: BinaryIO, size: int) -> bytes | Exactly:
    whole = Exactly(body, size)
    if size > _IN_MEMORY:
        return whole
    return b"".join(iter(whole.read, b""))


def _check_range(response: Response, first: int, last: int | None) -> None:
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if not match:  # some answer 200 with a right Content-Range (rclone serve s3)
        raise ServerError("The range was ignored.", operation="GetObject")
    start, end, total = int(match[1]), int(match[2]), match[3]
    wanted_end = None if total == "*" else int(total) - 1
    if last is not None and (wanted_end is None or last < wanted_end):
        wanted_end = last
    if start != first or (wanted_end is not None and end != wanted_end):
        raise ServerError("Another range was sent.", operation="GetObject")


def _chunks(response: Response) -> Iterator[bytes]:
    """The body to its announced end; without an announcement its framing is all there is."""
    length = response.headers.get("content-length", "")
    expected = int(length) if length.isascii() and length.isdigit() else None
    received = 0
    while True:
        with translated("GetObject"):
            chunk = response.read(_CHUNK)
        if not chunk:
            break
        received += len(chunk)
        yield chunk
    if expected is not None and received != expected:
        raise ConnectionFailed(f"{received} of {expected} bytes arrived.", operation="GetObject")


# --- One store per location and process --------------------------------------------------------

_MAX_STORES = 64
_stores: OrderedDict[tuple[Location, Policy], S3Store] = OrderedDict()
_stores_lock = threading.Lock()


def open_store(location: Location) -> S3Store:
    """The store of this location, shared by all threads: connections and client are kept.

    One that falls out of the cache is not closed, since a thread may be using it.
    """
    identity = (location, current_policy())
    with _stores_lock:
        store = _stores.pop(identity, None) or S3Store(location)
        _stores[identity] = store
        if len(_stores) > _MAX_STORES:
            _stores.popitem(last=False)
        return store


# A person waits for a test, and its thirty seconds have to do for all of its checks.
_PROBE_CONNECT_S = 5
_PROBE_READ_S = 10


def probe_store(location: Location) -> S3Store:
    """A store for one connection test: gives up early, keeps nothing, closed by its caller."""
    wire = Wire(current_policy(), connect_timeout=_PROBE_CONNECT_S, read_timeout=_PROBE_READ_S)
    return S3Store(location, wire=wire)


def _forget_stores() -> None:
    """A forked child must not share its parent's sockets, nor a lock that a thread held."""
    global _stores_lock  # noqa: PLW0603
    _stores_lock = threading.Lock()
    forget_locks()
    _stores.clear()


os.register_at_fork(after_in_child=_forget_stores)
