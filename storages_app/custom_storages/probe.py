"""What the checks of one connection test share, and the shape of a check.

A check is a function that asks the bucket one question. It returns the sentence of success, or
`Noted` with a code of its `notes` where there is more to know; it raises an ObjectStoreError (the
check's `failures` turn it into what, why and what to do), `Refused` with a code of its `refusals`,
or `CannotTell` where the answer stays open.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from storages_app.custom_storages.grants import service_host
from storages_app.custom_storages.grants.policies import TEST_FOLDER
from storages_app.custom_storages.grants.rights import with_always
from storages_app.lib.registry import Registry
from storages_app.models import ConnectionTest, CustomStorage, Finding
from storages_app.objectstores import providers
from storages_app.objectstores.base import Connected, ObjectStore, PutOptions, PutReceipt
from storages_app.objectstores.errors import AccessDenied, ObjectMissing, ObjectStoreError

Level = Finding.Level
Kind = ConnectionTest.Kind
BOTH_KINDS = (Kind.TEST, Kind.CHECKLIST)

# What a request needs, where the refusal does not name it; else the two have one name.
_ACTIONS = {
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "ListParts": "ListMultipartUploadParts",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
}


def action_of(error: ObjectStoreError) -> str:
    """The right that a refusal is about: `s3:PutObject`."""
    if error.action or not error.operation:
        return error.action
    service = "sts" if error.operation == "AssumeRole" else "s3"
    return f"{service}:{_ACTIONS.get(error.operation, error.operation)}"


def is_missing_right(error: ObjectStoreError) -> bool:
    """Whether it is about this action alone, not about the credentials or the account."""
    return type(error) is AccessDenied


def is_missing_object(error: ObjectStoreError) -> bool:
    """Whether the object is not there: who may not list is told of that right instead."""
    is_about_listing = error.operation == "GetObject" and error.action == "s3:ListBucket"
    return isinstance(error, ObjectMissing) or is_about_listing


def is_unknown(error: ObjectStoreError) -> bool:
    """Whether the provider said something that nobody has put in our words yet."""
    return type(error) is ObjectStoreError


def is_unknown_refusal(error: ObjectStoreError) -> bool:
    """Whether the request was called wrong in a way that only the question can explain."""
    return is_unknown(error) and 400 <= (error.http_status or 0) < 500


_BODY = (
    "This is the test object of a connection test. It was written to find out whether copies can "
    "be made here, and may be deleted at any time.\n"
)


@dataclass(frozen=True)
class Advice:
    """What a failed row says: one line of what, one of why, and numbered steps.

    `{bucket}`, `{prefix}`, `{host}`, `{last4}`, `{key}` and the like (`Probe.facts`) are filled in.
    """

    title: str
    why: str = ""
    fix: Sequence[str] = ()

    def filled(self, facts: Mapping[str, str]) -> "Advice":
        return Advice(
            self.title.format_map(facts),
            self.why.format_map(facts),
            [step.format_map(facts) for step in self.fix],
        )


class Refused(Exception):
    """The question was answered with no.

    `code` is one of the check's `refusals`, whose text may name the `facts` given here; `error` is
    the bucket's refusal behind it, if there was one: the row then tells its status, operation and
    request id, and its code where the bucket gave one.
    """

    def __init__(
        self, code: str, *, error: ObjectStoreError | None = None, **facts: object
    ) -> None:
        self.code = code
        self.error = error
        self.facts = {name: str(value) for name, value in facts.items()}
        super().__init__(code)


@dataclass(frozen=True)
class Noted:
    """Passed, with something to know: `code` is one of the check's `notes`, the rest as above."""

    code: str
    error: ObjectStoreError | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


class CannotTell(Exception):
    """The answer stays open: the row is neither green nor red, and says why."""

    def __init__(self, title: str, why: str = "", *, error: ObjectStoreError | None = None) -> None:
        self.title = title
        self.why = why
        self.error = error
        super().__init__(title)


Opener = Callable[..., ObjectStore]  # of a storage; `account_id` in place of its own


