"""Connecting a backup bucket, running the backup, and saying how things stand."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db import IntegrityError, transaction
from django.utils import timezone

from storages_app.backups import evidence, orders, planner
from storages_app.backups.errors import AlreadyConnected, BackupRefused, StorageNotReady
from storages_app.models import BackupPlan, BackupRun, CustomStorage, Event, Project

_ON_ITS_WAY = timedelta(minutes=15)
RunState = BackupRun.State


def connect(
    *,
    project: Project,
    custom_storage: CustomStorage,
    actor: str,
    cron: str = planner.DEFAULT_CRON,
) -> BackupPlan:
    """Back every stored file of the project up into this storage; the first run begins at once."""
    if custom_storage.project_id != project.pk or custom_storage.state in {"removed", "draft"}:
        raise StorageNotReady
    planner.check_cron(cron, now=timezone.now())
    with transaction.atomic():
        plan = _save_plan(project, custom_storage, cron)
        _record("backup.connected", plan, actor)
        orders.begin(plan, asked_by=actor)
    return plan


def _save_plan(project: Project, custom_storage: CustomStorage, cron: str) -> BackupPlan:
    """A project keeps one plan; one that is off or has lost its storage is used again."""
    existing = BackupPlan.objects.filter(project=project).select_related("custom_storage").first()
    if existing and existing.is_on and not existing.custom_storage.removed_at:
        raise AlreadyConnected
    plan = existing or BackupPlan(project=project)
    plan.custom_storage, plan.cron, plan.is_on = custom_storage, cron, True
    try:
        with transaction.atomic():
            plan.save()
    except IntegrityError as error:
        raise AlreadyConnected from error
    return plan


def request_run(*, plan: BackupPlan, asked_by: str) -> BackupRun:
    """Begin a run now; the one that is open if there is one."""
    if not plan.is_on:
        raise BackupRefused("The backup is turned off.", hint="Turn it on first.")
    with transaction.atomic():
        run = orders.begin(plan, asked_by=asked_by)
    return run or plan.runs.filter(finished_at=None).latest("pk")


@transaction.atomic
def turn_off(*, plan: BackupPlan, actor: str) -> None:
    """Stop the backup: files in the bucket stay, an open run ends, no run follows."""
    if not plan.is_on:
        return
    plan.is_on, plan.next_run_at = False, None
    plan.save(update_fields=["is_on", "next_run_at"])
    plan.runs.filter(finished_at=None).update(
        state=RunState.CANCELLED,
        finished_at=timezone.now(),
        lease_until=None,
        reason=f"Turned off by {actor}."[:200],
    )
    _record("backup.turned_off", plan, actor)


@transaction.atomic
def turn_on(*, plan: BackupPlan, actor: str) -> None:
    """Go on with the same storage; a run begins at once."""
    if plan.is_on:
        return
    if plan.custom_storage.removed_at:
        raise StorageNotReady
    plan.is_on = True
    plan.save(update_fields=["is_on"])
    orders.begin(plan, asked_by=actor)
    _record("backup.turned_on", plan, actor)


@dataclass(frozen=True)
class Verdict:
    """How the backup stands, computed from evidence at this moment."""

    state: Literal["backed_up", "gaps", "not_backed_up", "running", "never", "off"]
    sentence: str
    n_files: int = 0
    n_missing: int = 0
    since: datetime | None = None


def verdict(plan: BackupPlan) -> Verdict:
    """The big sentence of the backup page (spec/DASHBOARD 1.19).

    A file stored in the last minutes is on its way and no gap yet, unless a whole run has ended
    since without it.
    """
    settled = timezone.now() - _ON_ITS_WAY
    runs = plan.runs.order_by("-pk")
    last_pass = runs.filter(state__in=[RunState.DONE, RunState.GAPS]).first()
    if last_pass and last_pass.snapshot_at:
        settled = max(settled, last_pass.snapshot_at)
    last_whole = runs.filter(state=RunState.DONE).first()
    n_files = evidence.stored_files(plan).count()
    n_missing = evidence.missing_files(plan).count()
    late = evidence.missing_files(plan, until=settled).order_by("stored_at").first()
    since = last_whole.finished_at if last_whole else None
    if not plan.is_on:
        return Verdict("off", "The backup is turned off.", n_files, n_missing, since)
    if plan.custom_storage.removed_at:
        sentence = "Not backed up any more. The storage of the backup was disconnected."
        return Verdict("not_backed_up", sentence, n_files, n_files, since)
    if last_whole is None:
        return _first_backup(plan, n_files, n_missing)
    if late is None:
        bucket, moment = plan.custom_storage.bucket, f"{timezone.now():%Y-%m-%d %H:%M} UTC"
        n_there = n_files - n_missing
        all_files = "The 1 stored file is" if n_there == 1 else f"All {n_there} stored files are"
        sentence = f"Backed up. {all_files} in {bucket} as of {moment}."
        if n_missing:
            are = "file is on its" if n_missing == 1 else "files are on their"
            sentence += f" {n_missing} new {are} way."
        return Verdict("backed_up", sentence, n_files, n_missing, since)
    since_text = f"{late.stored_at:%Y-%m-%d %H:%M} UTC"
    are = "1 file is" if n_missing == 1 else f"{n_missing} files are"
    sentence = f"Backed up with gaps. {are} missing, oldest since {since_text}."
    return Verdict("gaps", sentence, n_files, n_missing, late.stored_at)


def _first_backup(plan: BackupPlan, n_files: int, n_missing: int) -> Verdict:
    last = plan.runs.order_by("-pk").first()
    if last is None:
        return Verdict("never", "No backup yet.", n_files, n_missing)
    if not last.is_over:
        sentence = f"First backup: {n_files - n_missing} of {n_files}."
        return Verdict("running", sentence, n_files, n_missing)
    next_try = f" Next try {plan.next_run_at:%Y-%m-%d %H:%M} UTC." if plan.next_run_at else ""
    since = f"{plan.created_at:%Y-%m-%d %H:%M} UTC"
    sentence = f"Not backed up since {since}. {last.reason}{next_try}"
    return Verdict("not_backed_up", sentence, n_files, n_missing, plan.created_at)


def _record(kind: str, plan: BackupPlan, actor: str) -> None:
    Event.objects.record(
        kind,
        actor=actor,
        subject=plan.custom_storage.name,
        subject_id=plan.pk,
        project=plan.project,
    )
