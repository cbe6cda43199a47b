"""A bucket in this process's memory, with S3's manners: for tests and for trying things out."""

import base64
import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import BytesIO
from typing import BinaryIO
from urllib.parse import quote, unquote, urlsplit

from storages_app.objectstores.backends import registry
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
    AddressInvalid,
    Archived,
    BucketMissing,
    ChecksumRefused,
    KeyTaken,
    ObjectMissing,
    ObjectStoreError,
    UnknownAccessKey,
    UploadMissing,
    WrongSecret,
)
from storages_app.objectstores.keys import check_key
from storages_app.objectstores.settings import DefaultEncryption, ObjectLock, PublicAccessBlock

MIN_PART_SIZE = 5 * 1024 * 1024  # of every part but the last
_CHUNK = 64 * 1024
_ARCHIVES = {"GLACIER", "DEEP_ARCHIVE"}


@dataclass(frozen=True)
class StoredObject:
    """One object with its bytes."""

    info: ObjectInfo
    body: bytes
    is_public: bool = False


@dataclass
class _Upload:
    key: str
    options: PutOptions
    started_at: datetime
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class MemoryBucket:
    """What all stores of one bucket share. Tests may look into it and change it.

    An operation in `denied` ("GetBucketEncryption") is answered with AccessDenied.
    """

    objects: dict[str, StoredObject] = field(default_factory=dict)
    uploads: dict[str, _Upload] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    thaw_asked: set[str] = field(default_factory=set)
    thawed: set[str] = field(default_factory=set)
    # As Amazon makes a bucket today.
    ownership: str = "BucketOwnerEnforced"
    public_access_block: PublicAccessBlock = field(
        default_factory=lambda: PublicAccessBlock(*(True,) * 4)
    )
    encryption: DefaultEncryption = field(default_factory=lambda: DefaultEncryption("AES256"))
    versioning: bool = False
    object_lock: ObjectLock | None = None
    unfinished_uploads_removed_after: dict[str, int] = field(default_factory=dict)  # by prefix


