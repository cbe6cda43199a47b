"""What a worker does with addresses: fetches side by side, each in a thread of its own.

One slow server holds up one thread, and one project a part of them. The pump claims, keeps the
leases and writes how far the fetches are; a thread asks the database only when its file is there.
"""

import logging
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial

from django.conf import settings
from django.db import connection

from storages_app.copying.persistence import persist
from storages_app.lib import pumping, shortage
from storages_app.lib.crashpoints import crashpoint
from storages_app.models.connections import own_connection
from storages_app.uploads.arrivals import arrive
from storages_app.url_uploads import failures, holding
from storages_app.url_uploads.downloading import downloaded
from storages_app.url_uploads.holding import MAX_ATTEMPTS, Hold, LostFetch

log = logging.getLogger(__name__)


class Pump(pumping.Pump[Hold, None]):
    """With each renewal it is written how far the fetches are."""

    name = "fetch"

    def __init__(self) -> None:
        super().__init__(threads=settings.FETCH_THREADS, renew_every_s=self.look_every_s)

    def claim(self, *, at_most: int) -> Iterable[Hold]:
        return holding.claim(at_most=at_most)

    def work(self, hold: Hold) -> None:
        fetch_apart(hold)

    def settle(self, ended: list[tuple[Hold, Future[None]]]) -> None:
        for hold, future in ended:
            if error := future.exception():  # it is tried again when its lease is over
                shortage.note(error)
                log.error("What came of fetch %s was not written", hold.url_upload, exc_info=error)

    def renew(self, holds: list[Hold]) -> None:
        persist(partial(holding.renew, holds))

    def give_back(self, hold: Hold) -> None:
        persist(partial(holding.give_back, hold))


_DRAIN = pumping.Drain(Pump, what="Fetching from addresses", own_connection=own_connection)
drain, drain_apart, stop = _DRAIN.run, _DRAIN.run_apart, _DRAIN.stop


def fetch_apart(hold: Hold) -> None:
    """In a thread, with a connection to the database that ends with it."""
    try:
        fetch(hold)
    finally:
        connection.close()


def fetch(hold: Hold) -> None:
    """Make the address a file, or write down why not; harmless for a fetch that was lost."""
    crashpoint("url_upload_claimed")
    try:
        _fetch(hold)
    except LostFetch:
        log.info("The fetch %s goes on elsewhere, or has ended.", hold.url_upload)
    except Exception as error:  # noqa: BLE001 - the edge of a worker
        shortage.note(error)
        persist(partial(_settle, hold, error))


def _fetch(hold: Hold) -> None:
    row = hold.url_upload
    if row.attempts > MAX_ATTEMPTS or row.project.removed_at:  # a worker died over each attempt
        persist(partial(holding.fail, hold, *failures.TASK_FAILED))
        return
    with downloaded(hold) as found:
        crashpoint("url_upload_fetched")
        arrive(
            project=row.project,
            path=found.path,
            name=found.name,
            declared_type=found.declared_type,
            size=found.size,
            sha256=found.sha256,
            md5=found.md5,
            store=row.store,
            metadata=row.metadata,
            before_commit=partial(holding.finish, hold),
        )


def _settle(hold: Hold, error: Exception) -> None:
    """Once the row says done, whatever failed after that, this changes nothing any more."""
    words = failures.words_for(error)
    try:
        if words in {None, failures.OUR_FAULT}:
            log.error("The fetch %s failed", hold.url_upload, exc_info=error)
        if words:
            holding.fail(hold, *words)
            return
        if not holding.try_later(hold):
            holding.fail(hold, *failures.OUR_FAULT)
    except LostFetch:
        return
