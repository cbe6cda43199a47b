"""Beginning a comparison: what the timetable and the button both need."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Max, Q

from storages_app.models import CustomStorage, Reconciliation
from storages_app.models.fields import db_now, read_db_now

Kind = Reconciliation.Kind

EVERY = {Kind.LIGHT: timedelta(hours=1), Kind.FULL: timedelta(days=7)}
_AT_A_TICK = 10  # more storages than that are spread over the following minutes
_CLEAN_ONES_LIVE = timedelta(days=7)
_OTHERS_LIVE = timedelta(days=180)


def begin(custom_storage: CustomStorage, *, kind: str, asked_by: str) -> Reconciliation | None:
    """Put one comparison into the queue; None if one of this kind is open already.

    Nobody is woken: a comparison may take long, and it belongs to the thread that looks for it in
    each worker process, not to the one that makes what is urgent.
    """
    try:
        with transaction.atomic():
            return Reconciliation.objects.create(
                custom_storage=custom_storage, kind=kind, asked_by=asked_by[:200]
            )
    except IntegrityError:
        return None  # constraint reconciliation_one_at_a_time


def begin_due() -> int:
    """Begin the comparisons whose time has come; how many there were."""
    now = read_db_now()
    storages = CustomStorage.objects.working().annotate(
        **{
            f"last_{kind}": Max("reconciliations__created_at", filter=_of_kind(kind))
            for kind in EVERY
        }
    )
    n_begun = 0
    for custom_storage in storages.order_by("pk").iterator(chunk_size=500):
        for kind, every in EVERY.items():
            last = getattr(custom_storage, f"last_{kind}")
            if _next(custom_storage, every, last=last) <= now:
                n_begun += begin(custom_storage, kind=kind, asked_by="schedule") is not None
        if n_begun >= _AT_A_TICK:
            break
    return n_begun


def _of_kind(kind: str) -> Q:
    return Q(reconciliations__kind=kind)


def _next(custom_storage: CustomStorage, every: timedelta, *, last: datetime | None) -> datetime:
    """A period after the last one; the first at a point of its period that is the storage's own.

    So a hundred storages that were connected together are not checked together ever after.
    """
    if last:
        return last + every
    share = custom_storage.pk.int % 3600 / 3600
    assert custom_storage.connected_at  # noqa: S101 - working storages only
    return custom_storage.connected_at + every * share


def forget_old() -> int:
    """Drop old reports; those that found something are kept longer."""
    clean = Q(state=Reconciliation.State.CLEAN, finished_at__lt=db_now() - _CLEAN_ONES_LIVE)
    others = Q(finished_at__lt=db_now() - _OTHERS_LIVE)
    n_gone, _ = Reconciliation.objects.filter(clean | others).delete()
    return n_gone