@dataclass
class Probe:
    """One test run: the store, the test object, and what was learned so far."""

    custom_storage: CustomStorage
    open_store: Opener
    open_outside: Opener  # without credentials
    key: str
    body: bytes
    capabilities: dict[str, Any] = field(default_factory=dict)
    leftovers: set[str] = field(default_factory=set)  # keys that are in the bucket now
    uploads: dict[str, str] = field(default_factory=dict)  # id of an open multipart upload → key
    adopted: dict[str, str] = field(default_factory=dict)  # settings that the bucket corrected
    has_proof: bool = False  # the owner's proof object was there
    connected: Connected | None = None  # what answered at the address
    wants_checksum: bool = False  # the bucket takes no upload without one
    version_id: str = ""  # of the test object, where versions are kept
    storage_class: str = ""  # once it was accepted
    stored: tuple[int, int] = (0, 0)  # how many files and bytes wait to be copied
    _of_accounts: dict[str, ObjectStore] = field(default_factory=dict)

    @classmethod
    def of(cls, custom_storage: CustomStorage, open_store: Opener, open_outside: Opener) -> "Probe":
        name = secrets.token_hex(16)
        if custom_storage.capabilities.get("delete") is False:
            name = custom_storage.pk.hex  # one file stays, not one of each test
        key = f"{custom_storage.prefix}{TEST_FOLDER}{name}.txt"
        body = (_BODY + secrets.token_hex(512))[:1024].encode()
        return cls(custom_storage, open_store, open_outside, key, body)

    @cached_property
    def store(self) -> ObjectStore:
        """The bucket with the storage's own credentials; opened at the first question."""
        return self.open_store(self.custom_storage)

    @cached_property
    def outside(self) -> ObjectStore:
        """The bucket as anybody sees it."""
        return self.open_outside(self.custom_storage)

    def store_of(self, account_id: str) -> ObjectStore:
        """The same with another expected owner, or with none."""
        if account_id not in self._of_accounts:
            self._of_accounts[account_id] = self.open_store(
                self.custom_storage, account_id=account_id
            )
        return self._of_accounts[account_id]

    def adopt(self, **settings: str) -> None:
        """Go on with settings that the bucket itself told; they are kept with the storage."""
        self.adopted |= settings
        for name, value in settings.items():
            setattr(self.custom_storage, name, value)
        self.close()

    def close(self) -> None:
        """Drop the connections; the next question opens new ones."""
        for name in ("store", "outside"):
            if store := self.__dict__.pop(name, None):
                store.close()
        while self._of_accounts:
            self._of_accounts.popitem()[1].close()

    @property
    def facts(self) -> dict[str, str]:
        """What the texts may name."""
        row = self.custom_storage
        provider = providers.provider(row.provider)
        return {
            "bucket": row.bucket,
            "prefix": row.prefix,
            "region": self.region,
            "host": self.host,
            "egress_ip": settings.EGRESS_IP or "this instance",
            "endpoint": row.endpoint_url,
            "provider": provider.name,
            "key": self.key,
            "last4": row.access_key_id[-4:] if len(row.access_key_id) > 4 else "…",
            "account_id": row.account_id,
            "role_arn": row.role_arn,
            "external_id": row.external_id,
            "principal_arn": settings.AWS_PRINCIPAL_ARN,
            "public_mode": row.get_public_mode_display(),
            "class": row.storage_class,
            "kms_key": self._kms_key,
            "encryption": self._encryption,
        }

    @property
    def _kms_key(self) -> str:
        return str(self.custom_storage.encryption.get("kms_key_id", "")) or "aws/s3"

    @property
    def _encryption(self) -> str:
        mode = str(self.custom_storage.encryption.get("mode", ""))
        return {"AES256": "SSE-S3", "aws:kms": f"the KMS key {self._kms_key}"}.get(mode, mode)

    @property
    def region(self) -> str:
        row = self.custom_storage
        return row.region or providers.provider(row.provider).default_region

    @property
    def host(self) -> str:
        row = self.custom_storage
        if row.endpoint_url:
            return urlsplit(row.endpoint_url).netloc
        return service_host("s3", self.region)

    @property
    def options(self) -> PutOptions:
        """How copies to this storage are written."""
        encryption = self.custom_storage.encryption
        return PutOptions(
            content_type="text/plain",
            storage_class=self.storage_class,
            encryption=str(encryption.get("mode", "")),
            kms_key_id=str(encryption.get("kms_key_id", "")),
            checksum=self.checksum,
        )

    def put(self, key: str = "", *, body: bytes | None = None, **options: Any) -> PutReceipt:
        """Write the test object (or another) and remember that it is there."""
        key = key or self.key
        content = self.body if body is None else body
        was_there = key in self.leftovers
        self.leftovers.add(key)  # it may arrive although the answer is lost
        try:
            return self.store.put(
                key,
                BytesIO(content),
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
                options=replace(self.options, **options),
            )
        except ObjectStoreError as error:
            is_refusal = error.http_status is not None and error.http_status < 500
            if is_refusal and not was_there:
                self.leftovers.discard(key)
            raise

    def remove(self, key: str) -> None:
        self.store.delete(key)
        self.leftovers.discard(key)

    def abort(self, upload_id: str) -> None:
        self.store.abort_multipart(self.uploads[upload_id], upload_id)
        del self.uploads[upload_id]

    @property
    def plain_checksum(self) -> str:
        """What every provider takes, before it is known what this one takes."""
        return "md5" if self.wants_checksum else "none"

    @property
    def checksum(self) -> str:
        return str(self.capabilities.get("checksum", "sha256"))

    def read(self, key: str = "", *, version_id: str = "", limit: int = 64 * 1024) -> bytes:
        """The first bytes of an object: a server may send without end."""
        found = bytearray()
        with self.store.get(key or self.key, version_id=version_id) as chunks:
            for chunk in chunks:
                found += chunk
                if len(found) >= limit:
                    break
        return bytes(found[:limit])


