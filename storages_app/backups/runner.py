"""One backup run, step by step: order what is missing, wait for it, read a sample, seal it.

Every step can be repeated: a run whose worker died goes on with the next one.
"""

import logging
import random
import tempfile
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from storages_app.backups import evidence, manifest
from storages_app.backups import orders as runs
from storages_app.copying import auto_copy, orders
from storages_app.copying import evidence as proofs
from storages_app.custom_storages.connect import open_store, put_options
from storages_app.lib.crypto import CannotUnseal
from storages_app.models import BackupPlan, BackupRun, CopyJob, Event, Reason
from storages_app.models.copy_jobs import TERMINAL_STATES, CopyJobQuerySet, State
from storages_app.models.fields import db_now, read_db_now
from storages_app.objectstores.errors import ChecksumRefused, ObjectStoreError

log = logging.getLogger(__name__)

_LEASE = timedelta(minutes=5)
_PAGE = 500
_SAMPLE = 10
_SAMPLE_MAX_BYTES = 64 * 1024 * 1024
RunState = BackupRun.State
_OPEN = (RunState.WAITING, RunState.COPYING)


def claim() -> BackupRun | None:
    """Take an open run that no living worker holds."""
    free = BackupRun.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=db_now()), state__in=_OPEN
    )
    for row in free.order_by("pk"):
        n_claimed = free.filter(pk=row.pk, fence=row.fence).update(
            lease_until=db_now() + _LEASE, fence=F("fence") + 1
        )
        if n_claimed:
            claimed: BackupRun = BackupRun.objects.select_related(
                "plan__project", "plan__custom_storage"
            ).get(pk=row.pk)
            return claimed
    return None


def advance(run: BackupRun) -> bool:
    """Take the run as far as it goes now; True if it has ended."""
    if run.state == RunState.WAITING:
        _start(run)
    if not run.has_ordered_all:
        _order_missing(run)
    if _is_still_copying(run):
        _hold(run).update(lease_until=db_now() + timedelta(seconds=settings.POLL_EVERY_S - 1))
        return False
    _finish(run)
    return True


def _hold(run: BackupRun) -> QuerySet[BackupRun]:
    return BackupRun.objects.filter(pk=run.pk, fence=run.fence, state__in=_OPEN)


def _start(run: BackupRun) -> None:
    run.snapshot_at = read_db_now()
    run.started_at = run.snapshot_at
    run.state = RunState.COPYING
    run.n_files = evidence.stored_files(run.plan, until=run.snapshot_at).count()
    _hold(run).update(
        state=run.state,
        started_at=run.started_at,
        snapshot_at=run.snapshot_at,
        n_files=run.n_files,
    )


def _order_missing(run: BackupRun) -> None:
    """Order every stored file of the snapshot that has no proof; failed ones get another try."""
    plan = run.plan
    last = None
    while True:
        page = evidence.missing_files(plan, until=run.snapshot_at).order_by("uploaded_at")
        files = list(page.filter(uploaded_at__gt=last)[:_PAGE] if last else page[:_PAGE])
        if not files:
            break
        last = files[-1].uploaded_at
        wanted = [
            auto_copy.backup_order(file=file, custom_storage=plan.custom_storage) for file in files
        ]
        known = CopyJob.objects.filter(
            file__in=files, custom_storage=plan.custom_storage, effects=""
        ).values_list("file_id", "key")
        is_known = set(known)
        orders.place_new(
            [order for order in wanted if (order.file.pk, order.key) not in is_known],
            lane=CopyJob.Lane.BACKUP,
            asked_by=f"backup run {run.pk}",
        )
        orders.place(
            [order for order in wanted if (order.file.pk, order.key) in is_known],
            lane=CopyJob.Lane.BACKUP,
            asked_by=f"backup run {run.pk}",
        )
        _hold(run).update(lease_until=db_now() + _LEASE)
    run.has_ordered_all = True
    _hold(run).update(has_ordered_all=True)


def _is_still_copying(run: BackupRun) -> bool:
    """Whether a copy of the snapshot may still end by itself before the next run."""
    storage = run.plan.custom_storage
    next_run_at = run.plan.next_run_at
    if storage.is_paused or storage.is_broken or storage.is_draft or storage.removed_at:
        return False
    if next_run_at and next_run_at <= timezone.now():
        return False
    moving = [State.PENDING, State.LEASED, State.WRITTEN, State.RETRY_WAIT]
    under_way = evidence.backup_jobs(run.plan).filter(file=OuterRef("pk"), state__in=moving)
    missing = evidence.missing_files(run.plan, until=run.snapshot_at)
    return missing.filter(Exists(under_way)).exists()


def _finish(run: BackupRun) -> None:
    there = evidence.proved(run.plan).filter(file__stored_at__lte=run.snapshot_at)
    _count(run, there)
    try:
        _read_sample(run, there)
        if run.n_sample_matches < run.n_sampled:
            _count(run, there)  # what was found lost is a gap of this very run
        _write_manifest(run, there)
    except (ObjectStoreError, CannotUnseal) as error:
        run.state, run.reason = RunState.FAILED, f"{error.message} ({error.code})"
    except OSError as error:
        run.state, run.reason = RunState.FAILED, f"No room for the manifest ({error.errno})."
    else:
        run.state, run.reason = _verdict(run)
    run.finished_at = timezone.now()
    n_held = _hold(run).update(
        **{
            name: getattr(run, name)
            for name in (
                "state", "reason", "finished_at", "n_files", "n_gaps", "n_new", "n_already",
                "n_bytes", "n_sampled", "n_sample_matches", "manifest_key", "manifest_sha256",
            )
        },
        lease_until=None,
    )  # fmt: skip
    if n_held:
        _tell(run)


