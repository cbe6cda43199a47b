"""The walk over a run's items: many files at once out of the bucket, one by one into the rows."""

import logging
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from threading import Event

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F

from storages_app.lib import shortage
from storages_app.lib.crashpoints import crashpoint
from storages_app.lib.errors import UcdashError
from storages_app.models import RestoreItem, RestoreRun
from storages_app.objectstores.base import ObjectStore
from storages_app.objectstores.errors import ObjectStoreError
from storages_app.restores import fetching, lines, settling, verdicts
from storages_app.restores.errors import BytesDiffer, LineInvalid
from storages_app.restores.holding import Hold

log = logging.getLogger(__name__)

Plan, ItemState = RestoreItem.Plan, RestoreItem.State
ENTERS = (Plan.RESTORE, Plan.REVIVE, Plan.HEAL, Plan.TAKEN)
_PAGE = 500
_THREADS = 16
_BEAT_S = 0.5
_MAX_ATTEMPTS = 8  # walks in which the bucket was well and this file did not come
_MAX_IN_VAIN = 32  # in a row: the bucket is not there, and is not asked for the rest
_MAX_AGAIN = 1_000


@dataclass(frozen=True)
class Outcome:
    """What a thread has to tell of one file."""

    line: lines.Line | None = None
    kept: fetching.Kept | None = None
    error: Exception | None = None


@dataclass
class Walk:
    """What became of one walk."""

    n_through: int = 0  # files that have ended, well or badly
    n_in_vain: int = 0  # in a row
    reason: str = ""
    is_for_its_owner: bool = False  # somebody has to mend the bucket or its credentials
    has_no_room: bool = False  # here, so that it is no file's fault
    again: dict[int, str] = field(default_factory=dict)  # items to be tried again, and why

    @property
    def is_stuck(self) -> bool:
        return self.n_in_vain >= _MAX_IN_VAIN or len(self.again) >= _MAX_AGAIN


def skip_taken(hold: Hold) -> None:
    """Files whose UUID is taken stay as they are, unless it was said otherwise."""
    run = hold.run
    if run.is_drill or run.on_taken != RestoreRun.OnTaken.SKIP:
        return
    with transaction.atomic():
        taken = run.items.filter(plan=Plan.TAKEN, state=ItemState.WAITING)
        n_skipped = taken.update(state=ItemState.SKIPPED, reason="uuid_taken")
        hold.add(n_skipped=n_skipped)


def walk(hold: Hold, store: ObjectStore) -> Walk:
    """Bring back what waits; LostRun where the run is not ours any more."""
    this = Walk()
    flying: dict[Future[Outcome], RestoreItem] = {}
    items, stop = _waiting(hold.run), Event()
    bring = partial(_bring, hold.run, store, stop)
    with ThreadPoolExecutor(_THREADS, "restore") as pool:
        try:
            while True:
                while len(flying) < 2 * _THREADS and not this.is_stuck:
                    if (item := next(items, None)) is None:
                        break
                    flying[pool.submit(bring, item)] = item
                if not flying:
                    return this
                done, _ = wait(flying, timeout=_BEAT_S, return_when=FIRST_COMPLETED)
                hold.renew()
                _settle(hold, this, [(future.result(), flying.pop(future)) for future in done])
        finally:
            stop.set()
            _abandon(flying)


def _waiting(run: RestoreRun) -> Iterator[RestoreItem]:
    """Each item that waits, once; what fails on the way is not seen a second time."""
    waiting = run.items.filter(state=ItemState.WAITING, plan__in=ENTERS).order_by("pk")
    last = 0
    while page := list(waiting.filter(pk__gt=last)[:_PAGE]):
        last = page[-1].pk
        yield from page


def _bring(run: RestoreRun, store: ObjectStore, stop: Event, item: RestoreItem) -> Outcome:
    """In a thread: read one file, and keep it unless this is a drill.

    Whatever goes wrong, also on our side, is the fate of this file and of no other.
    """
    line = None
    try:
        line = lines.parse(item.line, prefix=run.custom_storage.prefix)
        if run.is_drill:
            fetching.check(store, line, stop=stop)
            return Outcome(line)
        kept = fetching.keep(store, line, file_uuid=item.new_uuid or item.uuid, stop=stop)
    except BytesDiffer as error:
        return Outcome(line, error=_second_opinion(store, line, error, stop))
    except Exception as error:  # noqa: BLE001 - the edge of a worker's thread
        return Outcome(line, error=error)
    crashpoint("restore_bytes_kept")
    return Outcome(line, kept)


