"""What a bucket is set to, as far as we may read it; nothing here is ever changed by us."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class PublicAccessBlock:
    """The four switches of Block Public Access on the bucket; the account's own are not in it."""

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False

    @property
    def n_on(self) -> int:
        return sum(
            (
                self.block_public_acls,
                self.ignore_public_acls,
                self.block_public_policy,
                self.restrict_public_buckets,
            )
        )


@dataclass(frozen=True)
class DefaultEncryption:
    """How the bucket encrypts what names no encryption of its own."""

    mode: str = ""  # "", "AES256", "aws:kms" or "aws:kms:dsse"
    kms_key_id: str = ""  # as the bucket names it: an ARN, an id or an alias; "": the provider's


@dataclass(frozen=True)
class ObjectLock:
    """A bucket with Object Lock; without a rule of its own `mode` is "" and `days` 0."""

    mode: str = ""  # "GOVERNANCE" or "COMPLIANCE"
    days: int = 0


class BucketSettings(Protocol):
    """Seven readers, one request each.

    Each raises `AccessDenied`, whose `operation` is the request, where it may not be read, and
    `NotSupported` where the provider has no such setting.
    """

    def ownership(self) -> str:
        """ "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"; "" where none is set."""
        ...

    def public_access_block(self) -> PublicAccessBlock:
        """All off where none is set."""
        ...

    def encryption(self) -> DefaultEncryption:
        """The default encryption; mode "" where there is none."""
        ...

    def versioning(self) -> bool:
        """Whether new versions are kept; a suspended versioning keeps none."""
        ...

    def object_lock(self) -> ObjectLock | None:
        """None where the bucket has no Object Lock."""
        ...

    def unfinished_uploads_removed_after(self, prefix: str = "") -> int | None:
        """Days until the provider removes a multipart upload under the prefix; None: never."""
        ...

    def location(self) -> str:
        """The region as GetBucketLocation says it; "" if it does not say."""
        ...