_MISSING_RIGHT = Advice(
    "This was refused: {action} is missing.",
    "The policy does not grant it there, or another statement denies it.",
    ["Open the bucket's Permissions.", "Paste the policy below."],
)
Ask = Callable[[Probe], "str | Noted"]
LevelRule = Callable[[CustomStorage], Level | None]


@dataclass(frozen=True)
class Check:
    """One question of the test; `level` says None where it is not asked of this storage."""

    check_id: str
    name: str
    position: int
    kinds: Collection[Kind]
    requires: Sequence[str]  # of these, the ones that are asked must have passed
    level: LevelRule
    failures: Mapping[type[ObjectStoreError], Advice]
    refusals: Mapping[str, Advice]
    notes: Mapping[str, Advice]
    ask: Ask

    def advice_for(self, error: ObjectStoreError) -> Advice:
        """The check's own text for this error, else what every error says of itself."""
        for kind in type(error).__mro__:
            if kind in self.failures:
                return self.failures[kind]
        if is_missing_right(error):
            return _MISSING_RIGHT
        if is_unknown(error):
            answer = f"{error.provider_code or 'no code'} ({error.http_status or 'no status'})"
            title = (
                "The provider answered with something we do not know: "
                f"{answer} on {error.operation or 'the request'}. Here is all it said."
            )
            return Advice(_literal(title), _literal(error.provider_message or error.message))
        return Advice(_literal(error.message), fix=[_literal(error.advice)] if error.advice else [])


def _literal(text: str) -> str:
    """Text in which nothing is to be filled in."""
    return text.replace("{", "{{").replace("}", "}}")


registry: Registry[Check] = Registry("storages_app.custom_storages.checks")


def always(level: Level) -> LevelRule:
    return lambda custom_storage: level


def required_for(*uses: str, otherwise: Level | None) -> LevelRule:
    """Required where the storage is used for one of these, else as said."""

    def rule(custom_storage: CustomStorage) -> Level | None:
        return Level.REQUIRED if is_used_for(custom_storage, *uses) else otherwise

    return rule


def is_used_for(custom_storage: CustomStorage, *uses: str) -> bool:
    """Whether one of these is ticked; nothing ticked means the defaults."""
    return not with_always(custom_storage.uses).isdisjoint(uses)


def check(
    check_id: str,
    *,
    name: str,
    position: int,
    level: Level | LevelRule,
    kinds: Collection[Kind] = (Kind.TEST,),
    requires: Sequence[str] = (),
    failures: Mapping[type[ObjectStoreError], Advice] | None = None,
    refusals: Mapping[str, Advice] | None = None,
    notes: Mapping[str, Advice] | None = None,
) -> Callable[[Ask], Ask]:
    """Register a check.

    `failures` maps errors, the nearest class first, to what the row says; `refusals` and `notes`
    do so for the codes that the check gives itself.
    """

    def register(ask: Ask) -> Ask:
        rule = level if callable(level) else always(level)
        found = Check(
            check_id,
            name,
            position,
            kinds,
            requires,
            rule,
            failures or {},
            refusals or {},
            notes or {},
            ask,
        )
        registry.add(check_id, found)
        return ask

    return register


def checks_for(custom_storage: CustomStorage, kind: Kind = Kind.TEST) -> list[tuple[Check, Level]]:
    """The questions that are asked of this storage, in order, with their levels."""
    asked = []
    for found in sorted(registry, key=lambda check: check.position):
        level = found.level(custom_storage) if kind in found.kinds else None
        if level:
            asked.append((found, level))
    return asked
