"""What must always hold: I1 to I10 of spec/RELIABILITY 3.2, as far as an installation can tell.

I9 is about speed: benchmarks ask it. I11 is about the totals of lists, I12 about notifications.
Everything is read page by page and every suspicion is looked at a second time before it is told,
so that an installation at work is not accused of what it is just doing.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

from storages_app.oversight import buckets, deliveries, notices, originals, queue, secrets, tallies
from storages_app.oversight.violations import Remark, Unknown, Violation

__all__ = ["GRACE", "Remark", "Unknown", "Violation", "check", "examine"]

GRACE = timedelta(minutes=5)

_ALWAYS: tuple[Callable[[timedelta], Iterator[Remark]], ...] = (
    originals.are_durable,
    queue.has_every_copy,
    queue.has_one_owner_a_key,
    queue.proves_what_is_done,
    queue.shows_every_failure,
    queue.moves,
    deliveries.are_accounted_for,
    deliveries.move,
    notices.are_as_the_ledger_says,
    notices.go_out,
    secrets.are_sealed,
    tallies.are_right,
)
_DEEP: tuple[Callable[[timedelta], Iterator[Remark]], ...] = (
    originals.are_undamaged,
    buckets.hold_what_is_done,
    buckets.have_no_orphaned_uploads,
    secrets.are_nowhere_in_rows,
)


def examine(*, grace: timedelta = GRACE, deep: bool = False) -> Iterator[Remark]:
    """Everything that is wrong or could not be looked at, one by one as it is found.

    `grace` is how long the installation may take to put a thing right by itself. `deep` reads all
    originals and all copies, which takes time, and money where a provider is paid for reading.
    """
    for look in _ALWAYS + (_DEEP if deep else ()):
        yield from look(grace)


def check(*, grace: timedelta = GRACE, deep: bool = False) -> list[Violation]:
    """All violations; an empty list is a healthy installation."""
    return [found for found in examine(grace=grace, deep=deep) if isinstance(found, Violation)]
