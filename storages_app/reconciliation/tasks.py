"""How comparisons reach a worker."""

from celery import shared_task

from storages_app.reconciliation import orders, runner


@shared_task(name="reconciliation.schedule")
def schedule() -> None:
    """Begin the comparisons whose time has come."""
    orders.begin_due()


def drain() -> None:
    """Make the comparisons that wait, one after the other; only the pollers call this."""
    runner.drain()


@shared_task(name="reconciliation.forget")
def forget() -> None:
    """Drop old reports."""
    orders.forget_old()
