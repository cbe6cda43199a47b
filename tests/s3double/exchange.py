"""What a handler of one operation works with, and what it answers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cached_property
from typing import TYPE_CHECKING

from tests.s3double import access, xml
from tests.s3double.accounts import Account, KmsKey, Principal
from tests.s3double.buckets import Bucket, Object
from tests.s3double.errors import S3Error
from tests.s3double.faults import Quirks, code_of
from tests.s3double.requests import Request

if TYPE_CHECKING:
    from tests.s3double.server import S3Double


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunks: Callable[[], Iterator[bytes]] | None = None  # in place of `body`
    length: int = 0  # of `chunks`, or what a HEAD says of what it does not send

    @classmethod
    def of_xml(cls, root: str, content: xml.Content, **headers: str) -> "Answer":
        return cls(200, {"content-type": "application/xml", **headers}, xml.document(root, content))


Handler = Callable[["Exchange"], Answer]
HANDLERS: dict[str, Handler] = {}


def handles(*operations: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for operation in operations:
            HANDLERS[operation] = handler
        return handler

    return register


@dataclass
class Exchange:
    double: "S3Double"
    request: Request
    principal: Principal
    found_bucket: Bucket | None
    started: int = 0  # the bucket's tick when the request came in

    @property
    def quirks(self) -> Quirks:
        return self.double.quirks

    @property
    def bucket(self) -> Bucket:
        if self.found_bucket is None:
            raise S3Error("NoSuchBucket", BucketName=self.request.bucket)
        return self.found_bucket

    @property
    def now(self) -> datetime:
        return self.double.now()

    @property
    def key(self) -> str:
        """The key as it is kept."""
        return self.stored_key(self.request.key)

    def stored_key(self, key: str) -> str:
        """A provider that changes names does so when it writes; the reader asks in vain."""
        is_write = self.request.method in {"PUT", "POST"}
        if not (self.quirks.mangles_names and is_write):
            return key
        return key.replace("+", " ").replace(" ", "_").encode("ascii", "replace").decode()

    def header(self, name: str) -> str:
        return self.request.header(name)

    # --- Rights --------------------------------------------------------------------------------

    @cached_property
    def access(self) -> access.Access:
        return access.Access(
            self.principal, self.bucket, self._context(), terse=self.quirks.terse_refusals
        )

    def _context(self) -> dict[str, str]:
        """The condition keys that this request has."""
        account = self.principal.account
        of_headers = {
            f"s3:{name}": self.header(name)
            for name in (
                "x-amz-acl",
                "x-amz-server-side-encryption",
                "x-amz-server-side-encryption-aws-kms-key-id",
                "x-amz-storage-class",
                "if-none-match",
                "if-match",
            )
            if name in self.request.headers
        }
        of_query = {
            f"s3:{name}": self.request.query[name]
            for name in ("prefix", "delimiter", "max-keys")
            if name in self.request.query
        }
        if "versionId" in self.request.query:
            of_query["s3:versionid"] = self.request.query["versionId"]
        of_principal = {} if account is None else {
            "aws:principalarn": self.principal.policy_arn,
            "aws:principalaccount": account.id,
        }  # fmt: skip
        return {
            **of_headers,
            **of_query,
            **of_principal,
            "s3:resourceaccount": self.bucket.account.id,
            "aws:securetransport": str(self.double.is_tls or self.quirks.claims_tls).lower(),
        }

    def allow(self, action: str, *, key: str | None = None, found: Object | None = None) -> None:
        self.access.require(action, key, found)

    def allow_on_key(self, action: str, found: Object | None = None) -> None:
        self.access.require(action, self.request.key, found)

    # --- Keys of KMS ---------------------------------------------------------------------------

    def kms_key(self, name: str) -> KmsKey:
        """The key of that name for this caller and this bucket's region."""
        directory, bucket = self.double.directory, self.bucket
        if not name or name == "alias/aws/s3":
            return self._aws_managed_key(bucket)
        found = directory.kms_key(name)
        if found and not name.startswith("arn:") and found.account is not self.principal.account:
            found = None  # a bare id or alias is looked up at home
        if found and found.region != bucket.region:
            raise S3Error("KMS.NotFoundException", f"Invalid arn {found.region}")
        if not found:
            raise S3Error("KMS.NotFoundException", f"Key '{name}' does not exist")
        return found

    def _aws_managed_key(self, bucket: Bucket) -> KmsKey:
        keys = self.double.directory.kms_keys
        for key in keys:
            if key.is_aws_managed and (key.account, key.region) == (bucket.account, bucket.region):
                return key
        keys.append(
            KmsKey(
                f"aws-managed-{bucket.account.id}-{bucket.region}",
                bucket.account,
                bucket.region,
                is_aws_managed=True,
            )
        )
        return keys[-1]

    def require_kms(self, found: Object, action: str) -> None:
        """For an object that a key of KMS encrypts; others need nothing."""
        if found.encryption and found.encryption.mode.startswith("aws:kms"):
            key = next(
                (k for k in self.double.directory.kms_keys if k.arn == found.encryption.kms_key_id),
                None,
            )
            if key is None:
                raise S3Error("KMS.NotFoundException")
            access.require_kms(self.principal, key, action)

    # --- Refusals that are nobody's fault ------------------------------------------------------

    def check_quota(self) -> None:
        if flag := self.quirks.quota_reached:
            raise S3Error(code_of(flag, "QuotaExceeded"), status=403)

    @property
    def owner_account(self) -> Account:
        """Whose a new object is."""
        mine = self.principal.account
        is_given = (
            self.bucket.ownership == "BucketOwnerPreferred"
            and self.header("x-amz-acl") == "bucket-owner-full-control"
        )
        if mine is None or is_given or self.bucket.ownership in {"BucketOwnerEnforced", ""}:
            return self.bucket.account
        return mine


def http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"


def in_days(moment: datetime, days: int) -> datetime:
    return moment + timedelta(days=days)
