"""The one interface to a bucket; everything that copies, tests or restores speaks it.

An implementation is safe to share between threads, keeps connections open, never retries by
itself (the ledger waits better) and raises only `ObjectStoreError`s. Sizes are bytes, times are
aware datetimes, `sha256` and `md5` are lower-case hex.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol

from storages_app.objectstores.settings import BucketSettings


@dataclass(frozen=True)
class Location:
    """Where a bucket is and how to get in. `repr` shows no secret."""

    bucket: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    endpoint_url: str = ""  # empty: Amazon's own for the region
    path_style: bool = False
    account_id: str = ""  # sent as ExpectedBucketOwner where given
    session_token: str = field(default="", repr=False)  # of temporary credentials
    # Where to ask whose credentials these are; "{region}" is filled in. Empty: Amazon's own
    # service for Amazon's hosts, nobody for others.
    sts_url: str = ""


@dataclass(frozen=True)
class PutOptions:
    """How an object is to be written."""

    content_type: str = "application/octet-stream"
    metadata: dict[str, str] = field(default_factory=dict)
    only_if_absent: bool = False  # If-None-Match: *; KeyTaken where an object is there
    only_if_etag: str = ""  # If-Match; KeyTaken where another is there, ObjectMissing if none is
    is_public: bool = False  # send the ACL public-read; False sends no ACL at all
    storage_class: str = ""
    encryption: str = ""  # "", "AES256" or "aws:kms"
    kms_key_id: str = ""
    checksum: str = "sha256"  # "sha256", "md5" or "none": what the provider is asked to verify
    download_name: str = ""  # Content-Disposition filename, if any


@dataclass(frozen=True)
class ObjectInfo:
    """What the bucket says of one object."""

    key: str
    size: int
    etag: str = ""  # without quotes
    sha256: str = ""  # only where the provider keeps a full-object SHA-256 checksum
    version_id: str = ""
    content_type: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    last_modified: datetime | None = None
    storage_class: str = ""  # as the provider names it; S3 leaves STANDARD out


@dataclass(frozen=True)
class PutReceipt:
    """What the bucket answered to a finished write."""

    etag: str  # without quotes
    sha256: str = ""  # hex, as the provider echoed it; "" if it echoed none
    checksum: str = ""  # any checksum it echoed, as `name:value` (a composite one, for instance)
    version_id: str = ""
    encryption: str = ""  # what it says it encrypted with: "AES256", "aws:kms" or its own word


@dataclass(frozen=True)
class PartReceipt:
    """One finished part of a multipart upload."""

    number: int  # from 1
    etag: str
    sha256: str = ""  # hex of this part, as sent


@dataclass(frozen=True)
class OpenUpload:
    """A multipart upload that was neither completed nor aborted."""

    key: str
    upload_id: str
    started_at: datetime


@dataclass(frozen=True)
class Connected:
    """What answered at the bucket's address."""

    host: str
    milliseconds: float  # from the look-up of the name to the answer's headers
    tls_version: str = ""  # "TLSv1.3"; "" over plain http
    clock_offset_s: float | None = None  # ours minus theirs; None where it told no time


class ObjectStore(Protocol):
    """One bucket."""

    @property
    def settings(self) -> BucketSettings:
        """Readers of what the bucket is set to."""
        ...

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
        """Write one object from a seekable body in one request."""
        ...

    def copy_from(
        self, key: str, *, bucket: str, source_key: str, options: PutOptions
    ) -> PutReceipt:
        """Have the provider copy an object of up to 5 GB that these credentials may read.

        No byte comes through us. The provider computes the checksum that `options` names, so that
        the receipt tells what it has written; it may take minutes.
        """
        ...

    def head(self, key: str) -> ObjectInfo:
        """What is under the key, with its checksum where the provider tells; or ObjectMissing."""
        ...

    def get(
        self, key: str, *, first: int = 0, last: int | None = None, version_id: str = ""
    ) -> AbstractContextManager[Iterator[bytes]]:
        """The bytes `first` to `last` (inclusive), in chunks; a short answer raises."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; none there is no error."""
        ...

    def thaw(self, key: str, *, days: int) -> None:
        """Ask for an archived object to be readable for so many days, which takes hours.

        One that was asked for before, or needs no thaw, is no error.
        """
        ...

    def list_objects(self, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """All objects under a prefix in key order, page by page."""
        ...

    def start_multipart(self, key: str, options: PutOptions) -> str:
        """Open a multipart upload; its id."""
        ...

    def put_part(
        self, key: str, upload_id: str, number: int, body: BinaryIO, *, size: int, checksum: str
    ) -> PartReceipt:
        """Send one part; `checksum` as in PutOptions. UploadMissing where it was aborted."""
        ...

    def complete_multipart(
        self,
        key: str,
        upload_id: str,
        parts: list[PartReceipt],
        *,
        only_if_absent: bool,
        only_if_etag: str = "",
    ) -> PutReceipt:
        """Put the parts together; the conditions are those of `PutOptions`."""
        ...

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """Drop an open upload and its parts; one that is gone is no error."""
        ...

    def list_parts(self, key: str, upload_id: str) -> list[PartReceipt]:
        """The parts that an open upload has by now; UploadMissing where it is gone."""
        ...

    def list_multiparts(self, prefix: str = "") -> Iterator[OpenUpload]:
        """Open multipart uploads under a prefix."""
        ...

    def set_public(self, key: str) -> None:
        """Set the ACL of an object to public-read (PutObjectAcl)."""
        ...

    def get_anonymously(self, key: str) -> bytes:
        """Read the object as a stranger, unsigned; AccessDenied where that is refused."""
        ...

    def presigned_url(self, key: str, *, seconds: int) -> str:
        """A link with which anybody may GET the object for so long."""
        ...

    def fetch_link(self, url: str) -> bytes:
        """What a stranger gets who follows a link of `presigned_url`; no other URL is asked."""
        ...

    def connection(self) -> Connected:
        """Send one unsigned request; any answer of HTTP will do, since somebody gave it."""
        ...

    def region_of_bucket(self) -> str:
        """Ask the provider (GetBucketLocation or a redirect) where the bucket is; "" if unknown."""
        ...

    def whoami(self) -> str:
        """Prove the credentials by a signed call; the ARN or the key id it answered for."""
        ...

    def close(self) -> None:
        """Drop pooled connections."""
        ...
