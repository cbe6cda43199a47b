"""Read-only sums for pages; a fixed number of queries each, however long the lists are."""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Count, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from storages_app.models import (
    BackupRun,
    ConnectionTest,
    CopyJob,
    CustomStorage,
    Event,
    File,
    Project,
    WebhookDelivery,
)
from storages_app.models.copy_jobs import RUNNING_STATES, WAITING_STATES, State

DAYS_IN_CHARTS = 14
_UNFINISHED = (*WAITING_STATES, *RUNNING_STATES)


@dataclass(frozen=True)
class Bar:
    """One day in a small chart; heights are shares of the highest day, 0 to 100."""

    day: date
    value: int
    height: int
    x: int

    @property
    def y(self) -> int:
        return 100 - self.height


@dataclass(frozen=True)
class Figures:
    """The four numbers of the overview, each with its last two weeks."""

    n_files: int
    n_bytes: int
    n_copied_today: int
    n_failed_today: int
    uploads: list[Bar]
    copies: list[Bar]
    failures: list[Bar]


def figures(project: Project) -> Figures:
    today = timezone.now().date()
    since = today - timedelta(days=DAYS_IN_CHARTS - 1)
    sums = (
        File.objects.live()
        .filter(project=project)
        .aggregate(n=Count("pk"), n_bytes=Sum("size", filter=Q(stored_at__isnull=False)))
    )
    uploads = dict(
        File.objects.live()
        .filter(project=project, uploaded_at__date__gte=since)
        .order_by()
        .values_list(TruncDate("uploaded_at"))
        .annotate(n=Count("pk"))
    )
    done: dict[date, int] = {}
    failed: dict[date, int] = {}
    ended = (
        CopyJob.objects.filter(project=project, finished_at__date__gte=since)
        .filter(state__in=[State.DONE, State.FAILED])
        .order_by()
        .values_list(TruncDate("finished_at"), "state")
        .annotate(n=Count("pk"))
    )
    for day, state, n in ended:
        (done if state == State.DONE else failed)[day] = n
    return Figures(
        n_files=sums["n"],
        n_bytes=sums["n_bytes"] or 0,
        n_copied_today=done.get(today, 0),
        n_failed_today=failed.get(today, 0),
        uploads=_bars(uploads, since),
        copies=_bars(done, since),
        failures=_bars(failed, since),
    )


def _bars(by_day: dict[date, int], since: date) -> list[Bar]:
    highest = max(by_day.values(), default=0)
    bars = []
    for n in range(DAYS_IN_CHARTS):
        day = since + timedelta(days=n)
        value = by_day.get(day, 0)
        height = max(6, round(100 * value / highest)) if value else 0
        bars.append(Bar(day=day, value=value, height=height, x=n * 10))
    return bars


@dataclass
class StorageSums:
    """What the ledger knows about one storage."""

    storage: CustomStorage
    n_done: int = 0
    n_waiting: int = 0
    n_files_waiting: int = 0  # of a file several sizes may wait
    n_failed: int = 0
    oldest_waiting_at: datetime | None = None
    tested_at: datetime | None = None

    @property
    def since(self) -> datetime | None:
        """When its state began."""
        row = self.storage
        if row.is_paused:
            return row.paused_at
        return row.circuit_opened_at or row.connected_at

    @property
    def word(self) -> str:
        return storage_word(self.storage)

    @property
    def lag_seconds(self) -> float | None:
        if self.oldest_waiting_at is None:
            return None
        return (timezone.now() - self.oldest_waiting_at).total_seconds()


def storage_word(storage: CustomStorage) -> str:
    return "needs attention" if storage.is_broken and not storage.is_paused else storage.state


def storages(project: Project) -> list[StorageSums]:
    """Every live storage with its copies counted, in five queries."""
    tests = ConnectionTest.objects.filter(
        custom_storage=OuterRef("pk"), kind=ConnectionTest.Kind.TEST, access_change=None
    ).over()
    live = CustomStorage.objects.live().filter(project=project).order_by("name")
    listed = live.annotate(tested_at=Subquery(tests.order_by("-pk").values("finished_at")[:1]))
    tested = dict(listed.values_list("pk", "tested_at"))
    rows = {row.pk: StorageSums(row, tested_at=tested.get(row.pk)) for row in live}
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


