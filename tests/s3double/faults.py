"""What goes wrong although nothing is wrong with the request."""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field


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
    answer's body) or `stall:SECONDS` (nothing comes for so long, then
    the connection breaks).
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


class Faults:
    """The plan; `n_injected` counts what was done of it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._chance = random.Random(seed)
        self._rate = 0.0
        self._choices: Sequence[str] = ()
        self._planned: list[Fault] = []
        self._lock = threading.Lock()
        self.n_injected = 0

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
        self._rate, self._choices = rate, codes

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()
            self._rate = 0.0

    def next(self, operation: str, key: str) -> Fault | None:
        with self._lock:
            fault = self._due(operation, key) or self._by_chance()
            if fault:
                fault.n_injected += 1
                self.n_injected += 1
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

    def _by_chance(self) -> Fault | None:
        if not self._rate or self._chance.random() >= self._rate:
            return None
        return Fault(self._chance.choice(self._choices))
