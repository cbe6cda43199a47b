"""The circuit breaker of a storage, kept in its row so that all workers share it.

It opens after five owner-type failures in a row or when half of the last 20 copies failed
(spec/RELIABILITY 5.7). While it is open the storage's copies are blocked and use up no attempt;
now and then one of them is tried. It closes with the first success or a passed test; not with the
test that is run when it opens, since a bucket may take tests and refuse copies.
"""

from datetime import timedelta
from time import monotonic
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Min, Q
from django.db.models.functions import Coalesce, Greatest, Least

from storages_app.custom_storages import orders
from storages_app.models import ConnectionTest, CopyJob, CustomStorage, Event
from storages_app.models.copy_jobs import CopyJobQuerySet, State
from storages_app.models.fields import db_now
from storages_app.webhooks.announcing import announce

SUCCESS, TRANSIENT, OWNER = "+", "t", "o"
_OWNER_FAILURES = 5
_WINDOW = 20
_FIRST_PROBE = timedelta(minutes=1)
_LAST_PROBE = timedelta(minutes=30)
_AT_ONCE = 1_000  # rows of the ledger that one statement changes


def report(custom_storage: CustomStorage, outcomes: str, *, reason: str = "") -> None:
    """Add the outcomes (`+`, `t`, `o`; oldest first) of one batch of copies to the record."""
    with transaction.atomic():
        row = CustomStorage.objects.select_for_update(no_key=True).get(pk=custom_storage.pk)
        if row.is_broken:
            if SUCCESS in outcomes:
                close(row, why="a copy went through")
            else:
                park(row)
            return
        recent = (row.recent_outcomes + outcomes)[-_WINDOW:]
        if recent != row.recent_outcomes:
            row.recent_outcomes = recent
            row.save(update_fields=["recent_outcomes"])
        if _is_bad(recent) and open_(row, reason=reason):
            orders.order_test(
                custom_storage=row,
                asked_by="schedule",
                kind=ConnectionTest.Kind.TEST,
                trigger=ConnectionTest.Trigger.BREAK,
                again="",
            )


def _is_bad(recent: str) -> bool:
    if recent.endswith(OWNER * _OWNER_FAILURES):
        return True
    return len(recent) == _WINDOW and recent.count(SUCCESS) <= _WINDOW // 2


def open_(custom_storage: CustomStorage, *, reason: str) -> bool:
    """Block the storage's copies and tell once; False, and nothing is done, on an open circuit."""
    n_opened = CustomStorage.objects.filter(
        pk=custom_storage.pk, circuit_opened_at=None, removed_at=None
    ).update(
        circuit_opened_at=db_now(),
        circuit_reason=reason[:40],
        circuit_probe_after=db_now() + _pause(0),
        circuit_probes=0,
        recent_outcomes="",
    )
    if not n_opened:
        return False
    n_waiting = park(custom_storage)
    Event.objects.record(
        "storage.broken",
        actor="system",
        subject=custom_storage.name,
        subject_id=custom_storage.pk,
        project=custom_storage.project,
        data={"reason": reason, "waiting": n_waiting},
    )
    announce("storage.broken", [custom_storage], project_id=custom_storage.project_id)
    return True


def _pause(n_probes: int) -> timedelta:
    """How long to wait after so many trial copies: 1, 2, 4 … 30 minutes."""
    pause = min(_FIRST_PROBE * 2.0 ** min(n_probes, 10), _LAST_PROBE)
    return pause * settings.TIME_SCALE


def close(custom_storage: CustomStorage, *, why: str) -> None:
    """Let the storage's copies go on; on a closed circuit, do nothing."""
    n_closed = CustomStorage.objects.filter(
        pk=custom_storage.pk, circuit_opened_at__isnull=False
    ).update(
        circuit_opened_at=None,
        circuit_reason="",
        circuit_probe_after=None,
        circuit_probes=0,
        recent_outcomes="",
    )
    if not n_closed:
        return
    broken_at = custom_storage.circuit_opened_at
    first_parked = _parked(custom_storage).aggregate(pk=Min("pk"))["pk"]
    n_released = release(custom_storage)
    Event.objects.record(
        "storage.recovered",
        actor="system",
        subject=custom_storage.name,
        subject_id=custom_storage.pk,
        project=custom_storage.project,
        # From when to when, and from which copy on: pages tell from the ledger what was caught up.
        data={
            "why": why,
            "released": n_released,
            "broken_at": broken_at.isoformat() if broken_at else None,
            "first_copy": first_parked,
        },
    )
    announce("storage.recovered", [custom_storage], project_id=custom_storage.project_id)


