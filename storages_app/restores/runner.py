"""One restore, step by step: read the manifest, compare, wait for a person, bring the files back.

Every step can be repeated: a run whose worker died goes on with what is not written down yet.
Threads move bytes; only this thread asks the database.
"""

import logging
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from storages_app.backups import manifest
from storages_app.custom_storages.connect import open_store
from storages_app.lib import shortage
from storages_app.lib.crashpoints import crashpoint
from storages_app.lib.errors import UcdashError
from storages_app.models import File, RestoreItem, RestoreRun
from storages_app.objectstores.base import ObjectStore
from storages_app.objectstores.errors import ObjectMissing, ObjectStoreError
from storages_app.restores import (
    bringing,
    choosing,
    comparing,
    fetching,
    lines,
    reading,
    verdicts,
)
from storages_app.restores.holding import Hold, LostRun, RunState

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Plan, ItemState = RestoreItem.Plan, RestoreItem.State
_PAGE = 500
_THREADS = 16
_BEAT_S = 0.5  # a third of the shortest lease there is
_LONGEST_STALL = timedelta(minutes=5)
_GIVE_UP_AFTER_STALLS = 300  # about a day
_GIVE_UP_AFTER_FAULTS = 8  # of ours, which do not pass like an outage: about ten minutes
_FAULT = (
    "Something went wrong on our side, again and again (internal). The operator finds it in the "
    "log; then restore again: what is here is not brought twice."
)
_THAWED_FOR_DAYS = 7
_ITEMS_LIVE = timedelta(days=30)


def advance(hold: Hold) -> None:
    """Take the run as far as it goes now."""
    try:
        _take_steps(hold)
    except LostRun:
        log.info("Restore %s went to another worker or was cancelled", hold.run.pk)
    except Exception as error:  # noqa: BLE001 - the edge of a worker
        _stop(hold, error)


def _take_steps(hold: Hold) -> None:
    run = hold.run
    store = open_store(run.custom_storage)
    if run.state == RunState.THAWING:
        _thaw(hold, store)
    if run.state == RunState.READING:
        _read_manifest(hold, store)
        _compare(hold, store)
    if run.state == RunState.RESTORING:
        _bring_back(hold, store)


def _stop(hold: Hold, error: Exception) -> None:
    """A refusal ends the run; what may be over by itself, and our own faults, are tried again."""
    shortage.note(error)
    reason = verdicts.said_by(error)
    is_passing = isinstance(error, ObjectStoreError) and error.kind == "transient"
    if isinstance(error, UcdashError) and not is_passing:
        _fail(hold, reason)
        return
    if not is_passing and verdicts.code_of(error) == "internal":
        log.error("Restore %s stopped", hold.run.pk, exc_info=error)
        if hold.run.stalls + 1 >= _GIVE_UP_AFTER_FAULTS:
            _fail(hold, _FAULT)
            return
    _stall(hold, reason)


def _stall(hold: Hold, reason: str) -> None:
    """Try again later; a whole day without a step forward is the end."""
    n_stalls = hold.run.stalls + 1
    if n_stalls > _GIVE_UP_AFTER_STALLS:
        _fail(hold, reason)
        return
    try:
        hold.write(stalls=n_stalls, reason=reason[:200])
    except LostRun:
        return
    wait_s = min(2.0**n_stalls, _LONGEST_STALL.total_seconds()) * settings.TIME_SCALE
    hold.give_back(wait=timedelta(seconds=wait_s))


def _fail(hold: Hold, reason: str) -> None:
    _end(hold, RunState.FAILED, reason)


def _end(hold: Hold, state: RestoreRun.State, reason: str) -> None:
    try:
        with transaction.atomic():
            hold.write(
                state=state, reason=reason[:200], finished_at=timezone.now(), lease_until=None
            )
            verdicts.record(hold.run, "restore.finished", actor=hold.run.asked_by)
    except LostRun:
        log.info("Restore %s was ended by somebody else", hold.run.pk)


# --- Reading -----------------------------------------------------------------------------------


