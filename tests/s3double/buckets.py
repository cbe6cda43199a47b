"""What a bucket holds and how it is set. Plain attributes, so that a test can change them."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.s3double.accounts import Account, Block
from tests.s3double.content import Content
from tests.s3double.policies import Policy


@dataclass(frozen=True)
class Grant:
    """A line of an ACL: to whom (a canonical id or a group's URI) and what."""

    grantee: str
    permission: str


@dataclass(frozen=True)
class Encryption:
    mode: str = "AES256"  # or "aws:kms", "aws:kms:dsse"
    kms_key_id: str = ""


@dataclass(frozen=True)
class ObjectLock:
    """A bucket with Object Lock; mode "" has no default retention."""

    mode: str = ""  # or "GOVERNANCE", "COMPLIANCE"
    days: int = 0


@dataclass
class Object:
    """One version of what is under a key."""

    key: str
    content: Content
    etag: str
    owner: Account
    modified_at: datetime
    headers: dict[str, str] = field(default_factory=dict)  # as they are sent back
    version_id: str = "null"
    is_delete_marker: bool = False
    storage_class: str = "STANDARD"
    encryption: Encryption | None = None
    checksum: tuple[str, str] | None = None  # name and base64 text
    checksum_type: str = "FULL_OBJECT"
    acl: list[Grant] = field(default_factory=list)
    locked_until: datetime | None = None
    lock_mode: str = ""
    thaw: str = ""  # of one in an archive class: "asked", or "done" when a test says so

    @property
    def size(self) -> int:
        return self.content.size

    def read(self) -> bytes:
        return self.content.read()


@dataclass
class Part:
    number: int
    content: Content
    etag: str
    checksum: tuple[str, str] | None
    modified_at: datetime


@dataclass
class Upload:
    """A multipart upload that is neither completed nor aborted."""

    id: str
    key: str
    started_at: datetime
    initiator_arn: str
    template: Object  # the object it will become
    checksum_name: str = ""
    checksum_type: str = ""
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass
class Bucket:
    name: str
    account: Account
    region: str = "us-east-1"
    ownership: str = "BucketOwnerEnforced"  # "" has none set
    block: Block | None = None  # None: NoSuchPublicAccessBlockConfiguration
    policy: Policy | None = None
    versioning: str | bool = False  # True is "Enabled"
    object_lock: ObjectLock | None = None
    encryption: Encryption | None = field(default_factory=Encryption)
    lifecycle: list[Mapping[str, Any]] = field(default_factory=list)  # rules as boto3 writes them
    acl: list[Grant] = field(default_factory=list)
    created_at: datetime | None = None
    versions: dict[str, list[Object]] = field(default_factory=dict)  # the newest is the last
    uploads: dict[str, Upload] = field(default_factory=dict)
    deletions: dict[str, int] = field(default_factory=dict)  # key to tick
    _ticks: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    @property
    def arn(self) -> str:
        return f"arn:{self.account.partition}:s3:::{self.name}"

    @property
    def objects(self) -> dict[str, Object]:
        """What a listing shows, in its order."""
        found = {}
        for key in sorted(self.versions, key=str.encode):
            if current := self.current(key):
                found[key] = current
        return found

    @property
    def versioning_status(self) -> str:
        """ "Enabled", "Suspended" or "" for never versioned."""
        if isinstance(self.versioning, str):
            return self.versioning
        return "Enabled" if self.versioning or self.object_lock else ""

    def tick(self) -> int:
        return next(self._ticks)

    def current(self, key: str) -> Object | None:
        versions = self.versions.get(key)
        if not versions or versions[-1].is_delete_marker:
            return None
        return versions[-1]

    def version(self, key: str, version_id: str) -> Object | None:
        return next(
            (one for one in self.versions.get(key, []) if one.version_id == version_id), None
        )

    def add(self, new: Object, new_id: Callable[[], str]) -> None:
        """Put a version on top; where nothing is versioned it takes the place of the last."""
        versions = self.versions.setdefault(new.key, [])
        if self.versioning_status == "Enabled":
            new.version_id = new_id()
        else:
            versions[:] = [one for one in versions if one.version_id != "null"]
        versions.append(new)

    def drop(self, old: Object) -> None:
        self.versions[old.key].remove(old)
        if not self.versions[old.key]:
            del self.versions[old.key]

    @property
    def policy_text(self) -> str:
        return json.dumps(self.policy)
