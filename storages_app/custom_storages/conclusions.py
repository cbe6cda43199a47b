"""What a finished connection test means for its storage."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from storages_app.custom_storages import circuit
from storages_app.custom_storages.probe import Probe
from storages_app.models import (
    AccessChange,
    BackupPlan,
    BackupRun,
    BackupSegment,
    ConnectionTest,
    CopyJob,
    CustomStorage,
    Event,
    File,
    Finding,
    Reconciliation,
)
from storages_app.models.custom_storages import ConnectionTestQuerySet
from storages_app.models.events import changes_of
from storages_app.models.fields import db_now
from ucdash.celery import wake

State = Finding.State
Trigger = ConnectionTest.Trigger

# A storage is not called broken because of one of these, once: the next test decides.
_PASSING_TROUBLE = {"timeout", "connection", "server_error", "throttled", "internal", "SlowDown"}

_ANOTHER_BUCKET = {"provider", "endpoint_url", "bucket"}


def verdict(findings: Iterable[Finding]) -> ConnectionTest.State:
    """What the answers amount to; a row that stays open counts as one that failed."""
    unproved = {row.level for row in findings if row.state in {State.FAILED, State.SKIPPED}}
    if Finding.Level.REQUIRED in unproved:
        return ConnectionTest.State.FAILED
    is_limited = Finding.Level.ADVISED in unproved
    return ConnectionTest.State.LIMITED if is_limited else ConnectionTest.State.PASSED


def draw(test: ConnectionTest, findings: list[Finding], probe: Probe) -> None:
    """End the test and let it act on the storage, unless another worker has taken it over."""
    failed = [row for row in findings if row.state == State.FAILED]
    test.state = verdict(findings)
    with transaction.atomic():
        n_held = ConnectionTest.objects.filter(pk=test.pk, fence=test.fence).update(
            state=test.state,
            is_repeat=_is_repeat(test, findings),
            finished_at=db_now(),
            lease_until=None,
        )
        if n_held:
            _act(test, failed, probe)


def _act(test: ConnectionTest, failed: list[Finding], probe: Probe) -> None:
    row = CustomStorage.objects.select_for_update().get(pk=test.custom_storage_id)
    if row.removed_at:
        return
    change = test.access_change
    if change and test.has_passed and _has_moved_on(row, change):
        _ask_anew(test)
    elif change:
        _decide(change, row, test, failed, probe)
    elif test.created_at >= row.access_changed_at:  # else its settings are others by now
        _note_what_was_found(row, probe)
        if test.kind == ConnectionTest.Kind.TEST:
            _judge(row, test, failed, probe)


def _has_moved_on(row: CustomStorage, change: AccessChange) -> bool:
    """Whether another change was kept while this one was tried beside the settings before it."""
    return row.access_changed_at != change.custom_storage.access_changed_at


def _ask_anew(test: ConnectionTest) -> None:
    """Have the test wait again: the settings of both changes together were never tried."""
    ConnectionTest.objects.filter(pk=test.pk).update(
        state=ConnectionTest.State.WAITING, is_repeat=False, started_at=None, finished_at=None
    )
    transaction.on_commit(partial(wake, "custom_storages.drain"))


def _note_what_was_found(row: CustomStorage, probe: Probe) -> None:
    """The bucket's own region, and that its owner is behind this storage."""
    found: dict[str, object] = dict(probe.adopted)
    if probe.has_proof and not row.proved_at:
        found["proved_at"] = timezone.now()
    if found:
        for name, value in found.items():
            setattr(row, name, value)
        row.save(update_fields=list(found))


def _judge(row: CustomStorage, test: ConnectionTest, failed: list[Finding], probe: Probe) -> None:
    if test.has_passed:
        row.capabilities = probe.capabilities | {"tested_at": datetime.now(UTC).isoformat()}
        row.save(update_fields=["capabilities"])
        if test.trigger != Trigger.BREAK:
            circuit.close(row, why="its connection test passed")
    elif not row.is_draft and not _may_pass_by_itself(row, test, failed):
        circuit.open_(row, reason=_first_code(failed))


def _may_pass_by_itself(row: CustomStorage, test: ConnectionTest, failed: list[Finding]) -> bool:
    """Whether nobody asked, the trouble is of the passing kind, and it is new."""
    if test.trigger != Trigger.SCHEDULE or _first_code(failed) not in _PASSING_TROUBLE:
        return False
    last = _before(test, row).first()
    return last is None or last.has_passed


def _first_code(failed: list[Finding]) -> str:
    required = (row for row in failed if row.level == Finding.Level.REQUIRED)
    first = next(required, None)
    return (first.code or first.check_id) if first else "unknown"


