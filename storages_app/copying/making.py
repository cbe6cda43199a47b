"""How one copy is made: read, put, prove. Runs in a thread of the pump and knows no database.

Everything it needs is in the `Assignment`; what has to be durable before the next step goes
through `commit`, which says False when the job belongs to another worker by now.
"""

import logging
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from storages_app.copying import evidence as proofs
from storages_app.copying import multipart, server_side, sources
from storages_app.copying.assignments import Assignment, Commit, LostJob, must
from storages_app.copying.evidence import Comparison, Evidence, Expected
from storages_app.copying.orders import MAX_ORIGINAL, MAX_PROCESSED
from storages_app.copying.sources import Source, SourceBroken, moving
from storages_app.custom_storages import key_patterns
from storages_app.custom_storages.connect import put_options
from storages_app.imaging.errors import ImagingBusy
from storages_app.lib.crashpoints import crashpoint
from storages_app.lib.errors import UcdashError
from storages_app.models import CopyJob, CustomStorage, Reason
from storages_app.models.copy_jobs import State
from storages_app.objectstores.base import PutOptions
from storages_app.objectstores.errors import (
    ChecksumRefused,
    ConnectionFailed,
    KeyTaken,
    ObjectMissing,
    ObjectStoreError,
    ServerError,
    TimedOut,
)

__all__ = [
    "Assignment",
    "LostJob",
    "Outcome",
    "health_of",
    "make_copy",
    "outcome_of_bucket_error",
    "unforeseen",
]

log = logging.getLogger(__name__)

