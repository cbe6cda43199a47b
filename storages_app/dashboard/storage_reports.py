"""Connection tests as pages show them: the rows, the banner, what works, and what changed."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from storages_app.custom_storages.checks import what_works
from storages_app.custom_storages.probe import checks_for, is_used_for
from storages_app.models import AccessChange, ConnectionTest, CustomStorage, Finding

Kind, State = ConnectionTest.Kind, ConnectionTest.State

_NEEDS_A_LOOK = {State.FAILED, State.LIMITED}
_N_IN_HISTORY = 12
_N_CHANGES_TOLD = 5
_IS_NEWS_FOR = timedelta(days=1)
# What is tried with new settings, in the words of the form.
_WORDS = {
    "provider": "provider",
    "endpoint_url": "address",
    "region": "region",
    "account_id": "account id",
    "bucket": "bucket",
    "prefix": "prefix",
    "identity": "way in",
    "access_key_id": "access key id",
    "role_arn": "role",
    "public_mode": "who may read",
    "storage_class": "storage class",
    "encryption": "encryption",
    "uses": "uses",
}


@dataclass(frozen=True)
class Row:
    """One check, with everything about its answer in a form that can be passed on."""

    finding: Finding
    details: str

    @property
    def points_at_the_grant(self) -> bool:
        """Whether a step speaks of a policy or statement, which the page of the rights shows."""
        return self.finding.code == "AccessDenied" or any("below" in s for s in self.finding.fix)


@dataclass(frozen=True)
class Feature:
    """One line of “What works now”; what is left out by choice is off, not broken."""

    name: str
    word: str
    why: str


@dataclass(frozen=True)
class TestReport:
    """A connection test as `_test.html` shows it."""

    __test__ = False  # not a test of ours, whatever pytest thinks of the name

    test: ConnectionTest
    rows: list[Row]
    banner: str
    features: list[Feature]
    is_newest: bool
    may_run: bool = False
    watches: bool = False
    last: ConnectionTest | None = None  # the newest that found the same as this one
    notice: str = ""
    known_at: datetime | None = None  # of `features`, while they are looked at anew

    @property
    def word(self) -> str:
        return str(self.test.state)

    @property
    def findings(self) -> list[Finding]:
        return [row.finding for row in self.rows]

    @property
    def version(self) -> str:
        """Changes when the rows would look different."""
        return _digest([self.test.state, *(f"{f.check_id}:{f.state}" for f in self.findings)])

    @property
    def change(self) -> AccessChange | None:
        return self.test.access_change

    @property
    def can_run_again(self) -> bool:
        return self.may_run and self.is_newest and self.change is None

    @property
    def shows_features(self) -> bool:
        """Of settings that are only tried, nothing works yet."""
        return self.change is None and (self.test.is_over or self.known_at is not None)

    @property
    def is_watching(self) -> bool:
        """Whether the page asks again and again, until somebody has mended the bucket."""
        return self.watches and self.can_be_watched

    @property
    def can_be_watched(self) -> bool:
        return self.can_run_again and self.test.state in _NEEDS_A_LOOK

    @property
    def tried(self) -> list[str]:
        """Which settings a change would set; never their values."""
        if self.change is None:
            return []
        names = [word for name, word in _WORDS.items() if name in self.change.settings]
        if self.change.sealed_secret or not names:
            names.append("secret access key")
        return names

    def without_watch(self, notice: str) -> "TestReport":
        return replace(self, watches=False, notice=notice)


def newest_test(custom_storage: CustomStorage) -> ConnectionTest | None:
    """The last test of the storage as it is; what other settings were answered says nothing."""
    tests = ConnectionTest.objects.of_current_settings(custom_storage).order_by("-pk")
    return tests.prefetch_related("findings").select_related("access_change").first()


def report_on(test: ConnectionTest, *, may_run: bool = False, watches: bool = False) -> TestReport:
    """All that the page says of one test; `watches` where it is asked again and again."""
    findings = _findings(test)
    storage = test.custom_storage
    newer = storage.connection_tests.of_kind(Kind.TEST).filter(pk__gt=test.pk, access_change=None)
    before = ConnectionTest.objects.of_current_settings(storage).over().filter(pk__lt=test.pk)
    return TestReport(
        test=test,
        rows=[Row(finding, _details(finding, test)) for finding in findings],
        banner=_banner(test, findings),
        features=_features(storage),
        is_newest=not newer.filter(is_repeat=False).exists(),
        may_run=may_run,
        watches=watches,
        last=newer.over().first() or test,
        known_at=None if test.is_over else before.values_list("finished_at", flat=True).first(),
    )


def _features(storage: CustomStorage) -> list[Feature]:
    return [
        Feature(
            name,
            "works" if is_working else "does not work" if _is_wanted(storage, name) else "off",
            why,
        )
        for name, is_working, why in what_works(storage)
    ]


def found_the_same(one: ConnectionTest, other: ConnectionTest) -> bool:
    return one.state == other.state and _outcome(one) == _outcome(other)


def _outcome(test: ConnectionTest) -> dict[str, tuple[str, str]]:
    return {row.check_id: (row.state, row.code) for row in test.findings.all()}


def _findings(test: ConnectionTest) -> list[Finding]:
    found = sorted(test.findings.all(), key=lambda finding: finding.position)
    if test.is_over:
        return [_ended(finding) for finding in found]
    if found or test.state != State.WAITING:
        return found
    return _planned(test)


def _ended(finding: Finding) -> Finding:
    """A row that is still open in a test that is over was left so by its worker's end."""
    if finding.state in {Finding.State.WAITING, Finding.State.RUNNING}:
        finding.state, finding.title = Finding.State.SKIPPED, "Not answered"
    return finding


