"""Why a copy did not end well, and what to do, in words; one text for each reason of the ledger."""

from dataclasses import dataclass
from functools import cache

from storages_app.bulk_copies.orders import OTHER_ACCESS
from storages_app.models import CopyJob, CustomStorage, Reason
from storages_app.models.copy_jobs import State
from storages_app.objectstores.errors import by_code, sentence_of


@dataclass(frozen=True)
class Explanation:
    why: str
    fix: str


NOTHING_TO_DO = "Nothing to do."

# What does not come from the bucket, or is better said for one copy than for the whole storage.
_OWN_TEXTS = {
    Reason.AUTH_DENIED: (
        "The bucket refused these credentials.",
        "Run the storage's connection test: it names the action to allow.",
    ),
    Reason.KEY_CONFLICT: (
        "Another file has this name in the bucket already, with other bytes.",
        "Put ${uuid} into the key pattern, or choose what happens when a name is taken.",
    ),
    Reason.TOO_LARGE_5GB: (
        "The file is over 5 GB, the limit for one copy.",
        "Nothing helps for this file; smaller ones are copied.",
    ),
    Reason.PROCESSED_TOO_LARGE_100MB: (
        "Processed copies are limited to 100 MB.",
        "Copy the original instead.",
    ),
    Reason.SOURCE_MISSING: (
        "The original is not in the upload storage any more.",
        "Tell the operator: the disk or bucket with the originals needs a look.",
    ),
    Reason.SOURCE_CHECKSUM_MISMATCH: (
        "The original has other bytes than when it was uploaded, so it was not copied.",
        "Tell the operator: the disk with the originals may be damaged.",
    ),
    Reason.DEST_UNVERIFIABLE: (
        "The copy was written, but the provider gives no proof and we may not read it back.",
        "Allow s3:GetObject on the prefix, then copy again.",
    ),
    Reason.DEST_CHECKSUM_MISMATCH: (
        "The object in the bucket is missing, or has other bytes than were copied.",
        "Copy again; a backup does so in its next run. If it comes back, others write there.",
    ),
    Reason.PROCESSING_FAILED: (
        "The image could not be processed.",
        "Check that the file is an image and the operations fit it, or copy the original.",
    ),
    Reason.CANCELLED_BY_USER: ("Somebody cancelled it.", "Copy again when you want it."),
    Reason.STORAGE_DELETED: ("The storage was disconnected.", "Connect the bucket again."),
    Reason.ATTEMPTS_EXHAUSTED: (
        "It was tried for long enough without success.",
        "Run the storage's connection test, mend what it says, and retry.",
    ),
    Reason.ALREADY_THERE: ("The same bytes were in the bucket already.", NOTHING_TO_DO),
    Reason.EXCLUDED_BY_RULE: ("A rule of this storage leaves such files out.", NOTHING_TO_DO),
    Reason.FILE_DELETED: ("The file was deleted before it was copied.", NOTHING_TO_DO),
    Reason.KEY_EXISTS_SKIPPED: (
        "Another file has this name in the bucket, and the storage keeps what is there.",
        "Put ${uuid} into the key pattern if both are wanted.",
    ),
    Reason.WORKER_CRASHED: (
        "Workers stopped in the middle of this copy three times.",
        "Tell the operator, and retry.",
    ),
    Reason.DISK_FULL: ("This instance has no room to prepare the copy.", "Tell the operator."),
    Reason.INTERNAL: (
        "The provider answered with something we do not know.",
        "Look at the details, run the storage's connection test, and retry.",
    ),
}

# A gap of jobs of many files only; each copy by itself is fine.
_OTHER_ACCESS = (
    "The copy that is there is public and was asked for as private, or the other way round.",
    "Change the object's ACL at your provider, or copy again with another key pattern.",
)


@cache
def explanations() -> dict[str, Explanation]:
    """Reason → why and what to do; what the object stores say about themselves comes first."""
    texts = {
        code: Explanation(sentence_of(error), error.hint or _TRY_AGAIN)
        for code, error in by_code().items()
    }
    texts |= {reason.value: Explanation(*text) for reason, text in _OWN_TEXTS.items()}
    return texts | {OTHER_ACCESS: Explanation(*_OTHER_ACCESS)}


_TRY_AGAIN = "It is tried again by itself; run the storage's connection test if it stays."


_RESUME = Explanation("The storage is paused.", "Resume it: its copies go on by themselves.")
_CONNECT = Explanation(
    "The storage is not connected yet.", "Connect it: its copies go on by themselves."
)
_MEND = Explanation(
    "The storage has failed its check.", "Open the storage and run its test: it says what to do."
)
_GOES_ON = Explanation("The storage works again.", NOTHING_TO_DO)


def explain(job: CopyJob) -> Explanation | None:
    """The text for a copy that waits, failed or was skipped; None where nothing is wrong."""
    if job.state == State.BLOCKED:
        return why_waits(job.custom_storage)
    if job.state == State.UNVERIFIED:
        return explanations().get(job.reason or Reason.DEST_UNVERIFIABLE)
    return explanations().get(job.reason) if job.reason else None


def why_waits(storage: CustomStorage) -> Explanation:
    """Why it takes no copies now; what a waiting copy says itself is of an attempt before."""
    if storage.removed_at:
        return explanations()[Reason.STORAGE_DELETED]
    if storage.is_paused:
        return _RESUME
    if storage.is_draft:
        return _CONNECT
    if storage.is_broken:
        return explanations().get(storage.circuit_reason, _MEND)
    return _GOES_ON  # its row is told so in a moment