# After one of these the write may have happened all the same: the bucket is asked.
_AMBIGUOUS = (ConnectionFailed, TimedOut, ServerError)


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended, as the ledger will say it."""

    state: State
    reason: str = ""
    detail: str = ""
    error: ObjectStoreError | None = None
    evidence: Evidence | None = None
    expected: Expected | None = None
    content_type: str = ""
    new_key: str = ""  # keep both: try again under this key


def make_copy(assignment: Assignment, commit: Commit) -> Outcome:
    """Make one copy; never raises except LostJob."""
    try:
        refusal = _too_large(assignment)
        if refusal:
            return refusal
        _abort_stale_upload(assignment, commit)
        settled = _let_provider_copy(assignment)
        if settled:
            return settled
        with sources.open_source(assignment.job, assignment.others) as source:
            assignment.touch()
            return _write_and_prove(assignment, source, commit)
    except LostJob:
        raise
    except Exception as error:  # noqa: BLE001 - the edge of a worker: every fault is an outcome
        return _outcome_of(error, assignment.job)


def _outcome_of(error: Exception, job: CopyJob) -> Outcome:
    if isinstance(error, SourceBroken):
        return Outcome(State.FAILED, error.reason, error.detail)
    if isinstance(error, ObjectStoreError):
        return outcome_of_bucket_error(error)
    if isinstance(error, ImagingBusy):
        return Outcome(State.RETRY_WAIT, Reason.PROCESSING_FAILED, error.message)
    if isinstance(error, UcdashError):  # the image could not be made
        reason = error.code if error.code in Reason.values else Reason.PROCESSING_FAILED
        state = State.SKIPPED if reason == Reason.PROCESSED_TOO_LARGE_100MB else State.FAILED
        return Outcome(state, reason, error.message)
    return unforeseen(error, at=f"job {job.pk}")


def unforeseen(error: Exception, *, at: str) -> Outcome:
    """It is ours to mend: the log has it, and the copy waits."""
    log.error("A copy met something unforeseen: %s", at, exc_info=error)
    return Outcome(State.RETRY_WAIT, Reason.INTERNAL, "An unforeseen fault; see the log.")


def outcome_of_bucket_error(error: ObjectStoreError) -> Outcome:
    """What a refusal of the bucket means for the job."""
    reason = error.code if error.code in Reason.values else Reason.INTERNAL
    return Outcome(
        State.FAILED if _is_final(error) else State.RETRY_WAIT,
        reason,
        error.message,
        error=error,
    )


def _is_final(error: ObjectStoreError) -> bool:
    """A refusal that we do not know is not made good by asking again."""
    is_unknown_refusal = type(error) is ObjectStoreError and 400 <= (error.http_status or 0) < 500
    return error.kind == "permanent" or is_unknown_refusal


def _too_large(assignment: Assignment) -> Outcome | None:
    if assignment.file.size > MAX_ORIGINAL:
        return Outcome(State.SKIPPED, Reason.TOO_LARGE_5GB, "The original is over 5 GB.")
    if assignment.job.effects and assignment.file.size > MAX_PROCESSED:
        return Outcome(
            State.SKIPPED, Reason.PROCESSED_TOO_LARGE_100MB, "The original is over 100 MB."
        )
    return None


def _abort_stale_upload(assignment: Assignment, commit: Commit) -> None:
    """A multipart upload of a former attempt: aborting it also stops a worker that still sends."""
    job = assignment.job
    if job.upload_id:
        assignment.store.abort_multipart(job.key, job.upload_id)
        must(commit({"upload_id": ""}))
        job.upload_id = ""
    elif job.takeovers and assignment.file.size > assignment.multipart_threshold:
        _abort_unknown_uploads(assignment)


def _abort_unknown_uploads(assignment: Assignment) -> None:
    """A worker may have died between opening an upload and noting its id.

    Nobody else of ours writes this key now, so what is open under it is that worker's.
    """
    key = assignment.job.key
    try:
        # radosgw encodes the keys of this listing without saying so; an id fits one key only.
        stale = [
            found
            for found in assignment.store.list_multiparts(key)
            if key in {found.key, unquote(found.key)}
        ]
        for upload in stale:
            assignment.store.abort_multipart(key, upload.upload_id)
    except ObjectStoreError as error:  # the right to list uploads is not needed for copying
        log.info("Open uploads could not be looked for: %s", error.code)


def _let_provider_copy(assignment: Assignment) -> Outcome | None:
    """A copy inside one S3; None where it is not to be had: then the bytes go through us."""
    origin = server_side.origin_of(assignment)
    if origin is None or not _minds_condition_of_copy(assignment):
        return None
    source = sources.unopened(assignment.job)
    settled = _look(assignment, source)
    if settled or _replaced(assignment):  # only a write of ours minds what it replaces
        return settled
    try:
        receipt = server_side.copy(assignment, origin, _options(assignment, source))
    except KeyTaken:
        return None
    except _AMBIGUOUS as error:
        return _ask_after_lost_reply(assignment, source, error)
    except ObjectStoreError as error:
        log.info("The provider made no copy by itself: %s", error.code)
        server_side.remember_refusal(assignment)
        return None
    crashpoint("copy_written")
    proof = proofs.of_receipt(
        receipt, source.expected, is_verified_by_provider=assignment.is_verified_by_provider
    )
    if proof is None or proof.method != "checksum":
        found = _compare(assignment, source)
        proof = found.evidence if found else None
    # Without a proof the original itself may be damaged, which is found by reading it.
    return _done(source, proof) if proof else None


def _write_and_prove(assignment: Assignment, source: Source, commit: Commit) -> Outcome:
    settled = _look_first(assignment, source)
    if settled:
        return settled
    try:
        if source.expected.size > assignment.multipart_threshold:
            options = _options(assignment, source)
            proof = multipart.put_in_parts(assignment, source, options, commit)
        else:
            proof = _put_whole(assignment, source)
    except KeyTaken:
        return _settle_taken_key(assignment, source, commit)
    except ObjectMissing:  # what was to be replaced
        return Outcome(State.RETRY_WAIT, Reason.SERVER_ERROR, "The key was taken, then free.")
    except _AMBIGUOUS as error:
        return _ask_after_lost_reply(assignment, source, error)
    crashpoint("copy_written")
    if proof:
        return _done(source, proof)
    return _prove_by_looking(assignment, source, commit)


def _done(source: Source, proof: Evidence, reason: str = "") -> Outcome:
    return Outcome(
        State.DONE,
        reason,
        evidence=proof,
        expected=source.expected,
        content_type=source.content_type,
    )


def _compare(assignment: Assignment, source: Source) -> Comparison | None:
    assignment.touch()
    return proofs.compare(
        assignment.store,
        assignment.job.key,
        source.expected,
        uuid=str(assignment.file.uuid),
        is_verified_by_provider=assignment.is_verified_by_provider,
        trusts_etag=not server_side.has_originals(assignment.storage),
    )


def _is_conditional(assignment: Assignment) -> bool:
    return assignment.storage.can("conditional_put") and not _may_overwrite(assignment)


def _replaced(assignment: Assignment) -> str:
    """The ETag that a write over another object is conditional on.

    Who had this copy before may be asleep in the middle of such a write. When it wakes, the object
    is another one, proved by then, and its bytes are refused.
    """
    return assignment.replaces if assignment.storage.can("conditional_replace") else ""


def _minds_condition_of_copy(assignment: Assignment) -> bool:
    """Whether the provider's own copy is as safe from clashes as one that we send."""
    return assignment.storage.can("conditional_copy") or not _is_conditional(assignment)


def _may_overwrite(assignment: Assignment) -> bool:
    return assignment.may_overwrite or assignment.job.on_clash == CustomStorage.OnClash.OVERWRITE


def _look_first(assignment: Assignment, source: Source) -> Outcome | None:
    """Where the provider would not catch a clash for us, look before writing.

    So too where a late holder reported: the object is there, most likely, and right.
    """
    is_new = _is_conditional(assignment) and not assignment.job.late_holders
    return None if is_new else _look(assignment, source)


def _look(assignment: Assignment, source: Source) -> Outcome | None:
    found = _compare(assignment, source)
    assignment.replaces = ""
    if found is None or found.is_same is None:
        return None
    if found.is_same or not (found.is_damaged_own or _may_overwrite(assignment)):
        return _settle(assignment, source, found)
    assignment.may_overwrite = assignment.may_overwrite or found.is_damaged_own
    assignment.replaces = found.etag
    return None


