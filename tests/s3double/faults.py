"""What goes wrong although nothing is wrong with the request."""

import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tests.s3double.xml import document

if TYPE_CHECKING:
    from tests.s3double.exchange import Answer

_NOBODYS_ETAG = "0" * 32


@dataclass
class Quirks:
    """How this server differs from Amazon's; all off is S3. May be changed at any time.

    Where a flag stands for a refusal, a text in place of True is the code to refuse with.
    """

    ignores_conditions: bool = False  # If-Match and If-None-Match of writes
    ignores_checksums: bool = False  # of every kind, the signed SHA-256 too
    ignores_expected_owner: bool = False
    no_new_checksums: bool | str = False  # 501 NotImplemented for x-amz-checksum-* and its kin
    no_checksums_told: bool = False  # HeadObject and PutObject echo none
    mangles_names: bool = False  # stores keys under another name where they are not plain
    corrupts_reads: bool = False  # flips the first byte of each object read
    wrong_etags: bool = False
    closed_account: bool | str = False  # 403 AllAccessDisabled for everything
    quota_reached: bool | str = False  # 403 QuotaExceeded for writes
    clock_offset_s: float = 0.0
    refuses_presigned: bool | str = False  # 403 AccessDenied
    no_conditional_put_501: bool = False
    no_acl_501: bool = False
    no_delete: bool = False  # 403 AccessDenied
    no_settings_501: bool = False  # for readers and writers of a bucket's settings
    no_region_told: bool = False  # GetBucketLocation says nothing, nor does x-amz-bucket-region
    terse_refusals: bool = False  # "Access Denied" and no more, as before 2023
    any_region: bool = False  # takes a signature for any region
    # What a request to the wrong region gets: or PermanentRedirect, TemporaryRedirect,
    # IllegalLocationConstraintException
    wrong_region_code: str = "AuthorizationHeaderMalformed"
    small_parts: bool = False  # in the middle of a multipart upload too
    claims_tls: bool = False  # aws:SecureTransport is true
    delay_s: float = 0.0  # before each answer


def code_of(flag: bool | str, default: str) -> str:
    return flag if isinstance(flag, str) else default


@dataclass
class Fault:
    """One thing that goes wrong.

    `code` is an error code of S3, or `reset` (the connection breaks before the request is
    looked at), `lost` (it breaks after the request was carried out), `truncate` (half of the
    answer's body), `stall:SECONDS` (nothing comes for so long, then the connection breaks),
    `damage` (other bytes are kept than came), `corrupt` (other bytes are sent than are kept),
    `wrong_etag` (and no checksum) or `error_in_200` (an error behind a status that says success).
    """

    code: str
    status: int = 0
    operation: str = ""  # any
    key_prefix: str = ""
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0  # requests that pass before it begins
    times: int | None = 1  # None: for ever
    n_injected: int = 0


# Faults that make sense for some operations only; the others are for all.
_ONLY_FOR = {
    "damage": {"PutObject", "UploadPart"},
    "corrupt": {"GetObject"},
    "wrong_etag": {"PutObject", "CompleteMultipartUpload"},
    "error_in_200": {"CompleteMultipartUpload", "CopyObject"},
}


class Faults:
    """The plan; `n_injected` counts what was done of it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._chance = random.Random(seed)
        self._rate = 0.0
        self._choices: Sequence[str] = ()
        self._n_calls: Counter[tuple[str, str]] | None = None
        self._planned: list[Fault] = []
        self._lock = threading.Lock()
        self.n_injected = 0
        self.n_asked = 0
        self.injected: Counter[str] = Counter()

    def add(
        self,
        *,
        code: str,
        operation: str = "",
        times: int | None = 1,
        status: int = 0,
        key_prefix: str = "",
        message: str = "",
        headers: dict[str, str] | None = None,
        after: int = 0,
    ) -> Fault:
        fault = Fault(code, status, operation, key_prefix, message, headers or {}, after, times)
        with self._lock:
            self._planned.append(fault)
        return fault

    def at_random(self, rate: float, codes: Sequence[str] = ("InternalError", "SlowDown")) -> None:
        """From now on a fault by chance; the seed decides which requests, in their order."""
        self._rate, self._choices, self._n_calls = rate, codes, None

    def by_name(self, rate: float, codes: Sequence[str]) -> None:
        """As `at_random`, but decided by the seed, the operation, the last part of the key and how
        many such calls there were: the same call meets the same fault, in whatever order they come.

        `SlowDown:2` says in how many seconds to come again.
        """
        with self._lock:
            self._rate, self._choices, self._n_calls = rate, codes, Counter()

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()
            self._rate = 0.0

    def next(self, operation: str, key: str) -> Fault | None:
        with self._lock:
            self.n_asked += 1
            fault = self._due(operation, key) or self._by_chance(operation, key)
            if fault:
                fault.n_injected += 1
                self.n_injected += 1
                self.injected[fault.code] += 1
            return fault

    def _due(self, operation: str, key: str) -> Fault | None:
        for fault in self._planned:
            if fault.operation not in {"", operation} or not key.startswith(fault.key_prefix):
                continue
            if fault.times is not None and fault.n_injected >= fault.times:
                continue
            if fault.after:
                fault.after -= 1
                continue
            return fault
        return None

    def _by_chance(self, operation: str, key: str) -> Fault | None:
        chance = self._chance_of(operation, key)
        if not self._rate or chance.random() >= self._rate:
            return None
        codes = [code for code in self._choices if operation in _ONLY_FOR.get(code, {operation})]
        code = chance.choice(codes) if codes else ""
        name, _, seconds = code.partition(":")
        if name == "SlowDown" and seconds:
            return Fault(name, headers={"retry-after": seconds})
        return Fault(code) if code else None

    def _chance_of(self, operation: str, key: str) -> random.Random:
        if self._n_calls is None:
            return self._chance
        name = key.rpartition("/")[2]
        self._n_calls[operation, name] += 1
        return random.Random(f"{self.seed}/{operation}/{name}/{self._n_calls[operation, name]}")


def disfigure(found: "Answer", how: str, operation: str) -> None:
    """Spoil a good answer as the fault says."""
    if found.status != 200:
        return
    if how == "wrong_etag":
        for name in [name for name in found.headers if name.startswith("x-amz-checksum-")]:
            del found.headers[name]
        if "etag" in found.headers:
            found.headers["etag"] = f'"{_NOBODYS_ETAG}"'
        found.body = re.sub(rb"<Checksum.*?</Checksum[^>]*>", b"", found.body)
        found.body = re.sub(rb"<ETag>.*?</ETag>", _etag_element, found.body)
    elif how == "error_in_200" and operation in _ONLY_FOR[how]:
        found.body = document("Error", {"Code": "InternalError"}, namespace="")
    elif how == "corrupt" and found.chunks:
        found.chunks = partial(_corrupted, found.chunks)


def _etag_element(_: re.Match[bytes]) -> bytes:
    return f"<ETag>&quot;{_NOBODYS_ETAG}&quot;</ETag>".encode()


def _corrupted(chunks: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    is_first = True
    for chunk in chunks():
        # Another bit than `damage` turns: of one byte they would make the right one again.
        yield bytes([chunk[0] ^ 0x80]) + chunk[1:] if is_first and chunk else chunk
        is_first = False
