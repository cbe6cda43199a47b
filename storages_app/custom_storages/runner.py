"""The connection test: one check after the other, each written down as soon as it is answered."""

import logging
from datetime import UTC, datetime, timedelta
from time import monotonic, perf_counter
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from storages_app.custom_storages import circuit
from storages_app.custom_storages.connect import open_store
from storages_app.custom_storages.probe import (
    Advice,
    Check,
    Probe,
    Refused,
    advice_for,
    filled,
    registry,
)
from storages_app.models import ConnectionTest, CustomStorage, Event, Finding
from storages_app.models.copy_jobs import MAX_CRASHES
from storages_app.models.fields import db_now
from storages_app.objectstores.errors import ObjectStoreError

log = logging.getLogger(__name__)

_LEASE = timedelta(seconds=90)
_TIME_FOR_ALL_S = 30
_OUT_OF_TIME = Advice(
    f"Not asked: the test ends after {_TIME_FOR_ALL_S} s.",
    "The provider answered too slowly.",
    ["Run the test again."],
)
_OUR_FAULT = Advice(
    "This check could not be made.",
    "The fault is in this instance; its log has the details.",
    ["Tell the operator, and run the test again."],
)
State = Finding.State


def checks_for(custom_storage: CustomStorage) -> list[tuple[Check, Finding.Level]]:
    """The questions that are asked of this storage, in order, with their levels."""
    asked = []
    for found in sorted(registry, key=lambda check: check.position):
        level = found.level(custom_storage)
        if level:
            asked.append((found, level))
    return asked


def claim(*, test_id: int | None = None) -> ConnectionTest | None:
    """Take a test that waits, or whose worker died; None if there is none."""
    _give_up_deadly_tests()
    open_tests = ConnectionTest.objects.filter(
        Q(state=ConnectionTest.State.WAITING)
        | Q(state=ConnectionTest.State.RUNNING, lease_until__lt=db_now())
    )
    if test_id is not None:
        open_tests = open_tests.filter(pk=test_id)
    for row in open_tests.order_by("pk"):
        n_claimed = open_tests.filter(pk=row.pk, fence=row.fence).update(
            state=ConnectionTest.State.RUNNING,
            started_at=db_now(),
            lease_until=db_now() + _LEASE,
            fence=F("fence") + 1,
        )
        if n_claimed:
            claimed: ConnectionTest = ConnectionTest.objects.select_related(
                "custom_storage__project"
            ).get(pk=row.pk)
            return claimed
    return None


def _give_up_deadly_tests() -> None:
    """A test that outlived no worker so far fails instead of taking one more with it."""
    ConnectionTest.objects.filter(
        state=ConnectionTest.State.RUNNING, lease_until__lt=db_now(), fence__gte=MAX_CRASHES
    ).update(state=ConnectionTest.State.FAILED, finished_at=db_now(), lease_until=None)


def run_test(test: ConnectionTest) -> None:
    """Ask everything, write the findings, and draw the conclusion for the storage."""
    custom_storage = test.custom_storage
    asked = checks_for(custom_storage)
    findings = _write_waiting_rows(test, asked)
    try:
        probe = Probe.of(custom_storage, open_store(custom_storage))
    except ObjectStoreError as error:
        _refuse_settings(list(findings.values()), error)
        _conclude(test, list(findings.values()), capabilities={})
        return
    ends_at = monotonic() + _TIME_FOR_ALL_S
    for found, _level in asked:
        finding = findings[found.check_id]
        missing = [name for name in found.requires if findings[name].state != State.PASSED]
        if missing:
            _skip(finding, f"Waits for “{findings[missing[0]].name}”")
        elif monotonic() > ends_at:
            _answer(finding, State.FAILED, _OUT_OF_TIME, code="timeout")
        else:
            _ask(found, finding, probe)
    _tidy(probe)
    _conclude(test, list(findings.values()), capabilities=probe.capabilities)


def _refuse_settings(findings: list[Finding], error: ObjectStoreError) -> None:
    """No connection can be made with these settings: the first check says so for all."""
    first, *others = findings
    _answer(first, State.FAILED, Advice(error.message, fix=[error.advice]), code=error.code)
    for finding in others:
        _skip(finding, f"Waits for “{first.name}”")


