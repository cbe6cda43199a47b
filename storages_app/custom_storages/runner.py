"""The connection test: one check after the other, each written down as soon as it is answered.

The questions are asked in a thread of their own, which knows no database, so that the test ends
after 30 s whatever a server does.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from datetime import timedelta
from time import monotonic, perf_counter

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from storages_app.custom_storages import conclusions
from storages_app.custom_storages.connect import forget_role, open_outside_store, open_probe_store
from storages_app.custom_storages.probe import (
    Advice,
    CannotTell,
    Check,
    Noted,
    Probe,
    Refused,
    action_of,
    checks_for,
    registry,
)
from storages_app.lib.errors import UcdashError
from storages_app.models import ConnectionTest, CopyJob, CustomStorage, File, Finding
from storages_app.models.copy_jobs import MAX_CRASHES
from storages_app.models.fields import db_now
from storages_app.objectstores.errors import ObjectStoreError

log = logging.getLogger(__name__)

_LEASE = timedelta(seconds=90)
_AT_ONCE = 2  # tests of one project
_TIME_FOR_ALL_S = 30
_TIME_TO_TIDY_S = 5
_N_COPIES_TO_FIND = 3
_N_FILES_SEEN = 1000
_OUT_OF_TIME = Advice(
    f"Not answered: the test ends after {_TIME_FOR_ALL_S} s.",
    "The provider answered too slowly.",
    ["Run the test again."],
)
_OUR_FAULT = Advice(
    "This check could not be made.",
    "The fault is in this instance; its log has the details.",
    ["Tell the operator, and run the test again."],
)
State = Finding.State


def claim(*, test_id: int | None = None) -> ConnectionTest | None:
    """Take a test that waits, or whose worker died; None if there is none."""
    _give_up_deadly_tests()
    open_tests = ConnectionTest.objects.filter(
        Q(state=ConnectionTest.State.WAITING)
        | Q(state=ConnectionTest.State.RUNNING, lease_until__lt=db_now())
    )
    candidates = _fairly(open_tests) if test_id is None else open_tests.filter(pk=test_id)
    for row in candidates:
        n_claimed = open_tests.filter(pk=row.pk, fence=row.fence).update(
            state=ConnectionTest.State.RUNNING,
            started_at=db_now(),
            lease_until=db_now() + _LEASE,
            fence=F("fence") + 1,
        )
        if n_claimed:
            claimed: ConnectionTest = ConnectionTest.objects.select_related(
                "custom_storage__project", "access_change"
            ).get(pk=row.pk)
            return claimed
    return None


def _fairly(open_tests: "QuerySet[ConnectionTest]") -> "QuerySet[ConnectionTest]":
    """Oldest first, but two of a project at a time: a tenant's dead hosts hold up no other."""
    running = (
        ConnectionTest.objects.filter(
            custom_storage__project=OuterRef("custom_storage__project"),
            state=ConnectionTest.State.RUNNING,
            lease_until__gte=db_now(),
        )
        .order_by()
        .values("custom_storage__project")
        .annotate(n=Count("pk"))
    )
    n_running = Coalesce(Subquery(running.values("n")), 0)
    return open_tests.annotate(n_running=n_running).filter(n_running__lt=_AT_ONCE).order_by("pk")


def _give_up_deadly_tests() -> None:
    """A test that outlived no worker so far fails instead of taking one more with it."""
    ConnectionTest.objects.filter(
        state=ConnectionTest.State.RUNNING, lease_until__lt=db_now(), fence__gte=MAX_CRASHES
    ).update(state=ConnectionTest.State.FAILED, finished_at=db_now(), lease_until=None)