def _settle_taken_key(assignment: Assignment, source: Source, commit: Commit) -> Outcome:
    found = _compare(assignment, source)
    if found is None:  # it was taken a moment ago and is gone now
        return Outcome(State.RETRY_WAIT, Reason.SERVER_ERROR, "The key was taken, then free.")
    if found.is_same is not False or not (found.is_damaged_own or _may_overwrite(assignment)):
        return _settle(assignment, source, found)
    if assignment.may_overwrite or assignment.replaces:
        return Outcome(State.RETRY_WAIT, Reason.SERVER_ERROR, "Another wrote this object as well.")
    assignment.may_overwrite = True
    source.body.seek(0)
    return _write_and_prove(assignment, source, commit)


def _settle(assignment: Assignment, source: Source, found: Comparison) -> Outcome:
    """There is an object under the key: ours, another's, or nobody may look."""
    if found.evidence:
        return _done(source, found.evidence, Reason.ALREADY_THERE)
    if found.is_same is None:
        return Outcome(
            State.UNVERIFIED,
            Reason.DEST_UNVERIFIABLE,
            "An object is under this key, and it may not be read to compare it.",
            expected=source.expected,
        )
    job = assignment.job
    if job.on_clash == CustomStorage.OnClash.SKIP:
        return Outcome(State.SKIPPED, Reason.KEY_EXISTS_SKIPPED, "Other bytes are under this key.")
    if job.on_clash == CustomStorage.OnClash.KEEP_BOTH:
        return Outcome(State.PENDING, new_key=_next_key(job.key))
    return Outcome(
        State.FAILED,
        Reason.KEY_CONFLICT,
        "Destination file with that name already exists. Check the pattern.",
    )


def _next_key(key: str) -> str:
    root, dash, rest = key.rpartition("-")
    number, dot, ext = rest.partition(".")
    if dash and number.isdigit() and 2 <= int(number) < 1000:
        return key_patterns.numbered(f"{root}{dot}{ext}", int(number) + 1)
    return key_patterns.numbered(key, 2)


def _ask_after_lost_reply(
    assignment: Assignment, source: Source, error: ObjectStoreError
) -> Outcome:
    """No answer is no proof of failure: if the object is there, the copy is done."""
    try:
        found = _compare(assignment, source)
    except ObjectStoreError:
        return outcome_of_bucket_error(error)
    if found and found.evidence:
        return _done(source, found.evidence)
    return outcome_of_bucket_error(error)


def _prove_by_looking(assignment: Assignment, source: Source, commit: Commit) -> Outcome:
    """The answer to the write proved nothing: look at the object, in the end by reading it."""
    must(commit({"state": State.WRITTEN}))
    crashpoint("copy_before_verify")
    found = _compare(assignment, source)
    if found and found.evidence:
        return _done(source, found.evidence)
    if found and found.is_same is None:
        return Outcome(
            State.UNVERIFIED,
            Reason.DEST_UNVERIFIABLE,
            "Written, but nothing proves that the bytes are right; allow s3:GetObject.",
            expected=source.expected,
            content_type=source.content_type,
        )
    return Outcome(
        State.RETRY_WAIT,
        Reason.DEST_CHECKSUM_MISMATCH,
        "What is in the bucket is not what was sent.",
    )


def _options(assignment: Assignment, source: Source) -> PutOptions:
    file, storage = assignment.file, assignment.storage
    backup_class = storage.backup_class if assignment.job.is_backup else ""
    return put_options(
        storage,
        storage_class=backup_class or storage.storage_class,
        content_type=source.content_type,
        metadata={
            "uuid": str(file.uuid),
            "sha256": source.expected.sha256,
            "name": file.original_filename,
        },
        only_if_absent=_is_conditional(assignment),
        only_if_etag=_replaced(assignment),
        is_public=assignment.job.is_public,
    )


def _put_whole(assignment: Assignment, source: Source) -> Evidence | None:
    expected = source.expected
    crashpoint("copy_before_put")
    try:
        receipt = assignment.store.put(
            assignment.job.key,
            moving(source.body, assignment.touch),
            size=expected.size,
            sha256=expected.sha256,
            md5=expected.md5,
            options=_options(assignment, source),
        )
    except ChecksumRefused:
        source.require_undamaged()
        raise
    assignment.touch()
    return proofs.of_receipt(
        receipt, expected, is_verified_by_provider=assignment.is_verified_by_provider
    )


Kind = Literal["success", "transient", "owner"]


# It answered all that it was asked, though the copy was not made.
_BUCKET_IS_WELL = (Reason.KEY_CONFLICT, Reason.KEY_EXISTS_SKIPPED, Reason.DEST_UNVERIFIABLE)


def health_of(outcome: Outcome) -> Kind | None:
    """What this outcome says about the bucket; None if nothing."""
    if outcome.error is None:
        if outcome.reason == Reason.DEST_CHECKSUM_MISMATCH:
            return "transient"
        is_well = outcome.state == State.DONE or outcome.new_key
        return "success" if is_well or outcome.reason in _BUCKET_IS_WELL else None
    if _is_final(outcome.error):
        return None
    return "owner" if outcome.error.kind == "owner" else "transient"
