"""What proves that the right bytes are in the bucket (spec/RELIABILITY 5.4), best proof first.

Size alone is never evidence. What the provider says of the bytes, a checksum or an ETag, is
evidence only where the connection test saw it refuse wrong ones: others are read back.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from storages_app.objectstores.base import ObjectInfo, ObjectStore, PartReceipt, PutReceipt
from storages_app.objectstores.errors import AccessDenied, ObjectMissing

_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Expected:
    """What was meant to be written."""

    size: int
    sha256: str
    md5: str


@dataclass(frozen=True)
class Evidence:
    """How it was proved."""

    method: str  # "checksum", "etag" or "read_back"
    checksum: str
    etag: str = ""
    version_id: str = ""


def of_receipt(
    receipt: PutReceipt, expected: Expected, *, is_verified_by_provider: bool
) -> Evidence | None:
    """What the answer to a single put proves."""
    if not is_verified_by_provider:
        return None
    if receipt.sha256 == expected.sha256:
        return _evidence("checksum", f"sha256:{receipt.sha256}", receipt)
    if receipt.etag == expected.md5:
        return _evidence("etag", f"md5:{expected.md5}", receipt)
    return None


def of_parts(
    receipt: PutReceipt, parts: Sequence[PartReceipt], *, is_verified_by_provider: bool
) -> Evidence | None:
    """What the answer to a completed multipart upload proves.

    The provider has checked each part as it came, so what remains to be proved is that the object
    is made of those parts: by the checksum of their checksums, or the ETag of their ETags.
    """
    if not is_verified_by_provider:
        return None
    composite = composite_sha256([part.sha256 for part in parts])
    if composite and receipt.checksum == f"sha256:{composite}":
        return _evidence("checksum", receipt.checksum, receipt)
    if receipt.etag and receipt.etag == composite_md5([part.etag for part in parts]):
        return _evidence("etag", f"md5:{receipt.etag}", receipt)
    return None


def _evidence(method: str, checksum: str, receipt: PutReceipt) -> Evidence:
    return Evidence(method, checksum, receipt.etag, receipt.version_id)


def composite_sha256(part_sha256s: Sequence[str]) -> str:
    """S3's checksum of checksums, ``base64-<parts>``; empty where a part has none."""
    if not part_sha256s or not all(part_sha256s):
        return ""
    whole = hashlib.sha256(b"".join(bytes.fromhex(part) for part in part_sha256s))
    return f"{base64.b64encode(whole.digest()).decode()}-{len(part_sha256s)}"


def composite_md5(part_md5s: Sequence[str]) -> str:
    """The ETag of a multipart object, the MD5 of the parts' MD5s and their number.

    Empty where an ETag is no MD5, as with keys of KMS.
    """
    if not all(map(_MD5.fullmatch, part_md5s)):
        return ""
    whole = hashlib.md5(b"".join(map(bytes.fromhex, part_md5s)), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(part_md5s)}"


@dataclass(frozen=True)
class Comparison:
    """What is under a key, held against what was meant: same, other, or (None) nobody knows."""

    is_same: bool | None
    evidence: Evidence | None = None
    is_damaged_own: bool = False  # it says that it is this very copy, but its bytes are wrong
    etag: str = ""  # of what was looked at


NOBODY_KNOWS = Comparison(is_same=None)


def compare(
    store: ObjectStore,
    key: str,
    expected: Expected,
    *,
    uuid: str,
    is_verified_by_provider: bool,
    trusts_etag: bool = True,
) -> Comparison | None:
    """Compare the object under the key with the expected bytes; None where there is no object.

    Asks the object's checksum and ETag first, where the provider's word counts, and reads the
    whole object back if neither tells. An ETag says nothing where the provider may have copied
    the object by itself, and the ETag with it.
    """
    try:
        info = store.head(key)
    except ObjectMissing:
        return None
    except AccessDenied:
        return NOBODY_KNOWS
    says_ours = (info.metadata.get("uuid"), info.metadata.get("sha256")) == (uuid, expected.sha256)
    if info.size != expected.size:
        return Comparison(is_same=False, is_damaged_own=says_ours, etag=info.etag)
    found = _told_by(info, expected, trusts_etag=trusts_etag) if is_verified_by_provider else None
    found = found or read_back(store, info, expected)
    is_damaged_own = says_ours and found.is_same is False
    return replace(found, is_damaged_own=is_damaged_own, etag=info.etag)


def _told_by(info: ObjectInfo, expected: Expected, *, trusts_etag: bool) -> Comparison | None:
    """What a provider says whose word counts.

    Its SHA-256 of other bytes ends the matter: what is read may be spoilt on its way, even into
    what was meant.
    """
    if info.sha256:
        if info.sha256 != expected.sha256:
            return Comparison(is_same=False)
        return _same("checksum", f"sha256:{info.sha256}", info)
    if trusts_etag and info.etag == expected.md5:
        return _same("etag", f"md5:{info.etag}", info)
    return None


def read_back(store: ObjectStore, info: ObjectInfo, expected: Expected) -> Comparison:
    """Read the whole object and hash it."""
    try:
        with store.get(info.key, version_id=info.version_id) as chunks:
            found = _sha256_of(chunks)
    except AccessDenied:
        return NOBODY_KNOWS
    if found != expected.sha256:
        return Comparison(is_same=False)
    return _same("read_back", f"sha256:{found}", info)


def compare_by_reading(store: ObjectStore, key: str, *, sha256: str) -> bool:
    """Whether the object is there and has these bytes, told by reading all of it."""
    try:
        with store.get(key) as chunks:
            return _sha256_of(chunks) == sha256
    except ObjectMissing:
        return False


def _same(method: str, checksum: str, info: ObjectInfo) -> Comparison:
    evidence = Evidence(method, checksum, info.etag, info.version_id)
    return Comparison(is_same=True, evidence=evidence)


def _sha256_of(chunks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
