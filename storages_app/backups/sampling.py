"""Reading copies back: a few in each run, one after the other, so that all are read in time."""

import hashlib
from collections.abc import Callable, Iterator

from django.db.models import F
from django.utils import timezone

from storages_app.backups import evidence
from storages_app.lib.crashpoints import crashpoint
from storages_app.models import BackupPlan, BackupRun, CopyJob, Event, Reason
from storages_app.models.copy_jobs import State
from storages_app.objectstores.base import ObjectStore
from storages_app.objectstores.errors import Archived, ObjectMissing

# Of one run, so that it stays quick; one that is larger than this is read alone.
_MAX_BYTES = 256 * 1024 * 1024
_ARCHIVED = "Copies in an archive class are not read back; a restore has to thaw them first."


def read_sample(run: BackupRun, store: ObjectStore, stay: Callable[[], None]) -> None:
    """Read the next copies back; one that differs is a gap of this very run.

    What a run has read is written down copy by copy: one that is taken up again reads on.
    """
    if not run.plan.custom_storage.can("read"):
        return
    for job in _next_copies(run):
        try:
            is_same = _reads_as_copied(store, job, stay)
        except Archived:
            run.note = _ARCHIVED
            BackupRun.objects.filter(pk=run.pk).update(note=run.note)
            return
        _write_down(run, job, is_same=is_same)
        crashpoint("backup_sample_read")
        stay()


def _next_copies(run: BackupRun) -> Iterator[CopyJob]:
    """Copies after the last one that was read, and from the first again; each at most once."""
    n_left = run.plan.sample_size - run.n_sampled
    proved = evidence.proved(run.plan).filter(file__stored_at__lte=run.snapshot_at)
    unread = proved.exclude(verified_at__gte=run.started_at, pk__lte=run.plan.sample_cursor)
    after = unread.filter(pk__gt=run.plan.sample_cursor)
    before = unread.filter(pk__lte=run.plan.sample_cursor)
    n_bytes = 0
    for jobs in (after, before):
        for job in jobs.select_related("file").order_by("pk")[: max(n_left, 0)]:
            n_bytes += job.size or 0
            if n_bytes > _MAX_BYTES and n_bytes != job.size:
                return
            n_left -= 1
            yield job


def _reads_as_copied(store: ObjectStore, job: CopyJob, stay: Callable[[], None]) -> bool:
    digest, n_read = hashlib.sha256(), 0
    try:
        with store.get(job.key, version_id=job.version_id) as chunks:
            for chunk in chunks:
                digest.update(chunk)
                n_read += len(chunk)
                if n_read > _MAX_BYTES:
                    n_read = 0
                    stay()
    except ObjectMissing:
        return False
    return digest.hexdigest() == job.sha256


def _write_down(run: BackupRun, job: CopyJob, *, is_same: bool) -> None:
    run.n_sampled += 1
    run.n_sample_matches += is_same
    run.plan.sample_cursor = job.pk
    BackupPlan.objects.filter(pk=run.plan.pk).update(sample_cursor=job.pk)
    BackupRun.objects.filter(pk=run.pk, fence=run.fence).update(
        n_sampled=F("n_sampled") + 1, n_sample_matches=F("n_sample_matches") + int(is_same)
    )
    same = CopyJob.objects.filter(pk=job.pk, fence=job.fence, state=State.DONE)
    if is_same:
        same.update(verified_at=timezone.now())
    elif same.update(
        state=State.FAILED,
        reason=Reason.DEST_CHECKSUM_MISMATCH,
        detail="Read back by a backup run: missing, or not the bytes that were copied.",
        record=None,
    ):
        Event.objects.record(
            "copy.failed",
            actor=f"backup run {run.pk}",
            subject=job.file.original_filename,
            subject_id=job.pk,
            project=run.plan.project,
            data={"reason": Reason.DEST_CHECKSUM_MISMATCH, "url": job.url},
        )