def _decide(
    change: AccessChange,
    row: CustomStorage,
    test: ConnectionTest,
    failed: list[Finding],
    probe: Probe,
) -> None:
    """Keep the new settings or leave the old ones in use."""
    now = timezone.now()
    change.decided_at = now
    settings = {name: new for name, new in change.settings.items() if name != "proved_at"}
    told = changes_of(row, settings) if test.has_passed else {}
    change.state = AccessChange.State.KEPT if test.has_passed else AccessChange.State.REFUSED
    change.settings = change.settings | probe.adopted
    if test.has_passed:
        tried, before = change.applied(), _place_of(row)
        names = {*change.settings, *(["sealed_secret"] if change.sealed_secret else [])}
        for name in names:
            setattr(row, name, getattr(tried, name))
        if probe.has_proof:
            row.proved_at = now
        # A test that was ordered before this moment has seen, or may have seen, the old ones.
        row.access_changed_at = now
        row.save(update_fields={*names, "proved_at", "access_changed_at"})
        if _place_of(row) != before:
            _forget_backup(row)
        if change.settings.keys() & _ANOTHER_BUCKET:
            _doubt_copies(row, asked_by=change.asked_by)
        _judge(row, test, failed, probe)
    changed = sorted(change.settings.keys() - {"proved_at"})
    # Who may read the copies is told by its value (S055).
    told |= {name: change.settings[name] for name in ("public_mode",) if name in change.settings}
    if not test.has_passed:
        told["reason"] = _first_code(failed)
    if change.sealed_secret:
        changed.append("secret")
    change.sealed_secret = ""
    change.save(update_fields=["state", "decided_at", "settings", "sealed_secret"])
    Event.objects.record(
        "storage.changed" if test.has_passed else "storage.change_refused",
        actor=change.asked_by,
        subject=row.name,
        subject_id=row.pk,
        project=row.project,
        data={"changed": changed} | told,
    )


def _place_of(row: CustomStorage) -> tuple[str, str, str]:
    return row.endpoint_url, row.bucket, row.prefix


def _doubt_copies(row: CustomStorage, *, asked_by: str) -> None:
    """The newest copies were seen in the new bucket, the others were not: all are looked for now.

    A copy that is under way goes to the old one: its fence is taken away. Another prefix alone
    makes no copy untrue, because the ledger knows their whole keys.
    """
    CopyJob.objects.filter(custom_storage=row).running().update(fence=F("fence") + 1)
    whole = Reconciliation.objects.filter(custom_storage=row, kind=Reconciliation.Kind.FULL)
    # One that has begun looks at the old bucket.
    whole.filter(finished_at=None).update(
        state=Reconciliation.State.FAILED,
        reason="storage_changed",
        finished_at=db_now(),
        lease_until=None,
        fence=F("fence") + 1,
    )
    Reconciliation.objects.create(
        custom_storage=row, kind=Reconciliation.Kind.FULL, asked_by=asked_by
    )


def _forget_backup(row: CustomStorage) -> None:
    """What proves the backup was seen in another place: nothing is backed up until it is here.

    The next run begins at once, orders every file, and writes all records anew. A copy that is
    under way goes to the old place: its fence is taken away.
    """
    backup = CopyJob.objects.filter(custom_storage=row, is_backup=True)
    backup.running().update(fence=F("fence") + 1)
    backup.update(is_backup=False, record=None)
    File.objects.filter(project_id=row.project_id, is_backup_ordered=True).update(
        is_backup_ordered=False
    )
    BackupRun.objects.filter(custom_storage=row).update(custom_storage=None)
    BackupSegment.objects.filter(custom_storage=row, retired_at=None).update(
        retired_at=timezone.now()
    )
    BackupPlan.objects.filter(custom_storage=row, next_run_at__isnull=False).update(
        next_run_at=db_now()
    )


def _is_repeat(test: ConnectionTest, findings: list[Finding]) -> bool:
    """Whether nobody pressed a button and nothing is new: such a test is not in the history."""
    if test.trigger not in {Trigger.WATCH, Trigger.SCHEDULE, Trigger.BREAK}:
        return False
    before = _before(test, test.custom_storage)
    if test.kind == ConnectionTest.Kind.CHECKLIST:  # which is of no history, and the proof apart
        before = before.filter(again=test.again)
    last = before.first()
    return last is not None and _outcome(last.findings.all()) == _outcome(findings)


def _before(test: ConnectionTest, row: CustomStorage) -> ConnectionTestQuerySet:
    """The finished tests of the same settings, newest first: not those of a change refused."""
    found = ConnectionTest.objects.of_current_settings(row, kind=test.kind)
    return found.over().exclude(pk=test.pk).order_by("-pk")


def _outcome(findings: Iterable[Finding]) -> dict[str, tuple[str, str]]:
    return {row.check_id: (row.state, row.code) for row in findings}
