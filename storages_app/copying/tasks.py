"""How copies reach a worker: a wake-up drains the ledger."""

from celery import shared_task

from storages_app.copying import orders, runner
from storages_app.models import CopyJob


@shared_task(name="copying.drain")
def drain() -> None:
    """Make every copy that is due."""
    runner.drain()


def stop() -> None:
    """The process ends: free what it holds."""
    runner.stop()


def abandon() -> None:
    """The process ends at once, whatever hangs in it."""
    runner.abandon()


def make_now(*, copy_job_id: int) -> CopyJob | None:
    """Make one copy in this process; how it was left, or None if a worker was quicker."""
    return runner.make_one(copy_job_id=copy_job_id)


def make_suspects() -> None:
    """Make what killed workers, in this process and nothing beside it."""
    runner.make_suspects()


def mend_times() -> None:
    """The database's clock went back: nothing waits for a time that is a day away."""
    orders.mend_times()
