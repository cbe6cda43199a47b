"""The records of a backup in its bucket: a run writes what changed, in segments.

``CopyJob.record`` says in which segment the line of a file stands. Whoever changes what the line
says sets it to NULL; a run claims those copies for a new segment and only then reads them, so that
a change in between is NULL again and comes with the next run. Lines of a retired segment move on
into new ones. So a run costs what changed, and memory holds one segment's keys.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from storages_app.backups import evidence, manifest
from storages_app.backups.manifest import Line, Manifest, Writing
from storages_app.copying import evidence as proofs
from storages_app.custom_storages.connect import put_options
from storages_app.lib.crashpoints import crashpoint
from storages_app.models import BackupRun, BackupSegment, CopyJob, CustomStorage, File
from storages_app.models.copy_jobs import TERMINAL_STATES, CopyJobQuerySet, State
from storages_app.objectstores.base import ObjectStore, PutReceipt
from storages_app.objectstores.errors import ChecksumRefused, ObjectMissing

_PAGE = 500
_N_LOOKED_AT = 16  # segments, in one run


class LostRun(Exception):
    """The run was turned off, or another worker holds it; whatever was begun here must stop."""


@dataclass(frozen=True)
class Keeper:
    """What writing a run's records needs. `stay` prolongs the lease, or raises LostRun."""

    run: BackupRun
    store: ObjectStore
    stay: Callable[[], None]

    @property
    def storage(self) -> CustomStorage:
        return self.run.plan.custom_storage

    def segments(self) -> QuerySet[BackupSegment]:
        """The segments of this plan in this storage that count, oldest first."""
        return BackupSegment.objects.filter(
            plan=self.run.plan, custom_storage=self.storage, retired_at=None
        ).order_by("pk")


# --- Claiming what changed -------------------------------------------------------------------


def write_changed(keeper: Keeper) -> None:
    """Bring the records in the bucket up to the ledger; can be repeated after any fault."""
    _retire_lost(keeper)
    _retire_all_if_mostly_dead(keeper)
    while segment := _unwritten(keeper) or _claim(keeper):
        crashpoint("backup_records_claimed")
        _write(keeper, segment)
        keeper.stay()


def _unwritten(keeper: Keeper) -> BackupSegment | None:
    """A segment that was claimed by a worker that died, or that the bucket did not take."""
    return keeper.segments().filter(sha256="").first()


def _retire_lost(keeper: Keeper) -> None:
    """Segments that are gone from the bucket, or are not what they were, are written anew.

    A few in each run, in turn, so that all are looked at in time and none costs every run.
    """
    if not keeper.storage.can("read"):
        return
    for segment in _next_segments(keeper):
        if not _is_there(keeper.store, segment):
            BackupSegment.objects.filter(pk=segment.pk).update(retired_at=timezone.now())
        keeper.stay()


def _next_segments(keeper: Keeper) -> QuerySet[BackupSegment]:
    written = keeper.segments().exclude(sha256="")
    pks = list(written.values_list("pk", flat=True))
    n_before = BackupRun.objects.filter(plan=keeper.run.plan, pk__lt=keeper.run.pk).count()
    first = n_before * _N_LOOKED_AT % max(len(pks), 1)
    return written.filter(pk__in=(pks[first:] + pks[:first])[:_N_LOOKED_AT])


def _is_there(store: ObjectStore, segment: BackupSegment) -> bool:
    try:
        found = store.head(segment.key)
    except ObjectMissing:
        return False
    is_other = found.sha256 and found.sha256 != segment.sha256
    return found.size == segment.size and not is_other


def _retire_all_if_mostly_dead(keeper: Keeper) -> None:
    """Once most lines say nothing any more, all are written anew, and removed files forgotten.

    A line that drops a file must stay as long as an older line of it does; only where all go
    together may it go as well. Seldom enough that its cost is that of the changes before it.
    """
    n_lines = keeper.segments().aggregate(n=Coalesce(Sum("n_lines"), 0))["n"]
    if n_lines <= 2 * keeper.run.n_files + manifest.MAX_LINES:
        return
    with transaction.atomic():
        keeper.segments().update(retired_at=timezone.now())
        removed = _jobs(keeper).filter(record__isnull=False, file__stored_at=None)
        File.objects.filter(pk__in=removed.values("file"), is_backup_ordered=True).update(
            is_backup_ordered=False
        )
        removed.update(is_backup=False, record=None)


def _jobs(keeper: Keeper) -> CopyJobQuerySet:
    return evidence.backup_jobs(keeper.run.plan)


def _claim(keeper: Keeper) -> BackupSegment | None:
    """Put the next copies without a current line into a segment to be; None if there are none."""
    with transaction.atomic():
        changed = _changed(keeper)
        pks = list(changed.order_by("pk").values_list("pk", flat=True)[: manifest.MAX_LINES])
        if pks:
            _absorb_small(keeper, len(pks))
        moved_pks = _moved(keeper)[: manifest.MAX_LINES - len(pks)]
        if not pks and not moved_pks:
            return None
        _count(keeper, changed.filter(pk__in=pks))
        segment = _new_segment(keeper)
        changed.filter(pk__in=pks).update(record=segment)
        CopyJob.objects.filter(pk__in=moved_pks).update(record=segment)
    return segment


