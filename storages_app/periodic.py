"""The one timetable of what runs when.

Beat ticks, and so does every worker's own clock; whoever claims a slot in the database sends the
wake-up, so that two beats do no harm and a dead one is no loss.
"""

from dataclasses import dataclass
from datetime import timedelta

from celery import shared_task
from django.db import IntegrityError, transaction

from storages_app.models import TimetableSlot, WorkerHeartbeat
from storages_app.models.fields import db_now, read_db_now
from ucdash.celery import wake

TICK_EVERY_S = 20
_FORGET_WORKERS_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class Entry:
    """A task, and how often it is to run."""

    task: str
    every: timedelta


TIMETABLE = (
    Entry("backups.schedule", timedelta(minutes=1)),
    Entry("library.expire", timedelta(minutes=5)),
    Entry("uploads.sweep", timedelta(hours=1)),
    Entry("periodic.forget_workers", timedelta(hours=6)),
)


@shared_task(name="periodic.tick")
def tick() -> None:
    """Send every entry whose time has come, at most once in its period over all machines."""
    for entry in TIMETABLE:
        if _claim_slot(entry):
            wake(entry.task)


def _claim_slot(entry: Entry) -> bool:
    due = TimetableSlot.objects.filter(entry=entry.task, ran_at__lte=db_now() - entry.every)
    if due.update(ran_at=db_now()):
        return True
    if TimetableSlot.objects.filter(entry=entry.task).exists():
        return False
    try:
        with transaction.atomic():
            TimetableSlot.objects.create(entry=entry.task, ran_at=read_db_now())
    except IntegrityError:
        return False
    return True


@shared_task(name="periodic.forget_workers")
def forget_workers() -> None:
    """Drop the heartbeats of processes that are long gone."""
    WorkerHeartbeat.objects.filter(seen_at__lt=db_now() - _FORGET_WORKERS_AFTER).delete()
