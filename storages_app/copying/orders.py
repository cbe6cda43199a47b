"""Writing copy jobs into the ledger: what services and runners of other rooms both need."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Subquery

from storages_app.custom_storages import key_patterns
from storages_app.models import CopyJob, CustomStorage, File
from storages_app.models.copy_jobs import (
    RUNNING_STATES,
    TERMINAL_STATES,
    CopyJobQuerySet,
    State,
)
from storages_app.models.fields import db_now
from ucdash.celery import wake

MAX_ORIGINAL = 5_368_709_120  # 5 GB, inclusive
_FARTHEST = timedelta(hours=1)  # in the future, of anything that a job waits for
MAX_PROCESSED = 104_857_600  # 100 MB, inclusive, source and result


@dataclass(frozen=True)
class Order:
    """One copy to be made."""

    file: File
    custom_storage: CustomStorage
    key: str
    effects: str = ""
    is_public: bool = False
    is_backup: bool = False
    asked_by: str = ""  # where orders of several askers are placed together
    on_clash: str = ""  # empty: the storage's own rule


def order_for(
    *,
    file: File,
    custom_storage: CustomStorage,
    pattern: str = "",
    effects: str = "",
    key_text: str = "",
    is_public: bool | None = None,
    is_backup: bool = False,
    asked_by: str = "",
) -> Order:
    """The order that follows from the storage's own settings, unless said otherwise."""
    pattern = pattern or custom_storage.key_pattern
    key = key_patterns.expand(
        pattern,
        prefix=custom_storage.prefix,
        uuid=str(file.uuid),
        original_filename=file.original_filename,
        uploaded_at=file.uploaded_at,
        # By the storage, which many orders share, and only where it is asked for.
        project=custom_storage.project.slug if "${project}" in pattern else "",
        mime_type=file.mime_type,
        effects=key_text,
    )
    if is_public is None:
        is_public = custom_storage.public_mode == CustomStorage.PublicMode.ACL
    return Order(file, custom_storage, key, effects, is_public, is_backup, asked_by)


def place(
    orders: Iterable[Order],
    *,
    lane: CopyJob.Lane,
    asked_by: str,
    again: bool = True,
    wakes: bool = True,
) -> list[CopyJob]:
    """Put the orders into the ledger and send a wake-up after the commit; their rows.

    One row a (file, storage, effects, key): a row that waits keeps the more urgent lane; one that
    has ended is opened again if `again`, and the bucket is then read before anything is written.
    Runs in the caller's transaction.
    """
    rows = [_place_one(order, lane=lane, asked_by=asked_by, again=again) for order in orders]
    if rows and wakes:
        transaction.on_commit(partial(wake, "copying.drain"))
    return rows


def place_new(orders: list[Order], *, lane: CopyJob.Lane, asked_by: str) -> None:
    """As `place`, for many orders in one statement; rows that exist are left as they are."""
    CopyJob.objects.bulk_create(
        [_new_row(order, lane=lane, asked_by=asked_by) for order in orders],
        ignore_conflicts=True,
        batch_size=500,
    )
    if orders:
        transaction.on_commit(partial(wake, "copying.drain"))


def _new_row(order: Order, *, lane: CopyJob.Lane, asked_by: str) -> CopyJob:
    storage = order.custom_storage
    waits = storage.is_paused or storage.is_broken or storage.is_draft
    return CopyJob(
        project_id=order.file.project_id,
        file=order.file,
        custom_storage=storage,
        effects=order.effects,
        key=order.key,
        is_public=order.is_public,
        is_backup=order.is_backup,
        on_clash=order.on_clash or storage.on_clash,
        lane=lane,
        asked_by=order.asked_by or asked_by,
        state=State.BLOCKED if waits else State.PENDING,
        run_after=db_now(),
    )


def _place_one(order: Order, *, lane: CopyJob.Lane, asked_by: str, again: bool) -> CopyJob:
    same = CopyJob.objects.filter(
        file=order.file,
        custom_storage=order.custom_storage,
        effects=order.effects,
        key=order.key,
    )
    row = same.first()
    if row is None:
        row = _new_row(order, lane=lane, asked_by=asked_by)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:  # ordered by somebody else at this moment
            row = same.get()
        else:
            return row
    if again and row.is_over:
        reopen(
            same,
            lane=lane,
            asked_by=asked_by,
            is_public=order.is_public,
            on_clash=order.on_clash,
        )
    elif not row.is_running:
        same.exclude(state__in=RUNNING_STATES).update(lane=min(lane, row.lane))
    if order.is_backup and not row.is_backup:
        same.update(is_backup=True)
    row.refresh_from_db(fields=["state", "lane", "is_backup"])
    return row


def reopen(
    jobs: CopyJobQuerySet,
    *,
    lane: CopyJob.Lane,
    asked_by: str,
    is_public: bool | None = None,
    on_clash: str = "",
) -> int:
    """Let ended jobs run again from the beginning, by today's clash rule; how many there were."""
    storage = CustomStorage.objects.filter(pk=OuterRef("custom_storage"))
    values = {} if is_public is None else {"is_public": is_public}
    return jobs.filter(state__in=TERMINAL_STATES).update(
        state=State.PENDING,
        reason="",
        detail="",
        error_code="",
        http_status=None,
        request_id="",
        run_after=db_now(),
        attempts=0,
        crashes=0,
        first_attempt_at=None,
        finished_at=None,
        record=None,  # what the backup says of it is old
        lane=lane,
        asked_by=asked_by,
        on_clash=on_clash or Subquery(storage.values("on_clash")),
        **values,
    )


def mend_times() -> None:
    """Bring times near that nobody of today can have written: the database's clock went back.

    Leases last seconds and waits a quarter of an hour at most.
    """
    now = db_now()
    far = now + _FARTHEST
    CopyJob.objects.filter(run_after__gt=far).update(run_after=now)
    CopyJob.objects.filter(lease_until__gt=far).update(lease_until=now)
    CustomStorage.objects.filter(next_claim_at__gt=far).update(next_claim_at=None)
    CustomStorage.objects.filter(circuit_probe_after__gt=far).update(circuit_probe_after=now)
