"""How backup runs reach a worker."""

from celery import shared_task

from storages_app.backups import pings, runner


@shared_task(name="backups.schedule")
def schedule() -> None:
    """Begin the runs whose time has come."""
    runner.start_due()


@shared_task(name="backups.drain")
def drain() -> None:
    """Take every open run as far as it goes now, and tell their monitors."""
    while run := runner.claim():
        runner.advance(run)
    pings.send_due()
