"""How restores reach a worker."""

from celery import shared_task
from django.utils import timezone

from storages_app.restores import holding, runner


@shared_task(name="restores.drain")
def drain() -> None:
    """Take every open run as far as it goes now."""
    while hold := holding.claim():
        runner.advance(hold)


@shared_task(name="restores.forget")
def forget() -> None:
    """Drop the lists of files of runs that ended long ago."""
    runner.forget_items(now=timezone.now())


def advance(*, pk: int, tell: holding.Tell | None = None) -> None:
    """Take one run further in this process, unless a worker has it."""
    if hold := holding.claim(pk=pk, tell=tell):
        runner.advance(hold)
