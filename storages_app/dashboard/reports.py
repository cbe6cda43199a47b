"""Read-only sums for pages; a fixed number of queries each, however long the lists are."""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import Count, Min, OuterRef, Subquery, Sum
from django.utils import timezone

from storages_app.dashboard.charts import Bar, a_day, bars, last_days
from storages_app.dashboard.dot_letters import letters_of
from storages_app.dashboard.reasons import Explanation, explanations
from storages_app.dashboard.storage_states import StorageState, states_of
from storages_app.models import (
    BackupPlan,
    BackupRun,
    CopyJob,
    CustomStorage,
    Event,
    File,
    Project,
    Tally,
    WebhookDelivery,
)
from storages_app.models.copy_jobs import RUNNING_STATES, WAITING_STATES, State

_UNFINISHED = (*WAITING_STATES, *RUNNING_STATES)


@dataclass(frozen=True)
class Figure:
    """One number of the overview with its last two weeks; None is "not counted yet"."""

    label: str
    value: int | None
    of_days: str  # what the bars count
    bars: list[Bar]
    in_bytes: bool = False
    is_bad: bool = False


def figures(project: Project) -> list[Figure]:
    """The four numbers of the overview, from the tally and from ranges of indexes."""
    days = last_days(timezone.now().date())
    kept = File.objects.filter(project=project, removed_at=None)
    stored = File.objects.stored().filter(project=project)
    ended = CopyJob.objects.filter(project=project, finished_at__isnull=False)
    uploads = a_day(kept, "uploaded_at", days, Count("*"))
    n_bytes = a_day(stored, "stored_at", days, Sum("size"))
    done = a_day(ended.filter(state=State.DONE), "finished_at", days, Count("*"))
    failed = a_day(ended.filter(state=State.FAILED), "finished_at", days, Count("*"))
    has_copies = CopyJob.objects.filter(project=project).exists()
    tally = Tally.objects.of(project)
    is_counted = Tally.objects.filter(project=project).exists()

    def today(by_day: dict[date, int]) -> int | None:
        return by_day[days[-1]] if has_copies else None

    return [
        Figure(
            "Files",
            tally["n_stored"] + tally["n_unstored"] if is_counted else None,
            "Uploads a day",
            bars(uploads, days),
        ),
        Figure(
            "Stored bytes",
            tally["n_bytes"] if is_counted else None,
            "Bytes stored a day",
            bars(n_bytes, days),
            in_bytes=True,
        ),
        Figure("Copies today", today(done), "Copies a day", bars(done, days)),
        Figure("Failures today", today(failed), "Failures a day", bars(failed, days), is_bad=True),
    ]


@dataclass
class StorageSums:
    """What the ledger knows about one storage."""

    now: StorageState
    n_done: int = 0
    n_waiting: int = 0
    n_files_waiting: int = 0  # of a file several sizes may wait
    n_failed: int = 0
    oldest_waiting_at: datetime | None = None

    @property
    def storage(self) -> CustomStorage:
        return self.now.storage

    @property
    def word(self) -> str:
        return self.now.word

    @property
    def trouble(self) -> Explanation | None:
        """Why its copies failed; None where it works, or where its test tells more."""
        return explanations().get(self.storage.circuit_reason)

    @property
    def lag_seconds(self) -> float | None:
        if self.oldest_waiting_at is None:
            return None
        return (timezone.now() - self.oldest_waiting_at).total_seconds()


def storages(project: Project) -> list[StorageSums]:
    """Every live storage with its copies counted, in three queries."""
    live = CustomStorage.objects.live().filter(project=project).order_by("name")
    rows = {now.storage.pk: StorageSums(now) for now in states_of(live)}
    counts = (
        CopyJob.objects.filter(custom_storage__in=list(rows))
        .order_by()
        .values_list("custom_storage", "state")
        .annotate(n=Count("pk"))  # from an index alone
    )
    for storage_id, state, n in counts:
        row = rows[storage_id]
        if state == State.DONE:
            row.n_done += n
        elif state == State.FAILED:
            row.n_failed += n
        elif state in _UNFINISHED:
            row.n_waiting += n
    oldest = (
        CopyJob.objects.filter(custom_storage__in=list(rows), state__in=_UNFINISHED)
        .order_by()
        .values_list("custom_storage")
        .annotate(oldest=Min("created_at"), n_files=Count("file", distinct=True))
    )
    for storage_id, created_at, n_files in oldest:
        rows[storage_id].oldest_waiting_at, rows[storage_id].n_files_waiting = created_at, n_files
    return list(rows.values())


def standing(project: Project) -> list[StorageSums]:
    """Every live storage with its lag, in two queries: the overview shows no counts."""
    waiting = CopyJob.objects.filter(custom_storage=OuterRef("pk"), run_after__isnull=False)
    listed = CustomStorage.objects.live().filter(project=project).order_by("name")
    oldest = Subquery(waiting.order_by("created_at").values("created_at")[:1])
    waiting_since = dict(listed.annotate(oldest=oldest).values_list("pk", "oldest"))
    return [
        StorageSums(StorageState(row), oldest_waiting_at=waiting_since.get(row.pk))
        for row in listed
    ]


