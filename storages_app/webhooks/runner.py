"""What a worker does with deliveries: requests side by side, each in a thread of its own."""

import logging
from collections.abc import Iterable
from concurrent.futures import Future

from django.conf import settings

from storages_app.lib import pumping, shortage
from storages_app.lib.crashpoints import crashpoint
from storages_app.models.connections import own_connection
from storages_app.webhooks import holding
from storages_app.webhooks.holding import Hold
from storages_app.webhooks.sending import Answer, send

log = logging.getLogger(__name__)


class Pump(pumping.Pump[Hold, Answer]):
    """Deliveries that end in the same moment are written together."""

    name = "webhook"
    moment_s = 0.02

    def __init__(self) -> None:
        renew_every_s = settings.LEASE.total_seconds() / 3
        super().__init__(threads=settings.WEBHOOK_THREADS, renew_every_s=renew_every_s)

    def claim(self, *, at_most: int) -> Iterable[Hold]:
        return holding.claim(at_most=at_most)

    def work(self, hold: Hold) -> Answer:
        return _send(hold)

    def settle(self, ended: list[tuple[Hold, Future[Answer]]]) -> None:
        holding.settle([(hold, _answer_of(future)) for hold, future in ended])

    def renew(self, holds: list[Hold]) -> None:
        holding.renew(holds)

    def give_back(self, hold: Hold) -> None:
        hold.rows().give_back()


_DRAIN = pumping.Drain(Pump, what="Sending to webhooks", own_connection=own_connection)
drain, drain_apart, stop = _DRAIN.run, _DRAIN.run_apart, _DRAIN.stop


def _send(hold: Hold) -> Answer:
    crashpoint("webhook_claimed")
    answer = send(hold.message)
    crashpoint("webhook_sent")
    return answer


def _answer_of(future: Future[Answer]) -> Answer:
    """A fault of ours counts as an attempt, so that it ends, and is not the receiver's."""
    error = future.exception()
    if error is None:
        return future.result()
    shortage.note(error)
    log.error("A webhook was not sent", exc_info=error)
    return Answer(error="Internal error.")