def _write_waiting_rows(
    test: ConnectionTest, asked: list[tuple[Check, Finding.Level]]
) -> dict[str, Finding]:
    test.findings.all().delete()
    rows = [
        Finding(
            connection_test=test,
            check_id=found.check_id,
            name=found.name,
            level=level,
            position=found.position,
        )
        for found, level in asked
    ]
    Finding.objects.bulk_create(rows)
    return {row.check_id: row for row in test.findings.all()}


def _ask(found: Check, finding: Finding, probe: Probe) -> None:
    finding.state = State.RUNNING
    finding.save(update_fields=["state"])
    started = perf_counter()
    try:
        title = found.ask(probe)
    except Refused as refusal:
        finding.milliseconds = _since(started)
        _answer(finding, State.FAILED, filled(refusal.advice, probe), code=refusal.code)
    except ObjectStoreError as error:
        finding.milliseconds = _since(started)
        finding.http_status = error.http_status
        finding.operation = error.operation
        finding.request_id = error.request_id[:200]
        advice = advice_for(found, error, probe.facts)
        _answer(finding, State.FAILED, advice, code=error.provider_code or error.code)
    except Exception:
        # Left open, the test would be taken over for ever and hold up those behind it.
        log.exception("The check %s of a connection test failed.", found.check_id)
        _answer(finding, State.FAILED, _OUR_FAULT, code="internal")
    else:
        finding.milliseconds = _since(started)
        _answer(finding, State.PASSED, Advice(title), code="")


def _since(started: float) -> int:
    return round((perf_counter() - started) * 1000)


def _skip(finding: Finding, title: str) -> None:
    _answer(finding, State.SKIPPED, Advice(title), code="")


def _answer(finding: Finding, state: State, advice: Advice, *, code: str) -> None:
    finding.state = state
    finding.title = advice.title
    finding.why = advice.why
    finding.fix = list(advice.fix)
    finding.code = code[:80]
    finding.save()


def _tidy(probe: Probe) -> None:
    """Try once more to remove what a skipped or failed removal left behind."""
    for key in probe.leftovers:
        try:
            probe.store.delete(key)
        except ObjectStoreError as error:
            log.info("A test object stays in a bucket: %s", error.code)


def _conclude(
    test: ConnectionTest, findings: list[Finding], *, capabilities: dict[str, Any]
) -> None:
    failed = [finding for finding in findings if finding.state != State.PASSED]
    is_connected = not any(finding.level == Finding.Level.REQUIRED for finding in failed)
    is_limited = any(finding.level == Finding.Level.ADVISED for finding in failed)
    outcome = ConnectionTest.State.LIMITED if is_limited else ConnectionTest.State.PASSED
    with transaction.atomic():
        n_held = ConnectionTest.objects.filter(pk=test.pk, fence=test.fence).update(
            state=outcome if is_connected else ConnectionTest.State.FAILED,
            finished_at=db_now(),
            lease_until=None,
        )
        if not n_held:
            return  # another worker has taken this test over
        if is_connected:
            _connect(test, capabilities)
        else:
            _break(test, failed)


def _connect(test: ConnectionTest, capabilities: dict[str, Any]) -> None:
    row = test.custom_storage
    was_draft = row.is_draft
    CustomStorage.objects.filter(pk=row.pk).update(
        capabilities=capabilities | {"tested_at": datetime.now(UTC).isoformat()},
        connected_at=row.connected_at or timezone.now(),
    )
    if was_draft:
        Event.objects.record(
            "storage.connected",
            actor=test.asked_by,
            subject=row.name,
            subject_id=row.pk,
            project=row.project,
        )
        row.refresh_from_db()
        circuit.release(row)
    circuit.close(row, why="its connection test passed")


def _break(test: ConnectionTest, failed: list[Finding]) -> None:
    """A connected storage that fails a required check is broken; a draft stays a draft."""
    first = next(f for f in failed if f.level == Finding.Level.REQUIRED and f.state == State.FAILED)
    if not test.custom_storage.is_draft:
        circuit.open_(test.custom_storage, reason=first.code or first.check_id)
