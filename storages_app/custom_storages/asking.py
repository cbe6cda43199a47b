"""Asking the questions of a connection test, one after the other.

They are asked in a thread of their own, which knows no database, so that a test ends after 30 s
whatever a server does. Each answer is handed over as soon as it is there.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from functools import partial
from time import monotonic, perf_counter

from storages_app.custom_storages.probe import (
    Advice,
    CannotTell,
    Check,
    Noted,
    Probe,
    Refused,
    action_of,
    is_unknown,
)
from storages_app.lib.errors import UcdashError
from storages_app.models import Finding
from storages_app.objectstores.errors import ObjectStoreError

log = logging.getLogger(__name__)

_TIME_FOR_ALL_S = 30
_TIME_TO_TIDY_S = 5
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
Keep = Callable[[Finding], None]


def ask_all(
    asked: Sequence[tuple[Check, Finding.Level]],
    findings: Mapping[str, Finding],
    probe: Probe,
    keep: Keep,
) -> None:
    """Answer every row that waits; `keep` gets it when it is asked, and when it is answered."""
    # Not a context manager: leaving one waits for a thread that a server keeps hanging.
    thread = ThreadPoolExecutor(1, thread_name_prefix="connection-test")
    asking = _Asking(probe, keep, thread, monotonic() + _TIME_FOR_ALL_S)
    for found, _level in asked:
        finding = findings[found.check_id]
        if finding.state != State.WAITING:
            continue  # another row is run again; this one keeps its answer
        missing = _first_missing(found, findings)
        if missing:
            asking.answer(finding, State.SKIPPED, Advice(f"Waits for “{missing.name}”"), code="")
        elif monotonic() >= asking.ends_at:
            asking.answer(finding, State.FAILED, _OUT_OF_TIME, code="timeout")
        else:
            asking.ask(found, finding)
    _tidy(probe, thread)
    _name_what_stays(findings, probe, keep)
    thread.submit(probe.close)
    thread.shutdown(wait=False)


@dataclass
class _Asking:
    """One test that is being asked."""

    probe: Probe
    keep: Keep
    thread: ThreadPoolExecutor
    ends_at: float

    def ask(self, found: Check, finding: Finding) -> None:
        finding.state = State.RUNNING
        self.keep(finding)
        started = perf_counter()
        future = self.thread.submit(found.ask, self.probe)
        try:
            answer = _result(future, within=self.ends_at - monotonic())
        except NotInTime:
            finding.milliseconds = _since(started)
            self.answer(finding, State.FAILED, _OUT_OF_TIME, code="timeout")
        except CannotTell as unknown:
            finding.milliseconds = _since(started)
            code = _take_over(finding, unknown.error, "")
            self.answer(finding, State.SKIPPED, Advice(unknown.title, unknown.why), code=code)
        except Refused as refusal:
            finding.milliseconds = _since(started)
            facts = self.probe.facts | _facts_of(refusal.error) | refusal.facts
            advice = found.refusals[refusal.code].filled(facts)
            self.answer(
                finding, State.FAILED, advice, code=_take_over(finding, refusal.error, refusal.code)
            )
        except ObjectStoreError as error:
            finding.milliseconds = _since(started)
            if is_unknown(error):
                _tell_operator(found, error)
            advice = found.advice_for(error).filled(self.probe.facts | _facts_of(error))
            self.answer(finding, State.FAILED, advice, code=_take_over(finding, error, error.code))
        except UcdashError as error:
            finding.milliseconds = _since(started)
            self.answer(
                finding, State.FAILED, Advice(error.message, fix=[error.advice]), code=error.code
            )
        except Exception:
            # Left open, the test would be taken over for ever and hold up those behind it.
            log.exception("The check %s of a connection test failed.", found.check_id)
            self.answer(finding, State.FAILED, _OUR_FAULT, code="internal")
        else:
            finding.milliseconds = _since(started)
            self._pass(found, finding, answer)

    def _pass(self, found: Check, finding: Finding, answer: str | Noted) -> None:
        if isinstance(answer, str):
            self.answer(finding, State.PASSED, Advice(answer), code="")
            return
        facts = {**self.probe.facts, **_facts_of(answer.error), **answer.facts}
        advice = found.notes[answer.code].filled(facts)
        self.answer(
            finding, State.PASSED, advice, code=_take_over(finding, answer.error, answer.code)
        )

    def answer(self, finding: Finding, state: State, advice: Advice, *, code: str) -> None:
        finding.state = state
        finding.title = advice.title
        finding.why = advice.why
        finding.fix = list(advice.fix)
        finding.code = code[:80]
        self.keep(finding)


def _first_missing(found: Check, findings: Mapping[str, Finding]) -> Finding | None:
    """The first row that this one waits for and that did not pass."""
    waited_for = (findings[name] for name in found.requires if name in findings)
    return next((row for row in waited_for if row.state != State.PASSED), None)


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


def _tell_operator(found: Check, error: ObjectStoreError) -> None:
    log.warning(
        "A provider's answer has no text yet: %s (%s) on %s. Add a text for this code to "
        "custom_storages/checks/%s.py.",
        error.provider_code,
        error.http_status,
        error.operation,
        found.check_id,
    )


def _since(started: float) -> int:
    return round((perf_counter() - started) * 1000)


def _tidy(probe: Probe, thread: ThreadPoolExecutor) -> None:
    """Try once more to remove what a skipped or failed removal left behind."""
    steps: list[Callable[[], None]] = [
        *(partial(probe.remove, key) for key in sorted(probe.leftovers)),
        *(partial(probe.abort, upload_id) for upload_id in sorted(probe.uploads)),
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


def _name_what_stays(findings: Mapping[str, Finding], probe: Probe, keep: Keep) -> None:
    """In the row Remove, which was not asked where an earlier one failed."""
    row = findings.get("delete")
    left = sorted({*probe.leftovers, *probe.uploads.values()})
    if left and row and row.state == State.SKIPPED:
        row.why = f"Test files stay at `{'`, `'.join(left)}`; remove them when you like."
        keep(row)