def _second_opinion(
    store: ObjectStore, line: lines.Line | None, error: BytesDiffer, stop: Event
) -> Exception:
    """Wrong bytes may be the network's fault: if they are right now, the file is tried again."""
    if line is None:
        return error
    try:
        fetching.check(store, line, stop=stop)
    except Exception as second:  # noqa: BLE001 - the edge of a worker's thread
        return error if isinstance(second, BytesDiffer) else second
    return ObjectStoreError("The bytes were wrong once, and right when they were read again.")


def _abandon(flying: "dict[Future[Outcome], RestoreItem]") -> None:
    """What others are on their way to do anew leaves nothing behind."""
    for future in flying:
        if not future.cancel() and (kept := future.result().kept):
            fetching.drop(kept)


# --- Writing down ------------------------------------------------------------------------------


def _settle(hold: Hold, this: Walk, outcomes: list[tuple[Outcome, RestoreItem]]) -> None:
    """Files and items in one transaction, under the fence of the run."""
    unwanted: list[fetching.Kept] = []
    try:
        with transaction.atomic():
            ended = [
                item
                for outcome, item in outcomes
                if _settle_one(hold.run, this, outcome, item, unwanted)
            ]
            RestoreItem.objects.bulk_update(ended, ["state", "reason"])
            _add_up(hold, ended)
    except BaseException:
        unwanted = [outcome.kept for outcome, _item in outcomes if outcome.kept]
        raise
    finally:
        for kept in unwanted:
            fetching.drop(kept)
    crashpoint("restore_rows_written")


def _settle_one(
    run: RestoreRun,
    this: Walk,
    outcome: Outcome,
    item: RestoreItem,
    unwanted: list[fetching.Kept],
) -> bool:
    """Sets how the item has ended; False if it is to be tried again."""
    error = outcome.error
    if error is None and outcome.kept and outcome.line:
        try:
            with transaction.atomic():
                if not settling.write_down(run, item, outcome.line, outcome.kept):
                    unwanted.append(outcome.kept)
        except (OperationalError, InterfaceError):
            raise  # the database is away, for all files
        except Exception as fault:  # noqa: BLE001 - as above: the fate of this file alone
            unwanted.append(outcome.kept)
            error = fault
    elif error is None:
        item.state, item.reason = ItemState.DONE, ""
    if error is not None and not _is_final(error):
        shortage.note(error)
        _log_if_ours(run, item, error)
        this.n_in_vain += 1
        this.has_no_room |= verdicts.code_of(error) == "disk_full"
        this.reason = verdicts.said_by(error)
        this.is_for_its_owner = isinstance(error, ObjectStoreError) and error.kind == "owner"
        this.again[item.pk] = verdicts.code_of(error)
        return False
    if error is not None:
        item.state, item.reason = ItemState.FAILED, verdicts.code_of(error)
    this.n_in_vain = 0
    this.n_through += 1
    return True


def _is_final(error: Exception) -> bool:
    if isinstance(error, ObjectStoreError):
        return error.kind == "permanent"
    return isinstance(error, BytesDiffer | LineInvalid)


def _log_if_ours(run: RestoreRun, item: RestoreItem, error: Exception) -> None:
    # A conflict of rows: somebody was quicker, and the next look will see it.
    if not isinstance(error, UcdashError | OSError | IntegrityError):
        log.error("Restore %s: %s met something unforeseen", run.pk, item.uuid, exc_info=error)


def _add_up(hold: Hold, ended: list[RestoreItem]) -> None:
    done = [item for item in ended if item.state == ItemState.DONE]
    hold.add(
        n_done=len(done),
        n_bytes_done=sum(item.size for item in done),
        n_failed=sum(item.state == ItemState.FAILED for item in ended),
        n_skipped=sum(item.state == ItemState.SKIPPED for item in ended),
    )
    if ended and hold.run.stalls:
        hold.write(stalls=0)


def count_attempts(hold: Hold, this: Walk) -> None:
    """The bucket is well, so it is about these files: after so many walks they have failed."""
    with transaction.atomic():
        items = hold.run.items.filter(pk__in=list(this.again))
        items.update(attempts=F("attempts") + 1)
        ended = list(items.filter(attempts__gte=_MAX_ATTEMPTS))
        for item in ended:
            item.state, item.reason = ItemState.FAILED, this.again[item.pk]
        RestoreItem.objects.bulk_update(ended, ["state", "reason"])
        hold.add(n_failed=len(ended))


def has_more(run: RestoreRun) -> bool:
    return run.items.filter(state=ItemState.WAITING, plan__in=ENTERS).exists()
