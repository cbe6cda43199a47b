"""Beginning a run: what the timetable and the button both need."""

from functools import partial

from django.db import IntegrityError, transaction

from storages_app.backups import planner
from storages_app.models import BackupPlan, BackupRun
from storages_app.models.fields import read_db_now
from ucdash.celery import wake


def begin(plan: BackupPlan, *, asked_by: str) -> BackupRun | None:
    """Open a run and set the time of the next; None if one is open already."""
    now = read_db_now()
    BackupPlan.objects.filter(pk=plan.pk).update(next_run_at=planner.next_run(plan.cron, after=now))
    try:
        with transaction.atomic():
            run = BackupRun.objects.create(plan=plan, asked_by=asked_by[:200])
    except IntegrityError:
        return None  # constraint backup_run_one_at_a_time
    transaction.on_commit(partial(wake, "backups.drain"))
    return run