def _planned(test: ConnectionTest) -> list[Finding]:
    """What will be asked, while no worker has begun with it."""
    if test.again:
        before = test.custom_storage.connection_tests.of_kind(test.kind).over()
        last = before.filter(pk__lt=test.pk, access_change=None).first()
        rows = list(last.findings.order_by("position")) if last else []
        for row in rows:
            row.state = Finding.State.WAITING if row.check_id == test.again else row.state
        return rows
    return [
        Finding(check_id=check.check_id, name=check.name, level=level, position=check.position)
        for check, level in checks_for(test.subject, Kind(test.kind))
    ]


def _details(finding: Finding, test: ConnectionTest) -> str:
    """What a provider's support asks for, as text to copy."""
    moment = test.finished_at or test.started_at or test.created_at
    lines = [
        ("Check", f"{finding.name} ({finding.check_id})"),
        ("Code", finding.code or "none"),
        ("HTTP status", str(finding.http_status or "none")),
        ("Operation", finding.operation or "none"),
        ("Request id", finding.request_id or "none"),
        ("Time", f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"),
    ]
    text = "\n".join(f"{name}: {value}" for name, value in lines)
    return f"{text}\nThe provider said: {finding.said}" if finding.said else text


@dataclass(frozen=True)
class ToldOf:
    """What became of a change of access settings: a sentence, and the test that decided."""

    state: str
    sentence: str
    test: ConnectionTest


def told_of(change: AccessChange | None) -> ToldOf | None:
    """The last change in words, as long as it is news."""
    test = change.tests.order_by("-pk").first() if change else None
    if change is None or test is None:
        return None
    if change.decided_at and timezone.now() - change.decided_at > _IS_NEWS_FOR:
        return None
    if change.state == AccessChange.State.TRIED:
        sentence = "New settings are being tested. The old ones stay in use until they have passed."
    else:
        sentence = _banner_of_change(change, test, _failed(test))
    return ToldOf(change.state, sentence, test)


def _failed(test: ConnectionTest) -> list[Finding]:
    rows = test.findings.filter(state=Finding.State.FAILED)
    return list(rows.order_by("position"))


# --- The banner --------------------------------------------------------------------------------


def _banner(test: ConnectionTest, findings: list[Finding]) -> str:
    if test.state == State.WAITING:
        return "Waiting for a free worker."
    if test.state == State.RUNNING:
        n_over = sum(f.state not in {"waiting", "running"} for f in findings)
        return f"Checking… {n_over} of {len(findings)} checks are over."
    failed = [f for f in findings if f.state == Finding.State.FAILED]
    if test.access_change:
        return _banner_of_change(test.access_change, test, failed)
    if test.state == State.PASSED:
        n_passed = sum(f.state == Finding.State.PASSED for f in findings)
        word = "Ready to connect" if test.custom_storage.is_draft else "Connected"
        return f"{word}. {n_passed} of {len(findings)} checks passed."
    if test.state == State.LIMITED:
        return _banner_with_limits(test, failed)
    return _banner_of_failure(test, [f for f in failed if f.level == Finding.Level.REQUIRED])


def _banner_of_failure(test: ConnectionTest, required: list[Finding]) -> str:
    if not required:
        return "The test was broken off and says nothing. Run it again."
    first = f" Start with “{required[0].name}”; the others may depend on it."
    lost = "Not connected yet" if test.custom_storage.is_draft else "Not working as it should"
    return f"{lost}. {_count(len(required), 'required check')} failed.{first}"


def _banner_of_change(change: AccessChange, test: ConnectionTest, failed: list[Finding]) -> str:
    what = "keys" if _is_about_keys(change) else "settings"
    if change.state == AccessChange.State.KEPT:
        decided = change.decided_at or test.finished_at or test.created_at
        return f"The new {what} passed. Swapped {decided.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
    required = [f for f in failed if f.level == Finding.Level.REQUIRED]
    where = f" “{required[0].name}”" if required else ""
    return f"The new {what} failed{where}. The old ones are still in use."


def _is_about_keys(change: AccessChange) -> bool:
    return not {*change.settings} - {"access_key_id", "role_arn", "identity", "region"}


def _banner_with_limits(test: ConnectionTest, failed: list[Finding]) -> str:
    storage = test.custom_storage
    missing = [one.name for one in _features(storage) if one.word == "does not work"]
    features = ", ".join(name[:1].lower() + name[1:] for name in missing)
    rest = f"{features} will not until you" if features else "to have everything,"
    return f"Works, with limits. Copies go through; {rest} fix {_count(len(failed), 'check')}."


def _is_wanted(storage: CustomStorage, feature: str) -> bool:
    """Whether it is missed, and not left out by choice."""
    if feature == "Public links":
        return storage.public_mode != CustomStorage.PublicMode.PRIVATE
    return feature != "Deletion sync" or is_used_for(storage, "remove")


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


# --- The history -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Changed:
    """One check that another answer was given to than the time before."""

    name: str
    state: str
    code: str


@dataclass(frozen=True)
class Episode:
    """A test that told something new, and what that was."""

    test: ConnectionTest
    changed: list[Changed] = field(default_factory=list)
    is_first: bool = False

    @property
    def told(self) -> list[Changed]:
        """The first few; what is skipped waits for one of them."""
        return [row for row in self.changed if row.state != "skipped"][:_N_CHANGES_TOLD]

    @property
    def n_more(self) -> int:
        return len(self.changed) - len(self.told)

    @property
    def is_refused_change(self) -> bool:
        change = self.test.access_change
        return change is not None and change.state == AccessChange.State.REFUSED


def history(custom_storage: CustomStorage) -> list[Episode]:
    """The last tests that told something, newest first; each beside the one before it."""
    tests = custom_storage.connection_tests.history().over().select_related("access_change")
    listed = list(tests.prefetch_related("findings")[: _N_IN_HISTORY + 1])
    told: list[Episode] = []
    before: ConnectionTest | None = None
    for test in reversed(listed):
        told.append(Episode(test, _changes(before, test), is_first=before is None))
        if not told[-1].is_refused_change:
            before = test
    return told[::-1][:_N_IN_HISTORY]


def _changes(before: ConnectionTest | None, test: ConnectionTest) -> list[Changed]:
    if before is None:
        return []
    known = _outcome(before)
    return [
        Changed(row.name, row.state, row.code)
        for row in sorted(test.findings.all(), key=lambda row: row.position)
        if known.get(row.check_id) != (row.state, row.code)
    ]


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
