"""One backup run, step by step: order what is missing, wait, read a sample, record, seal.

Every step can be repeated, and writes down how far it has come: a run whose worker died goes on
where that worker was (spec/RELIABILITY F70).
"""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from storages_app.backups import evidence, planner, records, retention, sampling
from storages_app.backups import orders as runs
from storages_app.backups.errors import ManifestBroken
from storages_app.backups.records import Keeper, LostRun
from storages_app.copying import auto_copy, orders
from storages_app.custom_storages.connect import open_store
from storages_app.lib.crashpoints import crashpoint
from storages_app.lib.errors import UcdashError
from storages_app.models import BackupPlan, BackupRun, CopyJob, File
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now, read_db_now
from storages_app.objectstores.errors import ObjectStoreError

log = logging.getLogger(__name__)

_LEASE = 2 * settings.LEASE  # one answer of a slow bucket may take most of it
_PAGE = 500
_MAX_TRIES = 5  # of writing records and manifest, where the bucket's fault may pass
_RETRY_AFTER = timedelta(seconds=15)
RunState = BackupRun.State
_OPEN = (RunState.WAITING, RunState.COPYING)
_TRIED_AGAIN = (State.FAILED, State.SKIPPED, State.CANCELLED, State.UNVERIFIED)
_FIGURES = (
    "state", "reason", "note", "finished_at", "pinged_at", "n_files", "n_gaps", "n_already",
    "n_skipped", "n_failed", "gaps", "manifest_key", "manifest_sha256",
)  # fmt: skip


def claim() -> BackupRun | None:
    """Take an open run that no living worker holds."""
    free = BackupRun.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=db_now()), finished_at=None, state__in=_OPEN
    )
    for row in free.order_by("pk"):
        n_claimed = free.filter(pk=row.pk, fence=row.fence).update(
            lease_until=db_now() + _LEASE, fence=F("fence") + 1
        )
        if n_claimed:
            claimed: BackupRun = BackupRun.objects.select_related(
                "plan__project", "plan__custom_storage"
            ).get(pk=row.pk)
            crashpoint("backup_claimed")
            return claimed
    return None


def advance(run: BackupRun) -> bool:
    """Take the run as far as it goes now; True if it is not to be taken up again soon."""
    try:
        if run.state == RunState.WAITING:
            _start(run)
        if not run.has_ordered_all:
            _order_missing(run)
        if _is_still_copying(run):
            _let_go(run, timedelta(seconds=settings.POLL_EVERY_S - 1))
            return False
        return _finish(run)
    except LostRun:
        log.info("Backup run %s is not ours any more.", run.pk)
        return True


def _hold(run: BackupRun) -> QuerySet[BackupRun]:
    return BackupRun.objects.filter(pk=run.pk, fence=run.fence, state__in=_OPEN)


def _write(run: BackupRun, **values: object) -> None:
    """Change the run, which stays ours for another while; LostRun where it is not any more."""
    for name, value in values.items():
        setattr(run, name, value)
    if not _hold(run).update(lease_until=db_now() + _LEASE, **values):
        raise LostRun


def _let_go(run: BackupRun, pause: timedelta) -> None:
    _hold(run).update(lease_until=db_now() + pause)


def _start(run: BackupRun) -> None:
    """Draw the line of the snapshot: what is stored later belongs to the next run."""
    now = read_db_now()
    _write(
        run,
        state=RunState.COPYING,
        started_at=now,
        snapshot_at=now,
        custom_storage=run.plan.custom_storage,
    )


# --- Ordering --------------------------------------------------------------------------------


def _order_missing(run: BackupRun) -> None:
    """Order every stored file of the snapshot that has no proof; failed ones get another try."""
    if not _is_trying_again(run):
        if evidence.has_lost_rows(run.plan):
            log.warning("Backup run %s looks at every file: copies of some are gone.", run.pk)
            evidence.forget_seen(run.plan)
        _order_new(run)
    for state in _TRIED_AGAIN:
        _order_again(run, state)
    _write(run, has_ordered_all=True)
    crashpoint("backup_ordered")