def storage_sums(storage: CustomStorage) -> StorageSums:
    """The same for one storage."""
    return next(row for row in storages(storage.project) if row.storage.pk == storage.pk)


def last_events(project: Project, n: int) -> list[Event]:
    return list(Event.objects.filter(project=project).order_by("-pk")[:n])


@dataclass
class CopiesOfFile:
    """One file and, for each storage, the word of its newest copy of the original."""

    file: File
    dots: list[tuple[str, str, str]] = field(default_factory=list)  # storage, word, letters
    backup: str = ""  # the word of the copy that the backup counts; empty without one


def with_copies(project: Project, files: Iterable[File]) -> list[CopiesOfFile]:
    """Rows for the list of files: two queries for all of them."""
    listed = list(files)
    connected = list(CustomStorage.objects.connected().filter(project=project).order_by("name"))
    words: dict[uuid.UUID, dict[uuid.UUID, str]] = defaultdict(dict)
    backups: dict[uuid.UUID, str] = {}
    jobs = (
        CopyJob.objects.filter(
            file__in=[file.pk for file in listed],
            custom_storage__in=[storage.pk for storage in connected],
            effects="",
        )
        .select_related("custom_storage")
        .order_by("pk")
    )
    for job in jobs:
        words[job.file_id][job.custom_storage_id] = job.word
        if job.is_backup:
            backups[job.file_id] = "backed up" if job.state == State.DONE else job.word
    letters = letters_of(storage.name for storage in connected)
    return [
        CopiesOfFile(
            file,
            [
                (storage.name, words[file.pk].get(storage.pk, "no copy"), letters[storage.name])
                for storage in connected
            ],
            backups.get(file.pk, ""),
        )
        for file in listed
    ]


@dataclass(frozen=True)
class Step:
    """One line of the list of first steps."""

    label: str
    help: str
    url_name: str
    is_done: bool
    done_at: datetime | None = None  # where the ledger tells


@dataclass(frozen=True)
class FirstSteps:
    steps: list[Step]
    is_hidden: bool

    @property
    def n_done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def are_done(self) -> bool:
        return self.n_done == len(self.steps)


def first_steps(project: Project, *, is_key_told_now: bool = False) -> FirstSteps:
    """What a new project still lacks, read from the ledger in four queries.

    A key whose secret stands on the same page is not stored anywhere yet.
    """
    first_file = File.objects.filter(project=project).order_by("uploaded_at")
    uploaded_at = first_file.values_list("uploaded_at", flat=True).first()
    connected = list(
        CustomStorage.objects.connected().filter(project=project).order_by("connected_at")
    )
    connected_at = connected[0].connected_at if connected else None
    plans = BackupPlan.objects.filter(custom_storage__in=connected, is_on=True)
    plan_at = plans.order_by("created_at").values_list("created_at", flat=True).first()
    keys = project.secret_keys.active().order_by("created_at")
    key_at = keys.values_list("created_at", flat=True).first()
    steps = [
        Step(
            "Upload a file",
            "In the browser, with curl or with an official client",
            "dashboard:upload",
            uploaded_at is not None,
            uploaded_at,
        ),
        Step(
            "Connect an S3 bucket",
            "Copies go to your own bucket",
            "dashboard:connect",
            bool(connected),
            connected_at,
        ),
        Step(
            "Turn on auto-copy",
            "Each new file is copied by itself",
            "dashboard:storages",
            any(storage.auto_copy for storage in connected),
        ),
        Step(
            "Turn on backup",
            "All stored files, then what is new",
            "dashboard:backup",
            plan_at is not None,
            plan_at,
        ),
        Step(
            "Store your secret key",
            "REST calls need one",
            "dashboard:keys",
            key_at is not None and not is_key_told_now,
            key_at,
        ),
    ]
    return FirstSteps(steps, is_hidden=project.steps_hidden_at is not None)


def version_of(jobs: Iterable[CopyJob]) -> str:
    """Changes when a page of jobs would look different."""
    return digest(f"{job.pk}:{job.word}:{job.attempts}:{job.reason}" for job in jobs)


def version_of_deliveries(deliveries: Iterable[WebhookDelivery]) -> str:
    """Changes when a page of deliveries would look different."""
    return digest(f"{row.pk}:{row.state}:{row.attempts}:{row.run_after}" for row in deliveries)


def version_of_runs(runs: Iterable[BackupRun], sentence: str) -> str:
    """Changes when the page of the backup would look different."""
    numbers = (f"{run.pk}:{run.state}:{run.n_new}:{run.n_gaps}:{run.n_sampled}" for run in runs)
    return digest([sentence, *numbers])


def digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
