"""What a worker does with messages: several side by side, each in a thread of its own."""

import logging
from collections.abc import Iterable
from concurrent.futures import Future

from django.conf import settings

from storages_app.lib import pumping, shortage
from storages_app.lib.crashpoints import crashpoint
from storages_app.models.connections import own_connection
from storages_app.notifications import holding
from storages_app.notifications.holding import Hold
from storages_app.notifications.sending import send
from storages_app.webhooks.sending import Answer

log = logging.getLogger(__name__)
_THREADS = 8


class Pump(pumping.Pump[Hold, Answer]):
    """Messages that end in the same moment are written together."""

    name = "notification"
    moment_s = 0.02

    def __init__(self) -> None:
        super().__init__(threads=_THREADS, renew_every_s=settings.LEASE.total_seconds() / 3)

    def claim(self, *, at_most: int) -> Iterable[Hold]:
        return holding.claim(at_most=at_most)

    def work(self, hold: Hold) -> Answer:
        crashpoint("notification_claimed")
        answer = send(hold.letter)
        crashpoint("notification_sent")
        return answer

    def settle(self, ended: list[tuple[Hold, Future[Answer]]]) -> None:
        holding.settle([(hold, _answer_of(future)) for hold, future in ended])

    def renew(self, holds: list[Hold]) -> None:
        holding.renew(holds)

    def give_back(self, hold: Hold) -> None:
        hold.rows().give_back()


_DRAIN = pumping.Drain(Pump, what="Sending notifications", own_connection=own_connection)
drain, drain_apart, stop = _DRAIN.run, _DRAIN.run_apart, _DRAIN.stop


def _answer_of(future: Future[Answer]) -> Answer:
    """A fault of ours counts as an attempt, so that it ends, and is not the receiver's."""
    error = future.exception()
    if error is None:
        return future.result()
    shortage.note(error)
    log.error("A notification was not sent", exc_info=error)
    return Answer(error="Internal error.")