def _order_new(run: BackupRun) -> None:
    """Look at the files that no run has seen yet, in the order in which they were stored."""
    while page := _next_unseen(run):
        pks = [pk for pk, _ in page]
        missing = evidence.missing_files(run.plan).filter(pk__in=pks)
        _order(run, list(missing.order_by("stored_at", "pk")))
        last, stored_at = page[-1]
        with transaction.atomic():  # whoever moves the plan stops the run, and then forgets
            _write(run, cursor=f"{stored_at.isoformat()} {last}")
            evidence.mark_seen(run.plan, pks)
        crashpoint("backup_page_ordered")


def _next_unseen(run: BackupRun) -> list[tuple[UUID, datetime]]:
    """The next page after the cursor, in the order of the index that holds all that is asked."""
    unseen = evidence.unseen_files(run.plan, until=run.snapshot_at)
    if run.cursor:
        moment, last = run.cursor.split()
        stored_at = datetime.fromisoformat(moment)
        unseen = unseen.filter(stored_at__gte=stored_at).exclude(
            stored_at=stored_at, pk__lte=UUID(last)
        )
    found = unseen.order_by("stored_at", "pk").values_list("pk", "stored_at")
    return [(pk, moment) for pk, moment in found[:_PAGE] if moment]


def _is_trying_again(run: BackupRun) -> bool:
    """Whether a worker had looked at all that is new; the cursor names a state from then on."""
    return run.cursor.split(" ")[0] in _TRIED_AGAIN


def _order_again(run: BackupRun, state: State) -> None:
    """Order the files whose copies have all ended without proof, those of one state."""
    while pks := _next_unproved(run, state):
        files = File.objects.filter(pk__in=pks)
        _order(run, list(files.order_by("stored_at", "pk")))
        _write(run, cursor=f"{state} {pks[-1]}")
        crashpoint("backup_page_ordered")


def _next_unproved(run: BackupRun, state: State) -> list[UUID]:
    """The next page after the cursor, along the index of a backup's copies."""
    jobs = evidence.gap_jobs(run.plan, until=run.snapshot_at).filter(state=state)
    of_state, _, last = run.cursor.partition(" ")
    if of_state == state:
        jobs = jobs.filter(file__gt=UUID(last))
    return list(jobs.order_by("file").values_list("file", flat=True).distinct()[:_PAGE])


def _order(run: BackupRun, files: list[File]) -> None:
    storage = run.plan.custom_storage
    wanted = [auto_copy.backup_order(file=file, custom_storage=storage) for file in files]
    there = CopyJob.objects.filter(file__in=files, custom_storage=storage, effects="")
    known = set(there.values_list("file_id", "key"))
    asked_by = f"backup run {run.pk}"
    orders.place_new(
        [order for order in wanted if (order.file.pk, order.key) not in known],
        lane=CopyJob.Lane.BACKUP,
        asked_by=asked_by,
    )
    orders.place(
        [order for order in wanted if (order.file.pk, order.key) in known],
        lane=CopyJob.Lane.BACKUP,
        asked_by=asked_by,
    )


def _is_still_copying(run: BackupRun) -> bool:
    """Whether a copy of the snapshot may still end by itself before the next run."""
    storage = run.plan.custom_storage
    next_run_at = run.plan.next_run_at
    if storage.state != "connected" or (next_run_at and next_run_at <= timezone.now()):
        return False
    return evidence.is_moving(run.plan, until=run.snapshot_at)


# --- The end of a run ------------------------------------------------------------------------


def _finish(run: BackupRun) -> bool:
    """Read, record, seal; then the verdict. False if the bucket's fault may pass by itself."""
    standing = _count(run)
    try:
        store = open_store(run.plan.custom_storage)
        if not run.has_read_sample:
            sampling.read_sample(run, store, stay=lambda: _write(run))
            _write(run, has_read_sample=True)
        if run.n_sample_matches < run.n_sampled:
            standing = _count(run)  # what was found lost is a gap of this very run
        keeper = Keeper(run, store, stay=lambda: _write(run))
        records.write_changed(keeper)
        run.gaps = evidence.gaps_by_reason(run.plan, until=run.snapshot_at)
        records.write_manifest(keeper, n_bytes=standing.n_bytes)
        run.note = retention.forget_old(run, store) or run.note
    except ObjectStoreError as error:
        if error.kind == "transient" and _may_try_again(run):
            return False
        _fail(run, error)
    except ManifestBroken as error:
        _fail(run, error)
    except UcdashError as error:  # the secret cannot be opened, the owner is unproved
        _fail(run, error)
    except OSError as error:
        run.state, run.reason = RunState.FAILED, f"No room for the manifest ({error.errno})."
    else:
        run.state, run.reason = _verdict(run)
    _end(run)
    return True