def storage_sums(storage: CustomStorage) -> StorageSums:
    """The same for one storage."""
    return next(row for row in storages(storage.project) if row.storage.pk == storage.pk)


def last_events(project: Project, n: int) -> list[Event]:
    return list(Event.objects.filter(project=project).order_by("-pk")[:n])


@dataclass
class CopiesOfFile:
    """One file and, for each storage, the word of its newest copy of the original."""

    file: File
    dots: list[tuple[str, str]] = field(default_factory=list)


def with_copies(project: Project, files: Iterable[File]) -> list[CopiesOfFile]:
    """Rows for the list of files: two queries for all of them."""
    listed = list(files)
    connected = list(CustomStorage.objects.connected().filter(project=project).order_by("name"))
    words: dict[uuid.UUID, dict[uuid.UUID, str]] = defaultdict(dict)
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
    return [
        CopiesOfFile(
            file,
            [(storage.name, words[file.pk].get(storage.pk, "no copy")) for storage in connected],
        )
        for file in listed
    ]


@dataclass(frozen=True)
class Step:
    """One line of the get-started list."""

    label: str
    help: str
    url_name: str
    is_done: bool


def get_started(project: Project) -> list[Step]:
    """What a new project still lacks, read from the ledger (four existence queries)."""
    connected = CustomStorage.objects.connected().filter(project=project)
    return [
        Step(
            "Upload a file",
            "In the browser, with curl or with an official client",
            "dashboard:upload",
            File.objects.filter(project=project).exists(),
        ),
        Step(
            "Connect an S3 bucket",
            "Copies go to your own bucket",
            "dashboard:connect",
            connected.exists(),
        ),
        Step(
            "Turn on auto-copy",
            "Each new file is copied by itself",
            "dashboard:storages",
            connected.filter(auto_copy=True).exists(),
        ),
        Step(
            "Turn on backup",
            "All stored files, then what is new",
            "dashboard:backup",
            connected.filter(backup_plans__is_on=True).exists(),
        ),
        Step(
            "Store your secret key",
            "REST calls need one",
            "dashboard:keys",
            project.secret_keys.active().exists(),
        ),
    ]


@dataclass
class ProjectSums:
    """One line of the list of projects."""

    project: Project
    n_files: int = 0
    n_bytes: int = 0
    last_upload_at: datetime | None = None
    last_backup: BackupRun | None = None
    storages: list[tuple[str, str]] = field(default_factory=list)


def projects(listed: QuerySet[Project]) -> list[ProjectSums]:
    """Files, storages and backup of these projects, in four queries."""
    rows = {project.pk: ProjectSums(project) for project in listed}
    files = (
        File.objects.live()
        .filter(project__in=list(rows))
        .order_by()
        .values_list("project")
        .annotate(n=Count("pk"), n_bytes=Sum("size"), last=Max("uploaded_at"))
    )
    for project_id, n, n_bytes, last in files:
        row = rows[project_id]
        row.n_files, row.n_bytes, row.last_upload_at = n, n_bytes or 0, last
    for storage in CustomStorage.objects.live().filter(project__in=list(rows)).order_by("name"):
        rows[storage.project_id].storages.append((storage.name, storage_word(storage)))
    newest = (
        BackupRun.objects.filter(plan__project__in=list(rows), finished_at__isnull=False)
        .order_by()
        .values("plan")
        .annotate(newest=Max("pk"))
        .values("newest")
    )
    for run in BackupRun.objects.filter(pk__in=newest).select_related("plan"):
        rows[run.plan.project_id].last_backup = run
    return list(rows.values())


def version_of(jobs: Iterable[CopyJob]) -> str:
    """Changes when a page of jobs would look different."""
    return _digest(f"{job.pk}:{job.word}:{job.attempts}:{job.reason}" for job in jobs)


def version_of_deliveries(deliveries: Iterable[WebhookDelivery]) -> str:
    """Changes when a page of deliveries would look different."""
    return _digest(f"{row.pk}:{row.state}:{row.attempts}:{row.run_after}" for row in deliveries)


def version_of_runs(runs: Iterable[BackupRun], sentence: str) -> str:
    """Changes when the page of the backup would look different."""
    numbers = (f"{run.pk}:{run.state}:{run.n_new}:{run.n_gaps}:{run.n_sampled}" for run in runs)
    return _digest([sentence, *numbers])


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
