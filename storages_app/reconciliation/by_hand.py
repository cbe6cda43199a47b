"""One copy that somebody looks at: does the bucket still have it, a link to it, away with it.

The bucket is asked while the person waits, so that what takes long is refused.
"""

from datetime import timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import F

from storages_app.custom_storages.connect import open_store
from storages_app.models import CopyJob, Event, Reason
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now
from storages_app.objectstores.errors import ObjectStoreError
from storages_app.reconciliation import mending
from storages_app.reconciliation.errors import (
    BucketDidNotTell,
    CopyNotThere,
    CopyOfBackup,
    NameShared,
    StorageNotConnected,
)
from storages_app.reconciliation.looking import Bucket, look

LINK_LASTS_S = 3_600
IN_BUCKET = (State.DONE, State.UNVERIFIED)


class Found(StrEnum):
    """What the bucket says of a copy that the ledger proves."""

    SAME = "same"
    WRONG = "wrong"  # and the ledger says so now
    OTHER_METADATA = "other_metadata"


def link(*, copy_job: CopyJob) -> str:
    """An address with which anybody may read the object for an hour."""
    _require_there(copy_job)
    try:
        return open_store(copy_job.custom_storage).presigned_url(copy_job.key, seconds=LINK_LASTS_S)
    except ObjectStoreError as error:
        raise BucketDidNotTell(error.message) from error


def verify(*, copy_job: CopyJob, actor: str) -> Found:
    """Look whether the object is what the ledger proves; what is not stays green no longer."""
    _require_there(copy_job, states=(State.DONE,))
    storage = copy_job.custom_storage
    try:
        bucket = Bucket(
            open_store(storage), verifies=storage.can("verifies_checksum"), clock_offset=timedelta()
        )
        seen = look(bucket, copy_job)
    except ObjectStoreError as error:
        raise BucketDidNotTell(error.message) from error
    if seen.error:
        raise BucketDidNotTell(seen.error.message) from seen.error
    _record("copy.verified", copy_job, actor, found=seen.kind or "same")
    if seen.kind and seen.kind != mending.Kind.METADATA:
        mending.settle(copy_job, seen, asked_by=actor[:200])
        return Found.WRONG
    if seen.proof:
        mending.renew_proof(copy_job, seen.proof)
    else:
        held = CopyJob.objects.filter(pk=copy_job.pk, state=State.DONE, fence=copy_job.fence)
        held.update(verified_at=db_now())
    return Found.OTHER_METADATA if seen.kind else Found.SAME


def remove(*, copy_job: CopyJob, actor: str) -> None:
    """Delete the object, after the ledger has ceased to promise it.

    In this order a process that dies in between leaves an object too much, and never a promise
    without one. If the bucket refuses, the promise is taken back up.
    """
    _require_there(copy_job)
    if copy_job.is_backup:
        raise CopyOfBackup
    row = CopyJob.objects.filter(pk=copy_job.pk, fence=copy_job.fence, lease_until=None)
    with transaction.atomic():
        same_key = CopyJob.objects.filter(
            custom_storage=copy_job.custom_storage_id, key=copy_job.key
        ).exclude(pk=copy_job.pk)
        if same_key.exclude(state__in=[State.FAILED, State.SKIPPED, State.CANCELLED]).exists():
            raise NameShared
        n_taken = row.filter(state=copy_job.state).update(
            state=State.CANCELLED,
            reason=Reason.CANCELLED_BY_USER,
            detail=f"Removed from the bucket by {actor}."[:1000],
            finished_at=db_now(),
            fence=F("fence") + 1,
        )
    if not n_taken:
        raise CopyNotThere
    try:
        open_store(copy_job.custom_storage).delete(copy_job.key)
    except ObjectStoreError as error:
        _promise_again(copy_job)
        raise BucketDidNotTell(error.message) from error
    _record("copy.removed", copy_job, actor, url=copy_job.url)


def _promise_again(copy_job: CopyJob) -> None:
    taken = CopyJob.objects.filter(pk=copy_job.pk, fence=copy_job.fence + 1, state=State.CANCELLED)
    taken.update(
        state=copy_job.state,
        reason=copy_job.reason,
        detail=copy_job.detail,
        finished_at=copy_job.finished_at,
    )


def _require_there(copy_job: CopyJob, states: tuple[State, ...] = IN_BUCKET) -> None:
    if copy_job.custom_storage.state in {"removed", "draft"}:
        raise StorageNotConnected
    if copy_job.state not in states:
        raise CopyNotThere


def _record(kind: str, copy_job: CopyJob, actor: str, **data: str) -> None:
    Event.objects.record(
        kind,
        actor=actor,
        subject=copy_job.file.original_filename,
        subject_id=copy_job.pk,
        project=copy_job.project,
        data={"storage": copy_job.custom_storage.name, **data},
    )
