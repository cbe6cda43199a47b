"""How incidents are noticed, and how messages reach a worker."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from storages_app.notifications import holding, ordering, runner, watching

_KEPT = timedelta(days=90)  # the history that members read


@shared_task(name="notifications.look")
def look() -> None:
    """Notice what began and what ended, and send the digests whose time has come."""
    ordering.silence_former_members()
    watching.look_at_storages()
    watching.look_at_jobs()
    watching.look_at_keys()
    ordering.cancel_unwanted()
    ordering.send_digests(now=timezone.now())


@shared_task(name="notifications.look_at_backups")
def look_at_backups() -> None:
    """The same of backups, whose files have to be counted."""
    watching.look_at_backups()


@shared_task(name="notifications.drain")
def begin() -> None:
    """See that this process sends; returns at once."""
    runner.drain_apart()


@shared_task(name="notifications.forget")
def forget() -> None:
    """Drop what ended long ago."""
    holding.forget(before=timezone.now() - _KEPT)


def drain() -> None:
    """Send all that is due."""
    runner.drain()


def stop() -> None:
    """The process ends."""
    runner.stop()
