"""Comparisons one after the other, each under a lease."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet

from storages_app.custom_storages.connect import open_store
from storages_app.lib import shortage
from storages_app.lib.errors import UcdashError
from storages_app.models import Event, Reconciliation
from storages_app.models.fields import db_now
from storages_app.objectstores.base import ObjectStore
from storages_app.objectstores.errors import ObjectStoreError
from storages_app.reconciliation import passes
from storages_app.reconciliation.comparison import Comparison
from storages_app.reconciliation.errors import StorageNotConnected
from storages_app.reconciliation.looking import Bucket
from storages_app.reconciliation.notebook import Notebook

log = logging.getLogger(__name__)

_LEASES = 10  # between two signs of life a page of a listing may be asked for again, for minutes
_BEAT_EVERY_S = 15.0
_MOST_TRIES = 5  # that end in a fault of ours, with growing pauses
_MOST_CLAIMS = 20  # workers that never came to an end
_FIRST_PAUSE = timedelta(minutes=1)
_FAULT = (
    "Something went wrong on our side, again and again (internal). The operator finds it in the "
    "log. The next check begins by itself, or here."
)
_CRASHES = (
    f"Workers stopped in the middle of it {_MOST_CLAIMS} times (worker_crashed). Tell the "
    "operator. The next check begins by itself, or here."
)
_THREADS = 16
_SKEW_TOLD_S = 60
State = Reconciliation.State
_PASSES = {Reconciliation.Kind.LIGHT: passes.light, Reconciliation.Kind.FULL: passes.full}
_one_at_a_time = threading.Lock()


class _Lost(Exception):
    """Another worker has this comparison now."""


def drain() -> int:
    """Make all comparisons that wait, unless this process is making one already."""
    if not _one_at_a_time.acquire(blocking=False):
        return 0
    n_made = 0
    try:
        while run := claim():
            conduct(run)
            n_made += 1
    finally:
        _one_at_a_time.release()
    return n_made


def claim() -> Reconciliation | None:
    """Take a comparison that waits or lost its worker, the light ones first."""
    free = Reconciliation.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=db_now()), finished_at=None
    )
    for row in free.order_by("-kind", "pk"):
        n_claimed = free.filter(pk=row.pk, fence=row.fence).update(
            lease_until=db_now() + _lease(),
            fence=F("fence") + 1,
            state=State.RUNNING,
            reason="",
            started_at=db_now(),
        )
        if n_claimed:
            claimed: Reconciliation = Reconciliation.objects.select_related(
                "custom_storage__project"
            ).get(pk=row.pk)
            return claimed
    return None


def _lease() -> timedelta:
    return _LEASES * settings.LEASE


def conduct(run: Reconciliation) -> None:
    """Make one comparison from its beginning to its report.

    Each claim begins it anew, so that the fence says how often it was tried in vain.
    """
    # What a worker that died had found is found anew.
    run.differences.all().delete()
    run.n_objects = run.n_copies = 0
    notebook = Notebook(run)
    try:
        if run.custom_storage.state in {"removed", "draft"}:
            raise StorageNotConnected
        if run.fence > _MOST_CLAIMS:
            _finish(run, notebook, failure=_CRASHES)
            return
        with _begun(run, notebook) as comparison:
            _PASSES[Reconciliation.Kind(run.kind)](comparison)
        _finish(run, notebook)
    except _Lost:
        log.warning("Reconciliation %s was taken over, or its storage is gone.", run.pk)
    except UcdashError as error:
        _finish(run, notebook, failure=f"{error.message} ({error.code})")
    except Exception as error:
        shortage.note(error)
        log.error("Reconciliation %s failed (try %s)", run.pk, run.fence, exc_info=error)
        _try_again(run, notebook)


def _try_again(run: Reconciliation, notebook: Notebook) -> None:
    """After a fault of ours: later, or never if that was the last try."""
    if run.fence < _MOST_TRIES:
        pause = _FIRST_PAUSE * 2 ** (run.fence - 1) * settings.TIME_SCALE
        _held(run).update(
            state=State.WAITING,
            reason="Something went wrong on our side; it is tried again (internal).",
            lease_until=db_now() + pause,
        )
        return
    try:
        _finish(run, notebook, failure=_FAULT)
    except Exception:  # what fails may be what was found
        log.exception("What reconciliation %s had found could not be written down", run.pk)
        _finish(run, Notebook(run), failure=_FAULT)


@contextmanager
def _begun(run: Reconciliation, notebook: Notebook) -> Iterator[Comparison]:
    custom_storage = run.custom_storage
    store = open_store(custom_storage)
    run.clock_offset_s = _clock_offset(store)
    if run.clock_offset_s and abs(run.clock_offset_s) > _SKEW_TOLD_S:
        notebook.note(f"Its clock and ours are {abs(run.clock_offset_s):.0f} s apart.")
    bucket = Bucket(
        store,
        verifies=custom_storage.can("verifies_checksum"),
        clock_offset=timedelta(seconds=run.clock_offset_s or 0),
    )
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="reconciliation")
    try:
        yield Comparison(run, bucket, notebook, pool, beat=_heart_of(run, notebook))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _clock_offset(store: ObjectStore) -> float | None:
    try:
        return store.connection().clock_offset_s
    except ObjectStoreError:
        return None  # what comes next says why


def _heart_of(run: Reconciliation, notebook: Notebook) -> Any:
    beaten_at = monotonic()
    every_s = min(_BEAT_EVERY_S, _lease().total_seconds() / 3)

    def beat() -> None:
        nonlocal beaten_at
        if monotonic() - beaten_at < every_s:
            return
        beaten_at = monotonic()
        # Of a storage that is gone nothing may be ordered any more; the next claim ends the run.
        held = _held(run).filter(custom_storage__removed_at=None)
        if not held.update(**_progress(run, notebook), lease_until=db_now() + _lease()):
            raise _Lost
        notebook.flush()

    return beat


def _held(run: Reconciliation) -> QuerySet[Reconciliation]:
    return Reconciliation.objects.filter(pk=run.pk, fence=run.fence, finished_at=None)


def _progress(run: Reconciliation, notebook: Notebook) -> dict[str, Any]:
    return {
        "n_objects": run.n_objects,
        "n_copies": run.n_copies,
        "n_differences": notebook.counts.total(),
        "n_mended": notebook.n_mended,
        "counts": dict(notebook.counts),
        "clock_offset_s": run.clock_offset_s,
    }


def _finish(run: Reconciliation, notebook: Notebook, *, failure: str = "") -> None:
    if not _held(run).exists():
        return
    notebook.flush()
    reason = " ".join(notebook.notes)
    state = State.DIFFERENT if notebook.counts else State.CLEAN
    if notebook.n_unknown and not failure:
        failure = f"{notebook.n_unknown} things could not be looked at. {reason}"
    if failure:
        state, reason = State.FAILED, failure
    last = _last_finished(run)
    n_held = _held(run).update(
        **_progress(run, notebook),
        state=state,
        reason=reason[:200],
        finished_at=db_now(),
        lease_until=None,
    )
    if not n_held:
        return
    run.refresh_from_db()
    if run.state != State.CLEAN and not _says_the_same(run, last):
        _tell(run)


def _last_finished(run: Reconciliation) -> Reconciliation | None:
    same = Reconciliation.objects.filter(custom_storage=run.custom_storage_id, kind=run.kind)
    return same.exclude(pk=run.pk).exclude(finished_at=None).order_by("-pk").first()


def _says_the_same(run: Reconciliation, last: Reconciliation | None) -> bool:
    """An hourly check must not fill the activity with what is known and was left as it is."""
    if last is None or run.n_mended:
        return False
    return (run.state, run.counts, run.reason) == (last.state, last.counts, last.reason)


def _tell(run: Reconciliation) -> None:
    failed = run.state == State.FAILED
    Event.objects.record(
        "check.failed" if failed else "check.found_differences",
        actor=run.asked_by,
        subject=run.custom_storage.name,
        subject_id=run.pk,
        project=run.custom_storage.project,
        data={
            "kind": run.kind,
            "reason": run.reason,
            "differences": run.n_differences,
            "mended": run.n_mended,
            **run.counts,
        },
    )
