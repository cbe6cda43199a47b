"""Beginning and ending a run: what the timetable, the buttons and the worker need."""

from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from storages_app.backups import planner
from storages_app.backups.records import LostRun
from storages_app.models import BackupPlan, BackupRun, CopyJob, Event, Reason
from storages_app.models.copy_jobs import State
from storages_app.models.fields import read_db_now
from storages_app.webhooks.announcing import announce
from ucdash.celery import wake


def begin(plan: BackupPlan, *, asked_by: str) -> BackupRun | None:
    """Open a run and set the time of the next; None if one is open already.

    The time stays as it is then: the open run ends when it has come, and the next one begins.
    """
    following = planner.next_run(plan.cron, after=read_db_now())
    try:
        with transaction.atomic():
            run = BackupRun.objects.create(plan=plan, asked_by=asked_by[:200])
            BackupPlan.objects.filter(pk=plan.pk).update(next_run_at=following)
    except IntegrityError:
        return None  # constraint backup_run_one_at_a_time
    transaction.on_commit(partial(wake, "backups.drain"))
    return run


@transaction.atomic
def stop(plan: BackupPlan, *, reason: str) -> None:
    """End the run under way, and drop the copies that only the backup waits for."""
    BackupRun.objects.filter(plan=plan, finished_at=None).update(
        state=BackupRun.State.CANCELLED,
        finished_at=timezone.now(),
        pinged_at=timezone.now(),
        lease_until=None,
        reason=reason[:200],
    )
    waiting = CopyJob.objects.filter(project=plan.project, is_backup=True).waiting()
    waiting.filter(lane=CopyJob.Lane.BACKUP).update(
        state=State.CANCELLED,
        reason=Reason.CANCELLED_BY_USER,
        detail=reason,
        run_after=None,
        finished_at=timezone.now(),
    )


@transaction.atomic
def end(run: BackupRun, *, held: QuerySet[BackupRun], values: dict[str, Any]) -> None:
    """Write how the run ended, if it is still ours, and tell it in the activity."""
    if not held.update(**values, lease_until=None):
        raise LostRun
    Event.objects.record(
        "backup.finished",
        actor=run.asked_by,
        subject=f"Backup run {run.pk}: {BackupRun.State(run.state).label}",
        subject_id=run.pk,
        project=run.plan.project,
        data={"state": run.state, "files": run.n_files, "gaps": run.n_gaps, "reason": run.reason},
    )
    announce("backup.finished", [run], project_id=run.plan.project_id)