def run_test(test: ConnectionTest) -> None:
    """Ask everything, write the findings, and draw the conclusion for the storage."""
    custom_storage = test.subject
    custom_storage.copies_to_find = _copies_to_find(test)
    forget_role(custom_storage)
    probe = Probe.of(custom_storage, open_probe_store, open_outside_store)
    probe.stored = _stored(custom_storage)
    asked = checks_for(custom_storage, ConnectionTest.Kind(test.kind))
    findings = _write_rows(test, asked)
    if test.again:
        probe.capabilities |= custom_storage.capabilities
    # Not a context manager: leaving one waits for a thread that a server keeps hanging.
    thread = ThreadPoolExecutor(1, thread_name_prefix="connection-test")
    ends_at = monotonic() + _TIME_FOR_ALL_S
    for found, _level in asked:
        finding = findings[found.check_id]
        if finding.state != State.WAITING:
            continue  # another row is run again; this one keeps its answer
        missing = _first_missing(found, findings)
        if missing:
            _answer(finding, State.SKIPPED, Advice(f"Waits for “{missing.name}”"), code="")
        elif monotonic() >= ends_at:
            _answer(finding, State.FAILED, _OUT_OF_TIME, code="timeout")
        else:
            _ask(found, finding, probe, thread, ends_at)
    _tidy(probe, thread)
    thread.submit(probe.close)
    thread.shutdown(wait=False)
    conclusions.draw(test, list(findings.values()), probe)


def _copies_to_find(test: ConnectionTest) -> list[tuple[str, int]]:
    """Where another bucket is to take over: the newest copies that are shown as done."""
    change = test.access_change
    if change is None or not change.settings.keys() & {"provider", "endpoint_url", "bucket"}:
        return []
    done = CopyJob.objects.filter(custom_storage=test.custom_storage, state="done")
    newest = done.order_by("-pk").values_list("key", "size")[:_N_COPIES_TO_FIND]
    return [(key, size or 0) for key, size in newest]


def _stored(custom_storage: CustomStorage) -> tuple[int, int]:
    """How many files the project has and about how many bytes, by its newest ones."""
    files = File.objects.filter(project=custom_storage.project_id).stored()
    sizes = list(files.order_by("-uploaded_at").values_list("size", flat=True)[:_N_FILES_SEEN])
    n_files = len(sizes) if len(sizes) < _N_FILES_SEEN else files.count()
    return n_files, round(sum(sizes) / max(len(sizes), 1) * n_files)


def _first_missing(found: Check, findings: dict[str, Finding]) -> Finding | None:
    """The first row that this one waits for and that did not pass."""
    waited_for = (findings[name] for name in found.requires if name in findings)
    return next((row for row in waited_for if row.state != State.PASSED), None)


def _write_rows(
    test: ConnectionTest, asked: list[tuple[Check, Finding.Level]]
) -> dict[str, Finding]:
    test.findings.all().delete()
    kept = _answers_to_keep(test)
    rows = []
    for found, level in asked:
        row = kept.get(found.check_id) or Finding(check_id=found.check_id)
        row.pk = None
        row.connection_test = test
        row.name, row.level, row.position = found.name, level, found.position
        rows.append(row)
    Finding.objects.bulk_create(rows)
    return {row.check_id: row for row in test.findings.all()}


def _answers_to_keep(test: ConnectionTest) -> dict[str, Finding]:
    """Where one row is run again: what the last test found for those it does not wait for.

    Rows that waited for another, or could not be answered, are asked again with it.
    """
    if not test.again or test.again not in registry:
        return {}
    tests = test.custom_storage.connection_tests.of_kind(test.kind).over().exclude(pk=test.pk)
    last = tests.order_by("-pk").first()
    if last is None:
        return {}
    needed = _with_what_it_requires(test.again)
    kept = last.findings.exclude(check_id__in=needed).exclude(state=State.SKIPPED)
    return {row.check_id: row for row in kept}


def _with_what_it_requires(check_id: str) -> set[str]:
    needed = {check_id}
    for name in registry[check_id].requires:
        needed |= _with_what_it_requires(name)
    return needed


