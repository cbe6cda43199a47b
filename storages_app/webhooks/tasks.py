"""How deliveries reach a worker."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from storages_app.webhooks import holding, runner

_KEPT = timedelta(days=30)  # the log that owners read


@shared_task(name="webhooks.drain")
def begin() -> None:
    """See that this process sends; returns at once."""
    runner.drain_apart()


@shared_task(name="webhooks.forget")
def forget() -> None:
    """Drop deliveries that ended long ago."""
    holding.forget(before=timezone.now() - _KEPT)


def drain() -> None:
    """Send all that is due."""
    runner.drain()


def stop() -> None:
    """The process ends."""
    runner.stop()
