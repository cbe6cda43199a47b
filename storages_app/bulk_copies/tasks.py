"""How copies of many files reach a worker."""

from celery import shared_task

from storages_app.bulk_copies import runner
from ucdash.celery import wake

_TURN_S = 5


@shared_task(name="bulk_copies.drain")
def drain_for_a_while() -> None:
    """Take the open jobs on for some seconds, then let other tasks have this process."""
    if runner.drain(for_s=_TURN_S):
        wake("bulk_copies.drain")


@shared_task(name="bulk_copies.forget_lists")
def forget_lists() -> None:
    """Drop what nobody asks for any more."""
    runner.forget_lists()


def drain() -> None:
    """Take the open jobs on for as long as one of them moves."""
    runner.drain()


def stop() -> None:
    """The process ends."""
    runner.stop()
