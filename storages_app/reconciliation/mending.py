"""What follows from a difference in the ledger: nothing that was found wrong stays green."""

from django.db import IntegrityError, transaction

from storages_app.copying import auto_copy, orders
from storages_app.copying.evidence import Evidence
from storages_app.models import CopyJob, CustomStorage, Difference, Event, File, Reason
from storages_app.models.copy_jobs import CopyJobQuerySet, State
from storages_app.models.fields import db_now
from storages_app.reconciliation.looking import Seen

Kind, Resolution = Difference.Kind, Difference.Resolution

_PROVED_WORDS = {
    Kind.MISSING: "It was copied, and now it is not in the bucket.",
    Kind.SIZE: "It was copied, and now an object of another size is in its place.",
    Kind.CONTENT: "It was copied, and now other bytes are in its place.",
}


def settle(job: CopyJob, seen: Seen, *, asked_by: str) -> str | None:
    """Write down what was found wrong with a proved copy; how, or None if it is not green any more.

    With the storage's leave the copy is opened again; what is in its place then obeys the clash
    rule, as with any copy. Else it has failed, and the activity says so.
    """
    if seen.kind == Kind.METADATA:
        return Resolution.REPORTED  # the bytes are right, so that the copy is what it promises
    green = CopyJob.objects.filter(pk=job.pk, state=State.DONE, fence=job.fence)
    if job.file.is_removed:
        # Whoever deletes a file may also take its copy away.
        _end(green, state=State.CANCELLED, reason=Reason.FILE_DELETED, detail="")
        return None
    with transaction.atomic():
        if _was_overwritten_by_another(job, seen):
            detail = "A later copy was written over it; see the clash rule."
            return _fail(green, job, reason=Reason.KEY_CONFLICT, detail=detail)
        if job.custom_storage.mends_differences:
            return _open_again(green, job, asked_by=asked_by)
        detail = _PROVED_WORDS[Kind(seen.kind)]
        return _fail(green, job, reason=Reason.DEST_CHECKSUM_MISMATCH, detail=detail)


def _was_overwritten_by_another(job: CopyJob, seen: Seen) -> bool:
    """Two copies of one key would overwrite each other with every check."""
    if seen.kind == Kind.MISSING or job.verified_at is None:
        return False
    same_key = CopyJob.objects.filter(custom_storage=job.custom_storage_id, key=job.key)
    later = same_key.filter(state=State.DONE, verified_at__gte=job.verified_at)
    return later.exclude(pk=job.pk).exists()


def _open_again(green: CopyJobQuerySet, job: CopyJob, *, asked_by: str) -> str | None:
    lane = CopyJob.Lane.BACKUP if job.is_backup else CopyJob.Lane.BULK
    green.update(record=None)
    n_opened = orders.reopen(green, lane=lane, asked_by=asked_by, on_clash=job.on_clash)
    return Resolution.ORDERED if n_opened else None


def _fail(green: CopyJobQuerySet, job: CopyJob, *, reason: str, detail: str) -> str | None:
    if not _end(green, state=State.FAILED, reason=reason, detail=detail):
        return None
    Event.objects.record(
        "copy.failed",
        actor="reconciliation",
        subject=job.file.original_filename,
        subject_id=job.pk,
        project=job.custom_storage.project,
        data={"reason": reason, "storage": job.custom_storage.name, "url": job.url},
    )
    return Resolution.REPORTED


def _end(green: CopyJobQuerySet, *, state: str, reason: str, detail: str) -> int:
    return green.update(
        state=state, reason=reason, detail=detail, finished_at=db_now(), record=None
    )


def renew_proof(job: CopyJob, proof: Evidence) -> None:
    """The same bytes under another ETag or version: the next look compares with these."""
    CopyJob.objects.filter(pk=job.pk, state=State.DONE, fence=job.fence).update(
        evidence=proof.method,
        evidence_checksum=proof.checksum[:120],
        etag=proof.etag[:200],
        version_id=proof.version_id,
        verified_at=db_now(),
        record=None,
    )


def adopt(
    file: File, custom_storage: CustomStorage, key: str, proof: Evidence, *, asked_by: str
) -> CopyJob | None:
    """Take a proved object into the ledger as the copy of a file; None where it has one."""
    backup_keys = {
        order.key
        for order in auto_copy.backup_orders(file)
        if order.custom_storage.pk == custom_storage.pk
    }
    job = CopyJob(
        project_id=custom_storage.project_id,
        file=file,
        custom_storage=custom_storage,
        key=key,
        is_backup=key in backup_keys,
        on_clash=custom_storage.on_clash,
        lane=CopyJob.Lane.BULK,
        asked_by=asked_by,
        state=State.DONE,
        reason=Reason.ALREADY_THERE,
        size=file.size,
        sha256=file.sha256,
        content_type=file.detected_type,
        evidence=proof.method,
        evidence_checksum=proof.checksum[:120],
        etag=proof.etag[:200],
        version_id=proof.version_id,
        verified_at=db_now(),
        finished_at=db_now(),
    )
    try:
        with transaction.atomic():
            job.save(force_insert=True)
    except IntegrityError:
        return None
    return job