def _ask(
    found: Check, finding: Finding, probe: Probe, thread: ThreadPoolExecutor, ends_at: float
) -> None:
    finding.state = State.RUNNING
    finding.save(update_fields=["state"])
    started = perf_counter()
    future = thread.submit(found.ask, probe)
    try:
        answer = _result(future, within=ends_at - monotonic())
    except NotInTime:
        finding.milliseconds = _since(started)
        _answer(finding, State.FAILED, _OUT_OF_TIME, code="timeout")
    except CannotTell as unknown:
        finding.milliseconds = _since(started)
        code = _take_over(finding, unknown.error, "")
        _answer(finding, State.SKIPPED, Advice(unknown.title, unknown.why), code=code)
    except Refused as refusal:
        finding.milliseconds = _since(started)
        facts = probe.facts | _facts_of(refusal.error) | refusal.facts
        advice = found.refusals[refusal.code].filled(facts)
        _answer(
            finding, State.FAILED, advice, code=_take_over(finding, refusal.error, refusal.code)
        )
    except ObjectStoreError as error:
        finding.milliseconds = _since(started)
        advice = found.advice_for(error).filled(probe.facts | _facts_of(error))
        _answer(finding, State.FAILED, advice, code=_take_over(finding, error, error.code))
    except UcdashError as error:
        finding.milliseconds = _since(started)
        _answer(finding, State.FAILED, Advice(error.message, fix=[error.advice]), code=error.code)
    except Exception:
        # Left open, the test would be taken over for ever and hold up those behind it.
        log.exception("The check %s of a connection test failed.", found.check_id)
        _answer(finding, State.FAILED, _OUR_FAULT, code="internal")
    else:
        finding.milliseconds = _since(started)
        _pass(found, finding, answer, probe)


def _pass(found: Check, finding: Finding, answer: str | Noted, probe: Probe) -> None:
    if isinstance(answer, str):
        _answer(finding, State.PASSED, Advice(answer), code="")
        return
    facts = {**probe.facts, **_facts_of(answer.error), **answer.facts}
    advice = found.notes[answer.code].filled(facts)
    _answer(finding, State.PASSED, advice, code=_take_over(finding, answer.error, answer.code))


def _result(future: "Future[str | Noted]", *, within: float) -> str | Noted:
    try:
        return future.result(timeout=max(within, 0.1))
    except NotInTime:
        if future.done():  # it is the check's own
            raise RuntimeError("a check let a TimeoutError out") from None
        raise


def _take_over(finding: Finding, error: ObjectStoreError | None, code: str) -> str:
    """Note what the bucket said of a refusal; the code to show for it."""
    if error is None:
        return code
    finding.http_status = error.http_status
    finding.operation = error.operation
    finding.request_id = error.request_id[:200]
    finding.said = getattr(error, "provider_message", "")[:500]
    return error.provider_code or code or error.code


def _facts_of(error: ObjectStoreError | None) -> dict[str, str]:
    """What a text may name besides the storage: the right that is missing, why TLS failed."""
    if error is None:
        return {}
    return {
        "action": action_of(error) or "This action",
        "resource": error.resource or "the key",
        "principal": error.principal or "this identity",
        "reason": error.reason or "the reason is not known",
        "message": error.message,
        "operation": error.operation,
        "code": error.provider_code or error.code,
    }


def _since(started: float) -> int:
    return round((perf_counter() - started) * 1000)


def _answer(finding: Finding, state: State, advice: Advice, *, code: str) -> None:
    finding.state = state
    finding.title = advice.title
    finding.why = advice.why
    finding.fix = list(advice.fix)
    finding.code = code[:80]
    finding.save()


def _tidy(probe: Probe, thread: ThreadPoolExecutor) -> None:
    """Try once more to remove what a skipped or failed removal left behind."""
    steps: list[Callable[[], None]] = [
        *(lambda key=key: probe.store.delete(key) for key in sorted(probe.leftovers)),
        *(
            lambda key=key, upload=upload: probe.store.abort_multipart(key, upload)
            for upload, key in probe.uploads.items()
        ),
    ]

    def remove_all() -> None:
        for step in steps:
            try:
                step()
            except UcdashError as error:
                log.info("A test object stays in a bucket: %s", error.code)

    if not steps:
        return
    try:
        thread.submit(remove_all).result(timeout=_TIME_TO_TIDY_S)
    except NotInTime:
        log.info("Test objects stay in a bucket: it answers too slowly.")