def _count(run: BackupRun, there: CopyJobQuerySet) -> None:
    plan = run.plan
    fresh = there.filter(finished_at__gte=run.started_at).exclude(reason=Reason.ALREADY_THERE)
    run.n_files = evidence.stored_files(plan, until=run.snapshot_at).count()
    run.n_gaps = evidence.missing_files(plan, until=run.snapshot_at).count()
    run.n_new = fresh.count()
    run.n_already = there.count() - run.n_new
    run.n_bytes = fresh.aggregate(total=Sum("size"))["total"] or 0


def _verdict(run: BackupRun) -> tuple[str, str]:
    if run.n_sample_matches < run.n_sampled:
        n_bad = run.n_sampled - run.n_sample_matches
        return (
            RunState.GAPS,
            f"{n_bad} of {run.n_sampled} files read back were missing or not the same.",
        )
    if run.n_gaps:
        return RunState.GAPS, _why_gaps(run.plan)
    return RunState.DONE, ""


def _why_gaps(plan: BackupPlan) -> str:
    storage = plan.custom_storage
    storage.refresh_from_db()
    if storage.state != "connected":
        return f"The storage is {storage.state}."
    failed = evidence.backup_jobs(plan).filter(state__in=TERMINAL_STATES).exclude(state=State.DONE)
    reasons = sorted(set(failed.order_by().values_list("reason", flat=True)))
    return "Copies ended without proof: " + ", ".join(reasons) if reasons else "Copies still wait."


def _read_sample(run: BackupRun, there: CopyJobQuerySet) -> None:
    """Read a few copies back; one that differs is a gap, and is ordered anew by the next run."""
    if not run.plan.custom_storage.can("read"):
        return
    pks = list(there.filter(size__lte=_SAMPLE_MAX_BYTES).values_list("pk", flat=True)[:10_000])
    sample = random.sample(pks, min(_SAMPLE, len(pks)))
    store = open_store(run.plan.custom_storage)
    run.n_sampled = run.n_sample_matches = 0
    for job in CopyJob.objects.filter(pk__in=sample).select_related("file"):
        found = proofs.compare_by_reading(store, job.key, sha256=job.sha256)
        run.n_sampled += 1
        if found:
            run.n_sample_matches += 1
        else:
            _mark_damaged(job)


def _mark_damaged(job: CopyJob) -> None:
    CopyJob.objects.filter(pk=job.pk, state=State.DONE).update(
        state=State.FAILED,
        reason=Reason.DEST_CHECKSUM_MISMATCH,
        detail="Read back by a backup run: missing, or not the bytes that were copied.",
    )


def _write_manifest(run: BackupRun, there: CopyJobQuerySet) -> None:
    plan = run.plan
    moment = read_db_now()
    run.manifest_key = manifest.key_of(
        prefix=plan.custom_storage.prefix, public_key=plan.project.public_key, moment=moment
    )
    head = {
        "project": plan.project.name,
        "public_key": plan.project.public_key,
        "run": run.pk,
        "snapshot_at": run.snapshot_at.isoformat() if run.snapshot_at else None,
        "gaps": run.n_gaps,
    }
    store = open_store(plan.custom_storage)
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as out:
        body = out
        jobs = there.filter(state=State.DONE).select_related("file").order_by("pk")
        written = manifest.write(body, jobs.iterator(chunk_size=_PAGE), head=head)
        body.seek(0)
        # Never in an archive class: a restore begins with it.
        options = put_options(
            plan.custom_storage, content_type="application/x-ndjson", storage_class=""
        )
        receipt = store.put(
            run.manifest_key,
            body,
            size=written.size,
            sha256=written.sha256,
            md5=written.md5,
            options=options,
        )
    expected = proofs.Expected(written.size, written.sha256, written.md5)
    verifies = plan.custom_storage.can("verifies_checksum")
    if not proofs.of_receipt(receipt, expected, is_verified_by_provider=verifies) and (
        not proofs.compare_by_reading(store, run.manifest_key, sha256=written.sha256)
    ):
        raise ChecksumRefused("The manifest in the bucket is not the one that was sent.")
    run.manifest_sha256 = written.sha256


def _tell(run: BackupRun) -> None:
    Event.objects.record(
        "backup.finished",
        actor=run.asked_by,
        subject=f"Backup run {run.pk}: {BackupRun.State(run.state).label}",
        subject_id=run.pk,
        project=run.plan.project,
        data={"state": run.state, "files": run.n_files, "gaps": run.n_gaps, "reason": run.reason},
    )


def start_due() -> int:
    """Begin a run of every plan whose time has come; how many there were."""
    due = BackupPlan.objects.filter(
        is_on=True, next_run_at__lte=db_now(), custom_storage__removed_at=None
    )
    return sum(runs.begin(plan, asked_by="schedule") is not None for plan in due)