def _read_manifest(hold: Hold, store: ObjectStore) -> None:
    """One item a file. What was read before a kill is read once more, which changes nothing."""
    run = hold.run
    if run.has_read_all:
        return
    # Always the same thread, for what the reader keeps on disk belongs to one.
    with ThreadPoolExecutor(1, "restore-read") as pool:
        opened = _wait_for(hold, pool.submit(manifest.open_manifest, store, run.manifest_key))
        hold.write(manifest_head=lines.head_of(opened.head), n_files=0)
        pages = reading.pages_of(store, opened, run=run, choice=choosing.parse(run.filter))
        try:
            while page := _wait_for(hold, pool.submit(next, pages, None)):
                with transaction.atomic():
                    hold.add(n_files=len(page))
                    reading.write(page)
                crashpoint("restore_page_read")
        finally:
            pool.submit(pages.close)
    hold.write(has_read_all=True)


def _wait_for(hold: Hold, future: "Future[Result]") -> Result:
    """What a slow line brings in the end, while the lease is kept."""
    for _done in _completed(hold, [future]):
        pass
    return future.result()


# --- Comparing ---------------------------------------------------------------------------------


def _compare(hold: Hold, store: ObjectStore) -> None:
    """A plan for each item; then wait for a person, or go on with a drill."""
    run, sight = hold.run, comparing.Sight(store)
    without_plan = run.items.filter(plan="").order_by("key", "pk")
    with ThreadPoolExecutor(_THREADS, "restore-compare") as pool:
        while items := list(without_plan[:_PAGE]):
            _compare_page(hold, sight, pool, items)
    _count(hold)
    has_work = any(plan in run.plan_counts for plan in (*bringing.ENTERS, Plan.ARCHIVED))
    if not has_work:
        hold.write(started_at=timezone.now())
        _end(hold, *verdicts.of(run))
    elif run.is_drill and Plan.ARCHIVED not in run.plan_counts:
        hold.write(state=RunState.RESTORING, started_at=timezone.now(), reason="", stalls=0)
    else:
        hold.write(state=RunState.COUNTED, lease_until=None, reason="", stalls=0)


def _compare_page(
    hold: Hold, sight: comparing.Sight, pool: ThreadPoolExecutor, items: list[RestoreItem]
) -> None:
    run = hold.run
    parsed = {item.pk: _line(run, item) for item in items}
    known = File.objects.in_bulk([item.uuid for item in items])
    listed = sight.of([item.key for item in items])
    looks = {
        pool.submit(
            comparing.look,
            run,
            sight.store,
            parsed[item.pk],
            known=known.get(item.uuid),
            info=listed.get(item.key),
        ): item
        for item in items
    }
    faults: dict[int, Exception] = {}
    for future in _completed(hold, looks):
        item = looks[future]
        if error := future.exception():
            faults[item.pk] = _only_exception(error)
            continue
        found = future.result()
        item.plan, item.storage_class = found.plan, found.storage_class
    if faults:
        _require_others(hold, sight.store, faults, n_items=len(items))
    for item in items:
        if item.pk in faults:  # its turn will show what is wrong with it
            item.plan = comparing.plan_unseen(run, parsed[item.pk], known.get(item.uuid))
        if item.plan == Plan.TAKEN and run.on_taken == RestoreRun.OnTaken.NEW_UUID:
            item.new_uuid = uuid.uuid4()
    with transaction.atomic():
        hold.write(stalls=0)
        RestoreItem.objects.bulk_update(items, ["plan", "storage_class", "new_uuid"])


def _require_others(
    hold: Hold, store: ObjectStore, faults: dict[int, Exception], *, n_items: int
) -> None:
    """Raises what went wrong unless it is about these files: others can be looked at, or could."""
    first = next(iter(faults.values()))
    shortage.note(first)
    if len(faults) == n_items and hold.run.stalls + 1 < _GIVE_UP_AFTER_FAULTS:
        raise first
    if not _answers(hold, store):
        raise first
    log.warning("Restore %s could not look at %s files", hold.run.pk, len(faults), exc_info=first)


def _only_exception(error: BaseException) -> Exception:
    if not isinstance(error, Exception):
        raise error
    return error


def _answers(hold: Hold, store: ObjectStore) -> bool:
    with ThreadPoolExecutor(1, "restore-ask") as pool:
        return _wait_for(hold, pool.submit(fetching.answers, store, hold.run.manifest_key))


