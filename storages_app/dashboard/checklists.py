"""What the wizard shows while a bucket is read: the checklist, the proof, the end of the test."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from storages_app.custom_storages import grants
from storages_app.custom_storages.granting import wanted_for
from storages_app.custom_storages.grants.checklist import NO_SUCH_SETTING
from storages_app.models import ConnectionTest, CustomStorage, Finding
from storages_app.objectstores.providers import Provider, provider

Kind, State = ConnectionTest.Kind, Finding.State

_READ_ANEW_AFTER = timedelta(seconds=30)


@dataclass(frozen=True)
class Line:
    """One line of the checklist: what is wanted, and what was found or ticked by hand."""

    id: str
    title: str
    wanted: str
    detail: str
    url: str
    state: str  # ok, change, unknown, reading, none: the provider has no such setting
    found: str = ""
    is_ticked: bool = False

    @property
    def is_for_the_person(self) -> bool:
        return self.state == "unknown"


@dataclass(frozen=True)
class Checklist:
    """The lines, and why the bucket could not be read, if so."""

    lines: list[Line]
    test: ConnectionTest | None
    trouble: Finding | None
    is_due: bool  # nothing was read since the settings changed, or for a while

    @property
    def is_busy(self) -> bool:
        return self.test is not None and not self.test.is_over

    @property
    def n_lines(self) -> int:
        """Those that can be right or wrong."""
        return sum(line.state != "none" for line in self.lines)

    @property
    def n_right(self) -> int:
        return sum(line.state == "ok" or line.is_ticked for line in self.lines)

    @property
    def version(self) -> str:
        shown = (f"{line.id}:{line.state}:{line.is_ticked}" for line in self.lines)
        pk = self.test.pk if self.test else 0
        return _digest([f"{pk}:{self.is_busy}", *shown])


def report_of(storage: CustomStorage) -> Checklist:
    """The checklist with what the newest reading of the present settings found."""
    test = _newest(storage, again="")
    findings = {row.check_id: row for row in test.findings.all()} if test else {}
    url = wanted_for(storage).link("permissions")
    wanted = grants.checklist(
        public_mode=storage.public_mode, console_url=url, provider=storage.provider
    )
    service = provider(storage.provider)
    lines = [
        _line(line, storage, findings.get(line.id), test)
        for line in wanted
        if _has(service, line.id)
    ]
    ids = {line.id for line in lines}
    trouble = next(
        (
            row
            for row in sorted(findings.values(), key=lambda row: row.position)
            if row.state == State.FAILED and row.check_id not in ids
        ),
        None,
    )
    return Checklist(lines, test, trouble, is_due=_is_due(test))


def _newest(storage: CustomStorage, *, again: str) -> ConnectionTest | None:
    tests = storage.connection_tests.of_kind(Kind.CHECKLIST).filter(
        created_at__gte=storage.access_changed_at, again=again
    )
    return tests.prefetch_related("findings").order_by("-pk").first()


def _is_due(test: ConnectionTest | None) -> bool:
    if test is None:
        return True
    return test.finished_at is not None and timezone.now() - test.finished_at > _READ_ANEW_AFTER


def _has(service: Provider, line_id: str) -> bool:
    """Whether the service has the setting at all."""
    has = {
        "ownership": service.has_object_ownership,
        "block_public_access": service.has_block_public_access,
    }
    return has.get(line_id, True)


def _line(
    line: grants.ChecklistLine,
    storage: CustomStorage,
    finding: Finding | None,
    test: ConnectionTest | None,
) -> Line:
    state, found = _answer(finding, test)
    return Line(
        id=line.id,
        title=line.title,
        wanted=line.wanted,
        detail=line.detail,
        url=line.url,
        state=state,
        found=found,
        is_ticked=state == "unknown" and line.id in storage.ticked,
    )


def _answer(finding: Finding | None, test: ConnectionTest | None) -> tuple[str, str]:
    if finding is not None and finding.title == NO_SUCH_SETTING:
        return "none", f"{finding.title} {finding.why}"
    if finding is None or finding.state == State.SKIPPED:
        is_open = test is not None and not test.is_over
        return ("reading", "") if is_open and finding is None else ("unknown", grants.UNREADABLE)
    if finding.state in {State.WAITING, State.RUNNING}:
        return "reading", ""
    return ("ok" if finding.state == State.PASSED else "change"), finding.title


@dataclass(frozen=True)
class Proof:
    """Whether the owner of the bucket has shown to be behind the storage."""

    nonce: str
    is_valid: bool  # the nonce can still be used
    is_proved: bool
    finding: Finding | None
    is_busy: bool

    @property
    def version(self) -> str:
        state = self.finding.state if self.finding else ""
        return _digest([self.nonce, str(self.is_proved), str(self.is_busy), state])


def proof_of(storage: CustomStorage) -> Proof:
    test = _newest(storage, again="proof")
    findings = list(test.findings.order_by("position")) if test else []
    asked = [row for row in findings if row.check_id == "proof"]
    failed = [row for row in findings if row.state == State.FAILED]
    until = storage.proof_until
    return Proof(
        nonce=storage.proof_nonce,
        is_valid=until is not None and until > timezone.now(),
        is_proved=storage.proved_at is not None,
        finding=next(iter([*failed, *asked]), None),
        is_busy=test is not None and not test.is_over,
    )


@dataclass(frozen=True)
class Finish:
    """Whether the storage can be connected as it is."""

    test: ConnectionTest | None

    @property
    def is_ready(self) -> bool:
        return self.test is not None and self.test.has_passed

    @property
    def is_busy(self) -> bool:
        return self.test is not None and not self.test.is_over

    @property
    def is_due(self) -> bool:
        return self.test is None

    @property
    def version(self) -> str:
        return _digest([str(self.test.state) if self.test else ""])


def finish_of(storage: CustomStorage) -> Finish:
    """By the rule of `services.connect`: the newest finished test of the settings as they are."""
    tests = ConnectionTest.objects.of_current_settings(storage).order_by("-pk")
    return Finish(tests.over().first() or tests.first())


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