class MemoryServer:
    """Buckets and who may use them."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.buckets: dict[str, MemoryBucket] = {}
        self.secrets: dict[str, str] = {}  # by access key id

    def new_bucket(self, name: str) -> None:
        self.buckets[name] = MemoryBucket()


_LOCATION = Location("bucket", "us-east-1", "MEMORY", "none needed")


class MemoryStore:
    """An `ObjectStore` that keeps everything in memory.

    Without a server it gets one of its own, which has its bucket and knows its keys.
    """

    def __init__(
        self, location: Location = _LOCATION, *, server: MemoryServer | None = None
    ) -> None:
        self.location = location
        if server is None:
            server = MemoryServer()
            server.secrets[location.access_key_id] = location.secret_access_key
            server.new_bucket(location.bucket)
        self.server = server

    @property
    def settings(self) -> "MemorySettings":
        return MemorySettings(self)

    @property
    def bucket(self) -> MemoryBucket:
        return self.server.buckets[self.location.bucket]

    @property
    def objects(self) -> dict[str, StoredObject]:
        return self.bucket.objects

    @contextmanager
    def opened(self, operation: str, key: str | None = None) -> Iterator[MemoryBucket]:
        """The bucket, locked, for somebody whose credentials are right."""
        self._check_credentials(operation)
        if key is not None:
            check_key(key)
        with self.server.lock:
            bucket = self.server.buckets.get(self.location.bucket)
            if bucket is None:
                raise _refusal(BucketMissing, "NoSuchBucket", 404, operation)
            if operation in bucket.denied:
                raise _refusal(AccessDenied, "AccessDenied", 403, operation)
            yield bucket

    def _check_credentials(self, operation: str) -> None:
        secret = self.server.secrets.get(self.location.access_key_id)
        if secret is None:
            raise _refusal(UnknownAccessKey, "InvalidAccessKeyId", 403, operation)
        if secret != self.location.secret_access_key:
            raise _refusal(WrongSecret, "SignatureDoesNotMatch", 403, operation)

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
        check_key(key)
        content = _read(body, size)
        found_md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _refusal(ChecksumRefused, "XAmzContentSHA256Mismatch", 400, "PutObject")
        if options.checksum == "md5" and md5 and md5 != found_md5:
            raise _refusal(ChecksumRefused, "BadDigest", 400, "PutObject")
        kept_sha256 = sha256 if options.checksum == "sha256" else ""
        info = _info(key, content, found_md5, kept_sha256, options)
        with self.opened("PutObject", key) as bucket:
            _check_condition(
                bucket.objects.get(key),
                "PutObject",
                only_if_absent=options.only_if_absent,
                only_if_etag=options.only_if_etag,
            )
            bucket.objects[key] = StoredObject(info, content, options.is_public)
        echoed = f"sha256:{_base64(kept_sha256)}" if kept_sha256 else ""
        return PutReceipt(
            etag=found_md5, sha256=kept_sha256, checksum=echoed, encryption=options.encryption
        )

    def copy_from(
        self, key: str, *, bucket: str, source_key: str, options: PutOptions
    ) -> PutReceipt:
        source = MemoryStore(replace(self.location, bucket=bucket), server=self.server)
        content = source._object("CopyObject", source_key).body
        return self.put(
            key,
            BytesIO(content),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            options=options,
        )

    def head(self, key: str) -> ObjectInfo:
        return self._object("HeadObject", key).info

    def _object(self, operation: str, key: str) -> StoredObject:
        with self.opened(operation, key) as bucket:
            found = bucket.objects.get(key)
        if found is None:
            raise _refusal(ObjectMissing, "NoSuchKey", 404, operation)
        return found

    @contextmanager
    def get(
        self, key: str, *, first: int = 0, last: int | None = None, version_id: str = ""
    ) -> Iterator[Iterator[bytes]]:
        found = self._object("GetObject", key)
        if found.info.storage_class in _ARCHIVES and key not in self.bucket.thawed:
            raise _refusal(Archived, "InvalidObjectState", 403, "GetObject")
        content = found.body
        if (first or last is not None) and first >= len(content):
            raise _refusal(ObjectStoreError, "InvalidRange", 416, "GetObject")
        wanted = content[first : None if last is None else last + 1]
        yield (wanted[n : n + _CHUNK] for n in range(0, len(wanted), _CHUNK))

    def delete(self, key: str) -> None:
        with self.opened("DeleteObject", key) as bucket:
            bucket.objects.pop(key, None)

    def thaw(self, key: str, *, days: int) -> None:
        """Asked for, and no more: a test decides by `thawed` when the hours have gone by."""
        self._object("RestoreObject", key)
        self.bucket.thaw_asked.add(key)

    def list_objects(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        with self.opened("ListObjectsV2") as bucket:
            found = [
                replace(stored.info, sha256="", metadata={}, content_type="")
                for key, stored in bucket.objects.items()
                if key.startswith(prefix) and _order(key) > _order(start_after)
            ]
        yield from sorted(found, key=lambda info: _order(info.key))

    # --- Multipart -----------------------------------------------------------------------------

    def start_multipart(self, key: str, options: PutOptions) -> str:
        upload_id = secrets.token_hex(16)
        with self.opened("CreateMultipartUpload", key) as bucket:
            bucket.uploads[upload_id] = _Upload(key, options, datetime.now(UTC))
        return upload_id

    def put_part(
        self, key: str, upload_id: str, number: int, body: BinaryIO, *, size: int, checksum: str
    ) -> PartReceipt:
        content = _read(body, size)
        with self.opened("UploadPart", key) as bucket:
            _upload(bucket, "UploadPart", key, upload_id).parts[number] = content
        return _part_receipt(number, content, is_hashed=checksum == "sha256")

    def complete_multipart(
        self,
        key: str,
        upload_id: str,
        parts: list[PartReceipt],
        *,
        only_if_absent: bool,
        only_if_etag: str = "",
    ) -> PutReceipt:
        operation = "CompleteMultipartUpload"
        with self.opened(operation, key) as bucket:
            upload = _upload(bucket, operation, key, upload_id)
            contents = _contents_of(upload, parts)
            _check_condition(
                bucket.objects.get(key),
                operation,
                only_if_absent=only_if_absent,
                only_if_etag=only_if_etag,
            )
            etag = _composite(hashlib.md5, contents).hex() + f"-{len(contents)}"
            info = _info(key, b"".join(contents), etag, "", upload.options)
            bucket.objects[key] = StoredObject(info, b"".join(contents), upload.options.is_public)
            del bucket.uploads[upload_id]
        if upload.options.checksum != "sha256":
            return PutReceipt(etag=etag)
        composite = base64.b64encode(_composite(hashlib.sha256, contents)).decode()
        return PutReceipt(etag=etag, checksum=f"sha256:{composite}-{len(contents)}")

    def abort_multipart(self, key: str, upload_id: str) -> None:
        with self.opened("AbortMultipartUpload", key) as bucket:
            bucket.uploads.pop(upload_id, None)

    def list_parts(self, key: str, upload_id: str) -> list[PartReceipt]:
        with self.opened("ListParts", key) as bucket:
            upload = _upload(bucket, "ListParts", key, upload_id)
            is_hashed = upload.options.checksum == "sha256"
            return [
                _part_receipt(number, content, is_hashed=is_hashed)
                for number, content in sorted(upload.parts.items())
            ]

    def list_multiparts(self, prefix: str = "") -> Iterator[OpenUpload]:
        with self.opened("ListMultipartUploads") as bucket:
            found = [
                OpenUpload(upload.key, upload_id, upload.started_at)
                for upload_id, upload in bucket.uploads.items()
                if upload.key.startswith(prefix)
            ]
        yield from sorted(found, key=lambda upload: (_order(upload.key), upload.started_at))

    # --- Who and where -------------------------------------------------------------------------

    def set_public(self, key: str) -> None:
        with self.server.lock:
            found = self._object("PutObjectAcl", key)
            self.objects[key] = replace(found, is_public=True)

    def get_anonymously(self, key: str) -> bytes:
        check_key(key)
        with self.server.lock:
            bucket = self.server.buckets.get(self.location.bucket)
            found = bucket.objects.get(key) if bucket else None
        if found is None or not found.is_public:
            raise _refusal(AccessDenied, "AccessDenied", 403, "GetObject")
        return found.body

    def presigned_url(self, key: str, *, seconds: int) -> str:
        check_key(key)
        return f"memory://{self.location.bucket}/{quote(key)}?expires={seconds}"

    def fetch_link(self, url: str) -> bytes:
        parts = urlsplit(url)
        if (parts.scheme, parts.netloc) != ("memory", self.location.bucket):
            raise AddressInvalid(operation="GetObject")
        return self._object("GetObject", unquote(parts.path[1:])).body

    def connection(self) -> Connected:
        return Connected("memory", milliseconds=0, clock_offset_s=0)

    def region_of_bucket(self) -> str:
        with self.opened("HeadBucket"):
            return self.location.region

    def whoami(self) -> str:
        self._check_credentials("GetCallerIdentity")
        return self.location.access_key_id

    def close(self) -> None:
        """There are no connections."""


class MemorySettings:
    """The `BucketSettings` of a bucket in memory."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def ownership(self) -> str:
        with self._store.opened("GetBucketOwnershipControls") as bucket:
            return bucket.ownership

    def public_access_block(self) -> PublicAccessBlock:
        with self._store.opened("GetPublicAccessBlock") as bucket:
            return bucket.public_access_block

    def encryption(self) -> DefaultEncryption:
        with self._store.opened("GetBucketEncryption") as bucket:
            return bucket.encryption

    def versioning(self) -> bool:
        with self._store.opened("GetBucketVersioning") as bucket:
            return bucket.versioning

    def object_lock(self) -> ObjectLock | None:
        with self._store.opened("GetObjectLockConfiguration") as bucket:
            return bucket.object_lock

    def unfinished_uploads_removed_after(self, prefix: str = "") -> int | None:
        with self._store.opened("GetBucketLifecycleConfiguration") as bucket:
            rules = bucket.unfinished_uploads_removed_after.items()
            return min((days for start, days in rules if prefix.startswith(start)), default=None)

    def location(self) -> str:
        with self._store.opened("GetBucketLocation"):
            return self._store.location.region