def _moved(keeper: Keeper) -> list[int]:
    """Copies whose line stands in a segment that counts no more.

    Segment by segment: asked in one query, SQLite passes by every copy of the backup.
    """
    retired = BackupSegment.objects.filter(
        Exists(CopyJob.objects.filter(record=OuterRef("pk"))),
        plan=keeper.run.plan,
        custom_storage=keeper.storage,
        retired_at__isnull=False,
    )
    pks: list[int] = []
    for segment in retired.order_by("pk"):
        room = manifest.MAX_LINES - len(pks)
        if not room:
            break
        pks += CopyJob.objects.filter(record=segment).values_list("pk", flat=True)[:room]
    return pks


def _changed(keeper: Keeper) -> CopyJobQuerySet:
    """Copies that have ended and whose line is missing or old; of the snapshot, or of no file."""
    in_snapshot = Q(file__stored_at__lte=keeper.run.snapshot_at) | Q(file__stored_at=None)
    return _jobs(keeper).filter(in_snapshot, record=None, state__in=TERMINAL_STATES)


def _absorb_small(keeper: Keeper, n_lines: int) -> None:
    """Let the new segment take the newest ones in, while they are no larger than it will be.

    So a backup with a few changes in each of many runs has few segments.
    """
    for segment in keeper.segments().exclude(sha256="").order_by("-pk"):
        is_heavy = segment.size > manifest.MAX_BYTES // 2
        if is_heavy or segment.n_lines > min(n_lines, manifest.MAX_LINES - n_lines):
            break
        BackupSegment.objects.filter(pk=segment.pk).update(retired_at=timezone.now())
        n_lines += segment.n_lines


def _count(keeper: Keeper, changed: CopyJobQuerySet) -> None:
    """Add to the run's figures, in the transaction that claims: a run that goes on adds once."""
    run = keeper.run
    before = BackupRun.objects.filter(plan=run.plan, pk__lt=run.pk).exclude(manifest_sha256="")
    since = before.order_by("-pk").values_list("finished_at", flat=True).first()
    of_file = Q(file__stored_at__isnull=False)
    is_new = Q(state=State.DONE) & of_file & (Q(finished_at__gt=since) if since else Q())
    found = changed.aggregate(
        n_new=Count("pk", filter=is_new),
        n_bytes=Coalesce(Sum("size", filter=is_new), 0),
        n_changed=Count("pk", filter=~is_new & (Q(state=State.DONE) | ~of_file)),
    )
    held = BackupRun.objects.filter(pk=run.pk, fence=run.fence, finished_at=None)
    if not held.update(**{name: F(name) + number for name, number in found.items()}):
        raise LostRun


def _new_segment(keeper: Keeper) -> BackupSegment:
    return BackupSegment.objects.create(plan=keeper.run.plan, custom_storage=keeper.storage, key="")


def _key_for(keeper: Keeper, segment: BackupSegment) -> str:
    """Another one for each worker that tries: what a former one still sends must change nothing."""
    run = keeper.run
    if run.snapshot_at is None:
        raise LostRun  # a run that was started has one
    return manifest.records_key(
        prefix=keeper.storage.prefix,
        public_key=run.plan.project.public_key,
        moment=run.snapshot_at,
        n=f"{segment.pk}-{run.fence}",
    )


# --- Writing ---------------------------------------------------------------------------------


def _write(keeper: Keeper, segment: BackupSegment) -> None:
    """Write the lines of the copies that the segment has now; a next one gets what is too much."""
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as out:
        writing = Writing(out)
        writing.head(
            {
                "format": manifest.RECORDS_FORMAT,
                "public_key": keeper.run.plan.project.public_key,
                "run": keeper.run.pk,
            }
        )
        for job, line in _lines(keeper, segment):
            if writing.is_full:
                _split(keeper, segment, job)
                break
            writing.add(line)
        writing.seal()
        key = _key_for(keeper, segment)
        _name(segment, key)
        receipt = put_proved(keeper.store, keeper.storage, key, writing)
    crashpoint("backup_records_written")
    keeper.stay()
    BackupSegment.objects.filter(pk=segment.pk, sha256="").update(
        key=key,
        sha256=writing.sha256,
        size=writing.size,
        n_lines=writing.n_lines,
        version_id=receipt.version_id,
    )


@transaction.atomic
def _name(segment: BackupSegment, key: str) -> None:
    """Write down where the object will be, before it is sent: retention finds no others.

    Where a worker that died or gave up may have sent one, a retired segment stays to name it.
    """
    if segment.key:
        BackupSegment.objects.create(
            plan_id=segment.plan_id,
            custom_storage_id=segment.custom_storage_id,
            key=segment.key,
            retired_at=timezone.now(),
        )
    BackupSegment.objects.filter(pk=segment.pk, sha256="").update(key=key)