def park(custom_storage: CustomStorage) -> int:
    """Mark the waiting copies of a paused or broken storage as blocked; how many there are.

    The first of them at once and the rest by `settle_states`: what a row says is for people.
    Nobody claims a copy of a storage that does not work, whatever the row says.
    """
    n_waiting = _unparked(custom_storage).count()
    _settle_rest_later(custom_storage, n_done=_park_some(custom_storage))
    return n_waiting


def release(custom_storage: CustomStorage) -> int:
    """Let blocked copies go on, unless the storage is still paused or broken."""
    if not CustomStorage.objects.in_order().filter(pk=custom_storage.pk).exists():
        return 0
    n_waiting = _parked(custom_storage).count()
    _settle_rest_later(custom_storage, n_done=_release_some(custom_storage))
    return n_waiting


def settle_states() -> None:
    """Go on where `park` and `release` have left off, for a second."""
    ends_at = monotonic() + 1
    stale = CustomStorage.objects.filter(has_stale_states=True)
    for pk in list(stale.values_list("pk", flat=True)):
        while _settle_some(pk) and monotonic() < ends_at:
            pass


@transaction.atomic
def _settle_some(pk: UUID) -> bool:
    """A part of one storage, unless somebody is at it; whether there may be more."""
    stale = CustomStorage.objects.filter(pk=pk, has_stale_states=True)
    row = stale.select_for_update(skip_locked=True, no_key=True).order_by().first()
    if row is None:
        return False
    n_done = _release_some(row) if row.state == "connected" else _park_some(row)
    if n_done == _AT_ONCE:
        return True
    stale.update(has_stale_states=False)
    return False


def _settle_rest_later(custom_storage: CustomStorage, *, n_done: int) -> None:
    if n_done == _AT_ONCE:
        CustomStorage.objects.filter(pk=custom_storage.pk).update(has_stale_states=True)


def _park_some(custom_storage: CustomStorage) -> int:
    some = _unparked(custom_storage).values("pk")[:_AT_ONCE]
    return (
        _unparked(custom_storage)
        .filter(pk__in=some)
        .update(state=State.BLOCKED, run_after=Least("run_after", db_now()))
    )


def _release_some(custom_storage: CustomStorage) -> int:
    some = _parked(custom_storage).values("pk")[:_AT_ONCE]
    return _parked(custom_storage).filter(pk__in=some).update(state=State.PENDING)


def _unparked(custom_storage: CustomStorage) -> CopyJobQuerySet:
    return CopyJob.objects.filter(
        custom_storage=custom_storage, state__in=[State.PENDING, State.RETRY_WAIT]
    )


def _parked(custom_storage: CustomStorage) -> CopyJobQuerySet:
    return CopyJob.objects.filter(custom_storage=custom_storage, state=State.BLOCKED)


def slow_down(custom_storage: CustomStorage, *, seconds: float) -> None:
    """The bucket asked for a rest: nobody begins another copy into it before."""
    rest_ends = db_now() + timedelta(seconds=seconds)
    CustomStorage.objects.filter(pk=custom_storage.pk).update(
        next_claim_at=Greatest(Coalesce("next_claim_at", rest_ends), rest_ends)
    )


def claim_probe() -> CustomStorage | None:
    """A broken storage whose next try is due, for this caller alone; each waits twice as long."""
    due = CustomStorage.objects.connected().filter(
        Q(circuit_opened_at__isnull=False),
        paused_at=None,
        circuit_probe_after__lte=db_now(),
        project__removed_at=None,
    )
    for row in due.order_by("circuit_probe_after"):
        n_claimed = due.filter(pk=row.pk, circuit_probes=row.circuit_probes).update(
            circuit_probe_after=db_now() + _pause(row.circuit_probes + 1),
            circuit_probes=F("circuit_probes") + 1,
        )
        if n_claimed:
            return row
    return None