def _completed(hold: Hold, futures: "Iterable[Future[Any]]") -> "Iterator[Future[Any]]":
    """These futures as they end, while the lease is kept."""
    pending = set(futures)
    try:
        while pending:
            done, pending = wait(pending, timeout=_BEAT_S, return_when=FIRST_COMPLETED)
            hold.renew()
            yield from done
    finally:
        for future in pending:
            future.cancel()


def _count(hold: Hold) -> None:
    counted = hold.run.items.order_by().values("plan").annotate(n=Count("pk"), size=Sum("size"))
    counts = {row["plan"]: [row["n"], row["size"] or 0] for row in counted}
    hold.write(
        plan_counts=counts,
        n_files=sum(n for n, _size in counts.values()),
        n_bytes=sum(size for _n, size in counts.values()),
        counted_at=timezone.now(),
    )


def _line(run: RestoreRun, item: RestoreItem) -> lines.Line:
    return lines.parse(item.line, prefix=run.custom_storage.prefix)


# --- Thawing -----------------------------------------------------------------------------------


def _thaw(hold: Hold, store: ObjectStore) -> None:
    """Ask for each archived object; whoever asks twice is told that it is under way.

    One that has gone since it was looked at is missing, and the others are asked for.
    """
    run = hold.run
    archived = run.items.filter(plan=Plan.ARCHIVED, state=ItemState.WAITING, reason="")
    with ThreadPoolExecutor(_THREADS, "restore-thaw") as pool:
        while items := list(archived.order_by("key", "pk")[:_PAGE]):
            asked = {
                pool.submit(store.thaw, item.key, days=_THAWED_FOR_DAYS): item.pk for item in items
            }
            gone = [asked[future] for future in _completed(hold, asked) if _is_gone(future)]
            with transaction.atomic():
                hold.write(stalls=0)
                run.items.filter(pk__in=asked.values()).update(reason="thawing")
                run.items.filter(pk__in=gone).update(plan=Plan.MISSING, reason="")
    _count(hold)
    hold.write(state=RunState.COUNTED, lease_until=None, reason="", thaw_asked_at=timezone.now())


def _is_gone(asked: "Future[None]") -> bool:
    try:
        asked.result()
    except ObjectMissing:
        return True
    return False


# --- Bringing back -----------------------------------------------------------------------------


def _bring_back(hold: Hold, store: ObjectStore) -> None:
    """Walk over what is not done yet, until each file has ended or nothing comes through."""
    bringing.skip_taken(hold)
    walk = bringing.walk(hold, store)
    if not walk.again and not walk.is_stuck:
        _end(hold, *verdicts.of(hold.run))
    elif walk.n_through:
        # Most came through: the rest is asked for again in a moment.
        bringing.count_attempts(hold, walk)
        hold.write(reason=walk.reason[:200], stalls=0)
        hold.give_back(wait=timedelta(seconds=2 * settings.TIME_SCALE))
    elif _is_about_files(hold, store, walk):
        bringing.count_attempts(hold, walk)
        if bringing.has_more(hold.run):
            _stall(hold, walk.reason)
        else:
            _end(hold, *verdicts.of(hold.run))
    elif walk.is_for_its_owner:
        _fail(hold, walk.reason)
    else:
        _stall(hold, walk.reason)


def _is_about_files(hold: Hold, store: ObjectStore, walk: bringing.Walk) -> bool:
    """Whether nothing comes through because of the few files that are left.

    An outage must not cost any file; and where no file ever came, its owner has to mend it.
    """
    if walk.is_stuck or walk.has_no_room or (walk.is_for_its_owner and not hold.run.n_done):
        return False
    return _answers(hold, store)


# --- Afterwards --------------------------------------------------------------------------------


def forget_items(*, now: datetime) -> int:
    """Remove what ended runs say of single files, after a while; how many there were."""
    old = RestoreRun.objects.filter(finished_at__lt=now - _ITEMS_LIVE)
    n_removed = 0
    while pks := list(RestoreItem.objects.filter(run__in=old).values_list("pk", flat=True)[:_PAGE]):
        n_removed += RestoreItem.objects.filter(pk__in=pks).delete()[0]
    return n_removed