def _count(run: BackupRun) -> evidence.Standing:
    found = evidence.standing_of_run(run.plan, until=run.snapshot_at)
    run.n_files, run.n_gaps = found.n_files, found.n_missing
    return found


def _may_try_again(run: BackupRun) -> bool:
    """Give the bucket a while; there is a next run if that is not enough."""
    n_held = _hold(run).filter(n_tries__lt=_MAX_TRIES).update(
        n_tries=F("n_tries") + 1, lease_until=db_now() + _RETRY_AFTER * settings.TIME_SCALE
    )  # fmt: skip
    return bool(n_held)


def _fail(run: BackupRun, error: UcdashError) -> None:
    run.state, run.reason = RunState.FAILED, f"{error.message} ({error.code})"[:200]


def _verdict(run: BackupRun) -> tuple[str, str]:
    if run.n_sample_matches < run.n_sampled:
        n_bad = run.n_sampled - run.n_sample_matches
        were = "file read back was" if n_bad == 1 else "files read back were"
        return RunState.GAPS, f"{n_bad} {were} missing or not the same."
    if run.n_gaps:
        return RunState.GAPS, _why_gaps(run)
    return RunState.DONE, ""


def _why_gaps(run: BackupRun) -> str:
    storage = run.plan.custom_storage
    storage.refresh_from_db()
    if storage.state != "connected":
        return f"The storage is {storage.state}."
    ended = sorted({gap["reason"] for gap in run.gaps if gap["reason"]})
    if not ended:
        return "Copies still wait."
    return f"Copies ended without proof: {', '.join(ended)[:160]}."


def _end(run: BackupRun) -> None:
    """Write the verdict and tell it, in one transaction."""
    if not run.gaps and run.n_gaps:
        run.gaps = evidence.gaps_by_reason(run.plan, until=run.snapshot_at)
    skipped = sum(gap["n"] for gap in run.gaps if gap["state"] == State.SKIPPED)
    failed = sum(
        gap["n"]
        for gap in run.gaps
        if gap["state"] in {State.FAILED, State.UNVERIFIED, State.CANCELLED}
    )
    run.refresh_from_db(fields=["n_new"])
    run.n_skipped, run.n_failed = skipped, failed
    run.n_already = max(run.n_files - run.n_gaps - run.n_new, 0)
    run.finished_at = timezone.now()
    run.pinged_at = None if run.plan.ping_url else run.finished_at
    crashpoint("backup_before_commit")
    runs.end(run, held=_hold(run), values={name: getattr(run, name) for name in _FIGURES})


def start_due() -> int:
    """Begin a run of every plan whose time has come; how many there were."""
    going = BackupPlan.objects.filter(
        is_on=True, paused_at=None, custom_storage__removed_at=None, project__removed_at=None
    )
    _bring_forward(going)
    due = going.filter(Q(next_run_at=None) | Q(next_run_at__lte=db_now()))
    return sum(runs.begin(plan, asked_by="schedule") is not None for plan in due)


def _bring_forward(plans: QuerySet[BackupPlan]) -> None:
    """A clock that was ahead for a while has set a time that comes a period late, or more."""
    now = read_db_now()
    for plan in plans.filter(next_run_at__gt=now).only("cron", "next_run_at"):
        following = planner.next_run(plan.cron, after=now)
        if plan.next_run_at and plan.next_run_at > following:
            BackupPlan.objects.filter(pk=plan.pk, next_run_at__gt=following).update(
                next_run_at=following
            )
