"""How fetches from addresses reach a worker."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from storages_app.url_uploads import holding, runner

_KEPT = timedelta(days=7)  # for questions after them; clients ask for minutes


@shared_task(name="url_uploads.drain")
def begin() -> None:
    """See that this process fetches; returns at once."""
    runner.drain_apart()


@shared_task(name="url_uploads.forget")
def forget() -> None:
    """Drop fetches that ended long ago."""
    holding.forget(before=timezone.now() - _KEPT)


def drain() -> None:
    """Fetch all that is due."""
    runner.drain()


def stop() -> None:
    """The process ends."""
    runner.stop()