def _part_receipt(number: int, content: bytes, *, is_hashed: bool) -> PartReceipt:
    return PartReceipt(
        number=number,
        etag=hashlib.md5(content, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(content).hexdigest() if is_hashed else "",
    )


def _refusal(
    kind: type[ObjectStoreError], code: str, status: int, operation: str
) -> ObjectStoreError:
    return kind(
        provider_code=code,
        http_status=status,
        operation=operation,
        request_id=secrets.token_hex(8).upper(),
    )


def _order(key: str) -> bytes:
    """S3 sorts keys by their bytes."""
    return key.encode()


def _read(body: BinaryIO, size: int) -> bytes:
    content = body.read(size)
    if len(content) != size:
        raise ObjectStoreError(f"The source ended after {len(content)} of {size} bytes.")
    return content


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def _info(key: str, content: bytes, etag: str, sha256: str, options: PutOptions) -> ObjectInfo:
    return ObjectInfo(
        key=key,
        size=len(content),
        etag=etag,
        sha256=sha256,
        content_type=options.content_type,
        metadata=dict(options.metadata),
        last_modified=datetime.now(UTC),
        storage_class="" if options.storage_class == "STANDARD" else options.storage_class,
    )


def _check_condition(
    there: StoredObject | None, operation: str, *, only_if_absent: bool, only_if_etag: str
) -> None:
    if only_if_etag and there is None:
        raise _refusal(ObjectMissing, "NoSuchKey", 404, operation)
    is_another = bool(only_if_etag and there and there.info.etag != only_if_etag)
    if is_another or (only_if_absent and there):
        raise _refusal(KeyTaken, "PreconditionFailed", 412, operation)


def _upload(bucket: MemoryBucket, operation: str, key: str, upload_id: str) -> _Upload:
    found = bucket.uploads.get(upload_id)
    if found is None or found.key != key:
        raise _refusal(UploadMissing, "NoSuchUpload", 404, operation)
    return found


def _contents_of(upload: _Upload, parts: list[PartReceipt]) -> list[bytes]:
    """The parts that were named, in their order, if they are the ones that are there."""
    contents = []
    for part in sorted(parts, key=lambda part: part.number):
        content = upload.parts.get(part.number)
        if content is None or hashlib.md5(content, usedforsecurity=False).hexdigest() != part.etag:
            raise _refusal(UploadMissing, "InvalidPart", 400, "CompleteMultipartUpload")
        contents.append(content)
    if not contents or any(len(content) < MIN_PART_SIZE for content in contents[:-1]):
        raise _refusal(ObjectStoreError, "EntityTooSmall", 400, "CompleteMultipartUpload")
    return contents


def _composite(algorithm: "Callable[[bytes], hashlib._Hash]", contents: list[bytes]) -> bytes:
    """The hash of the parts' hashes."""
    return algorithm(b"".join(algorithm(content).digest() for content in contents)).digest()


# --- One server for the process, reached like any other bucket ---------------------------------

_server = MemoryServer()


def open_store(location: Location) -> MemoryStore:
    """A store of this process's own server; the bucket and the keys are made at the first use."""
    with _server.lock:
        _server.secrets.setdefault(location.access_key_id, location.secret_access_key)
        if location.bucket not in _server.buckets:
            _server.new_bucket(location.bucket)
    return MemoryStore(location, server=_server)


registry.add("memory", open_store)
