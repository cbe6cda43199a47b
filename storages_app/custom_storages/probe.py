"""What the checks of one connection test share, and the shape of a check.

A check is a function that asks the bucket one question. It returns the sentence of success, raises
an ObjectStoreError (the check's own table turns it into what, why and what to do), or raises
`Refused` with a text of its own.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from storages_app.lib.registry import Registry
from storages_app.models import CustomStorage, Finding
from storages_app.objectstores import providers
from storages_app.objectstores.base import ObjectStore, PutOptions
from storages_app.objectstores.errors import ObjectStoreError

Level = Finding.Level

_BODY = (
    "This is the test object of a connection test. It was written to find out whether copies can "
    "be made here, and may be deleted at any time.\n"
)


@dataclass(frozen=True)
class Advice:
    """What a failed row says: one line of what, one of why, and numbered steps.

    `{bucket}`, `{prefix}`, `{host}`, `{last4}`, `{key}` and the like are filled in.
    """

    title: str
    why: str = ""
    fix: Sequence[str] = ()


class Refused(Exception):
    """The question was answered with no, and by no error of the bucket."""

    def __init__(self, advice: Advice, *, code: str) -> None:
        self.advice = advice
        self.code = code
        super().__init__(advice.title)


@dataclass
class Probe:
    """One test run: the store, the test object, and what was learned so far."""

    custom_storage: CustomStorage
    store: ObjectStore
    key: str
    body: bytes
    capabilities: dict[str, Any] = field(default_factory=dict)
    leftovers: set[str] = field(default_factory=set)  # keys that are in the bucket now

    @classmethod
    def of(cls, custom_storage: CustomStorage, store: ObjectStore) -> "Probe":
        key = f"{custom_storage.prefix}.connection-test/{secrets.token_hex(16)}.txt"
        body = (_BODY + secrets.token_hex(512))[:1024].encode()
        return cls(custom_storage, store, key, body)

    @property
    def facts(self) -> dict[str, str]:
        """What the texts may name."""
        row = self.custom_storage
        return {
            "bucket": row.bucket,
            "prefix": row.prefix,
            "region": row.region,
            "host": self.host,
            "key": self.key,
            "last4": row.access_key_id[-4:],
            "public_mode": row.get_public_mode_display(),
            "console": providers.provider(row.provider).console_url.format(bucket=row.bucket),
        }

    @property
    def host(self) -> str:
        row = self.custom_storage
        if row.endpoint_url:
            return urlsplit(row.endpoint_url).netloc
        return f"s3.{row.region or 'us-east-1'}.amazonaws.com"

    def put(self, key: str = "", *, body: bytes | None = None, **options: Any) -> None:
        """Write the test object (or another) and remember that it is there."""
        key = key or self.key
        content = self.body if body is None else body
        self.store.put(
            key,
            BytesIO(content),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
            options=PutOptions(
                content_type="text/plain", **({"checksum": self.checksum} | options)
            ),
        )
        self.leftovers.add(key)

    @property
    def checksum(self) -> str:
        return str(self.capabilities.get("checksum", "sha256"))

    def read(self, key: str = "") -> bytes:
        with self.store.get(key or self.key) as chunks:
            return b"".join(chunks)


Ask = Callable[[Probe], str]
LevelRule = Callable[[CustomStorage], Level | None]


@dataclass(frozen=True)
class Check:
    """One question of the test; `level` says None where it is not asked of this storage."""

    check_id: str
    name: str
    position: int
    requires: Sequence[str]
    level: LevelRule
    failures: Mapping[type[ObjectStoreError], Advice]
    ask: Ask


registry: Registry[Check] = Registry("storages_app.custom_storages.checks")


def always(level: Level) -> LevelRule:
    return lambda custom_storage: level


def check(
    check_id: str,
    *,
    name: str,
    position: int,
    level: Level | LevelRule,
    requires: Sequence[str] = (),
    failures: Mapping[type[ObjectStoreError], Advice] | None = None,
) -> Callable[[Ask], Ask]:
    """Register a check; `failures` maps errors, the nearest class first, to what the row says."""

    def register(ask: Ask) -> Ask:
        rule = level if callable(level) else always(level)
        registry.add(check_id, Check(check_id, name, position, requires, rule, failures or {}, ask))
        return ask

    return register


def advice_for(found: Check, error: ObjectStoreError, facts: Mapping[str, str]) -> Advice:
    """The check's own text for this error, else what every error says of itself."""
    for kind in type(error).__mro__:
        advice = found.failures.get(kind)
        if advice:
            return _filled(advice, facts)
    if type(error) is ObjectStoreError:
        answer = f"{error.provider_code or 'no code'} ({error.http_status or 'no status'})"
        return Advice(
            "The provider answered with something we do not know: "
            f"{answer} on {error.operation or 'the request'}.",
            error.message[:500],
        )
    return Advice(error.message, fix=[error.advice] if error.advice else [])


def _filled(advice: Advice, facts: Mapping[str, str]) -> Advice:
    return Advice(
        advice.title.format_map(facts),
        advice.why.format_map(facts),
        [step.format_map(facts) for step in advice.fix],
    )


def filled(advice: Advice, probe: Probe) -> Advice:
    return _filled(advice, probe.facts)
