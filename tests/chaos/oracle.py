"""What is left after a run, held against what was promised. Pure: rows in, verdict out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.bucket import Contents, Version
from tests.chaos.customers import Upload, Variant

_WAITING = {"pending", "leased", "written", "retry_wait", "blocked"}


@dataclass(frozen=True)
class Job:
    """A row of the ledger."""

    pk: int
    uuid: str
    storage: str
    effects: str
    key: str
    state: str
    reason: str
    sha256: str
    evidence: str


@dataclass(frozen=True)
class Remains:
    """All that is left."""

    uploads: Sequence[Upload]
    variants: Sequence[Variant]
    stored: Mapping[str, str]  # uuid to the sha256 in its row
    jobs: Sequence[Job]
    rewrites: Sequence[tuple[int, str, str]]  # job, was, became: of copies that had ended
    told_failures: frozenset[int]  # jobs with an event `copy.failed`
    buckets: Mapping[str, Contents]  # by the storage's name
    violations: Sequence[str] = ()  # the doctor's
    secrets: Mapping[str, str] = field(default_factory=dict)  # what each is, to itself
    texts: Mapping[str, str] = field(default_factory=dict)  # logs and tables, by their names


@dataclass
class Verdict:
    """How often each promise was broken, and the first cases of each."""

    counts: Counter[str] = field(default_factory=Counter)
    cases: list[str] = field(default_factory=list)

    def add(self, number: str, case: str) -> None:
        self.counts[number] += 1
        if self.counts[number] <= 8:
            self.cases.append(f"{number}: {case}")


NUMBERS = (
    "lost", "wrong", "duplicates", "orphaned_uploads", "invisible_failures", "undrained",
    "violations",
)  # fmt: skip


def judge(remains: Remains) -> Verdict:
    """Every broken promise of the run."""
    verdict = Verdict(Counter(dict.fromkeys(NUMBERS, 0)))
    look = _Look(remains)
    for findings in (
        look.for_uploads(),
        look.for_variants(),
        look.at_every_job(),
        look.at_every_object(),
        look.for_rewrites(),
        look.for_open_uploads(),
        look.for_secrets(),
    ):
        for number, case in findings:
            verdict.add(number, case)
    for violation in remains.violations:
        verdict.add("violations", violation)
    return verdict


Finding = tuple[str, str]


_OF_A_TEST = ".connection-test/"


class _Look:
    def __init__(self, remains: Remains) -> None:
        self._remains = remains
        self._by_file: dict[str, list[Job]] = {}
        self._by_key: dict[tuple[str, str], list[Job]] = {}
        for job in remains.jobs:
            self._by_file.setdefault(job.uuid, []).append(job)
            self._by_key.setdefault((job.storage, job.key), []).append(job)

    def _current(self, job: Job) -> Version | None:
        contents = self._remains.buckets[job.storage]
        is_there = job.key in contents.versions and job.key not in contents.removed
        return contents.versions[job.key][-1] if is_there else None

    def for_uploads(self) -> Iterator[Finding]:
        for upload in self._remains.uploads:
            uuid, name = upload.uuid.replace("-", ""), upload.file.name
            if self._remains.stored.get(uuid) != upload.sha256:
                yield "lost", f"{name}: its row is missing or of other bytes"
                continue
            jobs = [job for job in self._by_file.get(uuid, []) if not job.effects]
            if not jobs:
                yield "lost", f"{name}: nobody ordered its copy"
                yield "invisible_failures", f"{name}: nobody ordered its copy"
            for job in jobs:
                yield from self._promised(job, upload.sha256, name)

    def for_variants(self) -> Iterator[Finding]:
        for variant in self._remains.variants:
            jobs = self._by_key.get(("main", variant.key), [])
            if not jobs:
                yield "lost", f"{variant.key}: nobody ordered this variant"
            for job in jobs:
                yield from self._promised(job, job.sha256, variant.key)

    def _promised(self, job: Job, sha256: str, name: str) -> Iterator[Finding]:
        """A copy that a customer was promised, and its right bytes."""
        if job.state in _WAITING:
            return  # told as undrained
        found = self._current(job)
        if job.state != "done":
            if not self._lost_to_a_rival(job):
                yield "lost", f"{name}: its copy is {job.state} ({job.reason})"
        elif found is None:
            yield "lost", f"{name}: done, but there is no {job.key}"
        elif found.sha256 != sha256:
            yield "wrong", f"{name}: done, but other bytes are under {job.key}{self._history(job)}"

    def _history(self, job: Job) -> str:
        """How the object came to be what it is: right, other, or spoilt by the bucket, in order."""
        versions = self._remains.buckets[job.storage].versions[job.key]
        words = [
            "spoilt" if one.is_damaged else "right" if one.sha256 == job.sha256 else "other"
            for one in versions
        ]
        return f", which was {', '.join(words)} (copy {job.pk})"

    def _lost_to_a_rival(self, job: Job) -> bool:
        """Two files wanted one key, and the rule says that the first keeps it."""
        if job.reason != "key_conflict":
            return False
        found = self._current(job)
        rivals = self._by_key[job.storage, job.key]
        winners = [one for one in rivals if one.state == "done"]
        return len(winners) == 1 and bool(found) and found.sha256 == winners[0].sha256

    def at_every_job(self) -> Iterator[Finding]:
        """Also those of files whose customers never heard the yes."""
        for job in self._remains.jobs:
            if job.state in _WAITING:
                yield "undrained", f"{job.key}: {job.state} ({job.reason})"
            elif job.state == "done":
                original = self._remains.stored.get(job.uuid, "")
                if not (job.evidence and job.sha256):
                    yield "wrong", f"{job.key}: done without evidence"
                elif not job.effects and job.sha256 != original:
                    yield "wrong", f"{job.key}: the ledger proves other bytes than were uploaded"
            elif not job.reason or (job.state == "failed" and not self._was_told(job)):
                yield "invisible_failures", f"{job.key}: {job.state}, and nobody was told"

    def _was_told(self, job: Job) -> bool:
        return job.pk in self._remains.told_failures

    def at_every_object(self) -> Iterator[Finding]:
        for storage, contents in self._remains.buckets.items():
            for key, versions in contents.versions.items():
                # A storage that breaks is tested. A killed test cannot remove its object, which
                # says of itself that it can be deleted; who runs it again writes it anew.
                if _OF_A_TEST in key:
                    continue
                if (storage, key) not in self._by_key and key not in contents.removed:
                    yield "wrong", f"{key}: nobody ordered this object"
                written = {one.sha256 for one in versions if not one.is_damaged}
                if len(written) > 1:
                    yield "duplicates", f"{key}: {len(written)} versions of different content"

    def for_rewrites(self) -> Iterator[Finding]:
        """A copy ends once: who still writes its row has lost it to somebody else."""
        for pk, was, became in self._remains.rewrites:
            yield "duplicates", f"job {pk}: was {was}, and somebody made it {became}"

    def for_open_uploads(self) -> Iterator[Finding]:
        for contents in self._remains.buckets.values():
            for upload in contents.open_uploads:
                yield "orphaned_uploads", f"{upload.key}: {upload.upload_id}"

    def for_secrets(self) -> Iterator[Finding]:
        """I10: whoever reads the logs or a copy of the database learns none."""
        for where, text in self._remains.texts.items():
            for name, secret in self._remains.secrets.items():
                if secret in text:
                    yield "violations", f"secret in {where}: {name}"


def broken(counts: Mapping[str, int]) -> Iterable[str]:
    return [name for name in NUMBERS if counts.get(name)]