def _split(keeper: Keeper, segment: BackupSegment, first: CopyJob) -> None:
    with transaction.atomic():
        rest = CopyJob.objects.filter(record=segment, pk__gte=first.pk)
        rest.update(record=_new_segment(keeper))


def _lines(keeper: Keeper, segment: BackupSegment) -> Iterator[tuple[CopyJob, Line]]:
    """Page by page: SQLite takes no write of a connection that still reads when others wrote."""
    jobs = CopyJob.objects.filter(record=segment).select_related("file").order_by("pk")
    last = 0
    while page := list(jobs.filter(pk__gt=last)[:_PAGE]):
        yield from _lines_of(keeper, page)
        last = page[-1].pk
        keeper.stay()


def _lines_of(keeper: Keeper, jobs: list[CopyJob]) -> Iterator[tuple[CopyJob, Line]]:
    """What is to be said of each file: where its proved copy is, or that there is none.

    A file may have two copies, where the prefix has changed; the one that is proved counts.
    """
    lost = [job for job in jobs if not _is_proved(job)]
    others = {
        job.file_id: job
        for job in evidence.proved(keeper.run.plan)
        .filter(file__in=[job.file_id for job in lost])
        .select_related("file")
    }
    for job in jobs:
        proved = job if _is_proved(job) else others.get(job.file_id)
        yield job, manifest.put_line(proved) if proved else manifest.drop_line(job)


def _is_proved(job: CopyJob) -> bool:
    return job.state == State.DONE and job.file.is_stored and not job.file.is_removed


def put_proved(
    store: ObjectStore, custom_storage: CustomStorage, key: str, writing: Writing
) -> PutReceipt:
    """Send what was written, and know that it is there; ChecksumRefused where it is not."""
    writing.out.seek(0)
    receipt = store.put(
        key,
        writing.out,
        size=writing.size,
        sha256=writing.sha256,
        md5=writing.md5,
        # Never in an archive class: a restore begins with it.
        options=put_options(custom_storage, content_type="application/x-ndjson", storage_class=""),
    )
    expected = proofs.Expected(writing.size, writing.sha256, writing.md5)
    is_verified = custom_storage.can("verifies_checksum")
    if not proofs.of_receipt(receipt, expected, is_verified_by_provider=is_verified) and (
        not proofs.compare_by_reading(store, key, sha256=writing.sha256)
    ):
        raise ChecksumRefused("What is in the bucket now is not what was sent.")
    return receipt


# --- The manifest ----------------------------------------------------------------------------


def write_manifest(keeper: Keeper, *, n_bytes: int) -> None:
    """Name all that counts, as the last thing that a run writes, and read it as a restore does."""
    run, plan = keeper.run, keeper.run.plan
    if run.snapshot_at is None:
        raise LostRun
    key = manifest.manifest_key(
        prefix=keeper.storage.prefix, public_key=plan.project.public_key, moment=run.snapshot_at
    )
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as out:
        writing = _manifest_of(keeper, out, n_bytes)
        # Named before it is sent: a run that is stopped meanwhile leaves nothing unknown behind.
        held = BackupRun.objects.filter(pk=run.pk, fence=run.fence, finished_at=None)
        if not held.update(manifest_key=key):
            raise LostRun
        run.manifest_key = key
        put_proved(keeper.store, keeper.storage, key, writing)
    if keeper.storage.can("read"):
        _require_same(manifest.open_manifest(keeper.store, key), keeper)
    crashpoint("backup_manifest_written")
    run.manifest_sha256 = writing.sha256


def _manifest_of(keeper: Keeper, out: BinaryIO, n_bytes: int) -> Writing:
    run, plan = keeper.run, keeper.run.plan
    writing = Writing(out)
    writing.head(
        {
            "format": manifest.MANIFEST_FORMAT,
            "project": plan.project.name,
            "public_key": plan.project.public_key,
            "run": run.pk,
            "snapshot_at": run.snapshot_at.isoformat() if run.snapshot_at else None,
            "files": run.n_files - run.n_gaps,
            "bytes": n_bytes,
            "gaps": run.n_gaps,
        }
    )
    for segment in keeper.segments().exclude(sha256=""):
        writing.add(
            {
                "key": segment.key,
                "sha256": segment.sha256,
                "size": segment.size,
                "n_lines": segment.n_lines,
                "version_id": segment.version_id,
            }
        )
    writing.seal()
    return writing


def _require_same(found: Manifest, keeper: Keeper) -> None:
    named = [segment.key for segment in found.segments]
    meant = list(keeper.segments().exclude(sha256="").values_list("key", flat=True))
    if found.head.get("run") != keeper.run.pk or named != meant:
        raise ChecksumRefused("The manifest in the bucket is not the one that was sent.")
