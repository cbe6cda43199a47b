"""What a bucket says of a proved copy, held against the ledger. Threads run this: no database."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import sleep

from django.conf import settings

from storages_app.copying import evidence as proofs
from storages_app.copying.evidence import Evidence, Expected
from storages_app.models import CopyJob, Difference, Reason
from storages_app.objectstores.base import ObjectInfo, ObjectStore
from storages_app.objectstores.errors import AccessDenied, ObjectMissing, ObjectStoreError
from storages_app.reconciliation.inventory import Listed

Kind = Difference.Kind

_TRIES = 4
# Clocks tell whole seconds, and ours is compared with the provider's.
_SLACK = timedelta(seconds=5)
# Longer names are cut on their way into a header, at a length in bytes.
_NAME_COMPARED = 80


@dataclass(frozen=True)
class Bucket:
    """A bucket and what has to be known to believe it."""

    store: ObjectStore
    verifies: bool  # the connection test saw it refuse wrong bytes
    clock_offset: timedelta  # ours minus theirs


@dataclass(frozen=True)
class Seen:
    """What was found under a copy's key; without a kind, all is as it should be."""

    kind: str = ""
    expected: str = ""
    found: str = ""
    proof: Evidence | None = None  # same bytes, but the bucket tells of them in other words now
    error: ObjectStoreError | None = None  # nobody knows


AS_IT_SHOULD_BE = Seen()


def needs_a_look(bucket: Bucket, job: CopyJob, listed: Listed | None) -> bool:
    """Whether the listing leaves a doubt that only the object itself can settle.

    Metadata do not stand in a listing, but they cannot be changed without writing the object
    anew, which its time tells.
    """
    if listed is None or listed.size != job.size:
        return True
    if not job.etag or listed.etag != job.etag:
        return True
    return _was_rewritten(bucket, job, listed.last_modified)


def _was_rewritten(bucket: Bucket, job: CopyJob, modified: datetime | None) -> bool:
    if modified is None or job.verified_at is None:
        return True
    return modified + bucket.clock_offset > job.verified_at + _SLACK


def look(bucket: Bucket, job: CopyJob) -> Seen:
    """Ask for the object, again where the provider fails; read it where nothing else tells."""
    for n_failed in range(1, _TRIES + 1):
        try:
            return _look(bucket, job)
        except ObjectStoreError as error:
            if error.kind != "transient" or n_failed == _TRIES:
                return Seen(error=error)
            sleep(min(error.retry_after or 2.0**n_failed / 4, 10) * settings.TIME_SCALE)
    raise AssertionError("the last try returns")


def _look(bucket: Bucket, job: CopyJob) -> Seen:
    try:
        info = bucket.store.head(job.key)
    except ObjectMissing:
        return Seen(Kind.MISSING, f"{job.size} bytes", "nothing")
    if info.size != job.size:
        return Seen(Kind.SIZE, f"{job.size} bytes", f"{info.size} bytes")
    return _content(bucket, job, info)


def _content(bucket: Bucket, job: CopyJob, info: ObjectInfo) -> Seen:
    expected = Expected(job.size or 0, job.sha256, job.file.md5)
    is_told = bucket.verifies and bool(info.sha256)
    if is_told:
        is_same, found = info.sha256 == job.sha256, f"SHA-256 {info.sha256}"
    elif job.etag:
        is_same, found = info.etag == job.etag, f"ETag {info.etag or 'none'}"
    else:
        is_same, found = not _was_rewritten(bucket, job, info.last_modified), "written anew"
    proof = None
    if not is_same:
        read = proofs.read_back(bucket.store, info, expected)
        if read.is_same is None and not job.etag:
            return Seen(error=AccessDenied("The object may not be read to compare it."))
        if not read.is_same:
            return Seen(Kind.CONTENT, f"SHA-256 {job.sha256}", found)
        proof = read.evidence
    elif is_told and info.etag != job.etag:
        proof = Evidence("checksum", f"sha256:{info.sha256}", info.etag, info.version_id)
    expected_words, found_words = _metadata(job, info)
    if expected_words:
        return Seen(Kind.METADATA, expected_words, found_words, proof=proof)
    return Seen(proof=proof) if proof else AS_IT_SHOULD_BE


def _metadata(job: CopyJob, info: ObjectInfo) -> tuple[str, str]:
    """What the object should say of itself and what it says instead; nothing where it agrees."""
    if job.reason == Reason.ALREADY_THERE:
        return "", ""  # it was not written by us
    wanted = {"uuid": str(job.file.pk), "sha256": job.sha256}
    pairs = [(name, text, info.metadata.get(name, "")) for name, text in wanted.items()]
    name, found_name = job.file.original_filename.strip(), info.metadata.get("name", "").strip()
    if len(found_name) < _NAME_COMPARED or not name.startswith(found_name[:_NAME_COMPARED]):
        pairs.append(("name", name, found_name))
    if job.content_type:
        pairs.append(("type", _plain_type(job.content_type), _plain_type(info.content_type)))
    wrong = [pair for pair in pairs if pair[1] != pair[2]]
    return (
        ", ".join(f"{name}: {text}" for name, text, _ in wrong),
        ", ".join(f"{name}: {found or 'none'}" for name, _, found in wrong),
    )


def _plain_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def identify(bucket: Bucket, listed: Listed) -> ObjectInfo | None:
    """What an object that the ledger does not know says of itself; None where it is not there."""
    try:
        return bucket.store.head(listed.key)
    except ObjectMissing:
        return None


def prove(bucket: Bucket, key: str, expected: Expected, *, uuid: str) -> Evidence | None:
    """The proof that an unknown object has a file's bytes, or None."""
    found = proofs.compare(
        bucket.store, key, expected, uuid=uuid, is_verified_by_provider=bucket.verifies
    )
    return found.evidence if found else None
