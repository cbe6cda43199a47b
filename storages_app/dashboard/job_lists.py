"""Bulk copies, backup runs and restores in one list, newest first."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from storages_app.backups import services as backups
from storages_app.dashboard.reports import digest
from storages_app.models import BackupRun, BulkJob, Project, RestoreRun
from storages_app.restores import verdicts

PAGE_SIZE = 50


@dataclass(frozen=True)
class JobRow:
    """One line of the list, whatever kind of job it is."""

    what: str
    url: str
    asked_by: str
    word: str
    progress: str
    n_gaps: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    reason: str
    mark: str

    @property
    def is_over(self) -> bool:
        return self.finished_at is not None

    @property
    def began_at(self) -> datetime:
        """When a worker began it; before that, when it was asked for."""
        return self.started_at or self.created_at

    @property
    def took_s(self) -> float | None:
        if self.finished_at is None:
            return None
        return (self.finished_at - self.began_at).total_seconds()


@dataclass(frozen=True)
class JobPage:
    rows: list[JobRow]
    newer: str | None
    older: str | None

    @property
    def has_others(self) -> bool:
        return bool(self.newer or self.older)


# Rows of several tables have one order: (created_at, table, pk), written in the address as a mark.
_Place = tuple[datetime, int, int]


@dataclass(frozen=True)
class _Kind:
    rows_of: Callable[[Project], QuerySet[Any]]
    describe: Callable[[Any, Project], dict[str, Any]]


def page_of_jobs(project: Project, *, before: str = "", after: str = "") -> JobPage:
    """The newest jobs, those older than the mark `before`, or the nearest newer than `after`."""
    older_than, newer_than = _read_mark(before), _read_mark(after)
    if newer_than:
        found = _nearest(project, newer_than, is_newer=True)
        shown, has_newer, has_older = found[:PAGE_SIZE][::-1], len(found) > PAGE_SIZE, True
    else:
        found = _nearest(project, older_than, is_newer=False)
        shown = found[:PAGE_SIZE]
        has_newer, has_older = older_than is not None, len(found) > PAGE_SIZE
    rows = [_row(project, *item) for item in shown]
    return JobPage(
        rows=rows,
        newer=rows[0].mark if rows and has_newer else None,
        older=rows[-1].mark if rows and has_older else None,
    )


def version_of_jobs(rows: Iterable[JobRow]) -> str:
    """Changes when the list would look different."""
    return digest(f"{row.mark}:{row.word}:{row.progress}:{row.n_gaps}" for row in rows)


def _nearest(
    project: Project, place: _Place | None, *, is_newer: bool
) -> list[tuple[_Place, int, Any]]:
    """One page and one more from all tables, in the order in which they are met from `place`."""
    sign = "" if is_newer else "-"

    def of_kind(rank: int) -> Iterator[tuple[_Place, int, Any]]:
        rows = _KINDS[rank].rows_of(project)
        if place:
            rows = rows.filter(_beyond(place, rank, is_newer=is_newer))
        for row in rows.order_by(f"{sign}created_at", f"{sign}pk")[: PAGE_SIZE + 1]:
            yield (row.created_at, rank, row.pk), rank, row

    streams = (of_kind(rank) for rank in range(len(_KINDS)))
    both = merge(*streams, key=lambda item: item[0], reverse=not is_newer)
    return list(islice(both, PAGE_SIZE + 1))


def _beyond(place: _Place, rank: int, *, is_newer: bool) -> Q:
    """What of one table comes after `place`, seen in the direction of the page."""
    moment, marked_rank, pk = place
    way = "gt" if is_newer else "lt"
    beyond = Q(**{f"created_at__{way}": moment})
    if rank == marked_rank:
        beyond |= Q(**{"created_at": moment, f"pk__{way}": pk})
    elif (rank > marked_rank) == is_newer:
        beyond |= Q(created_at=moment)
    return beyond


def _read_mark(text: str) -> _Place | None:
    """A mark from the address; anything else is no mark."""
    moment, _, rest = text.partition("~")
    rank, _, pk = rest.partition("~")
    try:
        at = datetime.fromisoformat(moment).astimezone(UTC)
        return at, int(rank), min(int(pk), 2**62)
    except (ValueError, OverflowError):
        return None


def _row(project: Project, place: _Place, rank: int, row: Any) -> JobRow:
    moment, _, pk = place
    return JobRow(
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        asked_by=row.asked_by,
        reason=row.reason,
        mark=f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}~{rank}~{pk}",
        **_KINDS[rank].describe(row, project),
    )


def _bulk_jobs(project: Project) -> QuerySet[Any]:
    return BulkJob.objects.filter(project=project).select_related("custom_storage")


def _bulk_job(job: BulkJob, project: Project) -> dict[str, Any]:
    return {
        "what": f"Copy to {job.custom_storage.name}",
        "url": reverse("dashboard:bulk_job", args=[project.slug, job.pk]),
        "word": job.word,
        "progress": f"{job.n_ended:,} of {job.n_to_do:,} files" if job.counted_at else "",
        "n_gaps": job.n_gaps,
    }


def _backup_runs(project: Project) -> QuerySet[Any]:
    return BackupRun.objects.filter(plan__project=project).select_related(
        "plan__custom_storage", "plan__project"
    )


def _backup_run(run: BackupRun, project: Project) -> dict[str, Any]:
    return {
        "what": f"Backup to {run.plan.custom_storage.name}",
        "url": reverse("dashboard:backup_run", args=[project.slug, run.pk]),
        "word": BackupRun.State(run.state).label,
        "progress": _progress_of_backup(run),
        "n_gaps": run.n_gaps if run.is_over else None,
    }


def _progress_of_backup(run: BackupRun) -> str:
    """A project has one open run at most, so that no more than one is counted for a page."""
    if run.is_over:
        return f"{run.n_new:,} of {run.n_files:,} copied"
    found = backups.progress(run)
    return f"{found.n_there:,} of {found.n_files:,} there" if found else ""


def _restores(project: Project) -> QuerySet[Any]:
    return RestoreRun.objects.filter(project=project).select_related("custom_storage")


def _restore(run: RestoreRun, project: Project) -> dict[str, Any]:
    what = "Drill" if run.is_drill else "Restore"
    return {
        "what": f"{what} from {run.custom_storage.name}",
        "url": reverse("dashboard:restore_run", args=[project.slug, run.pk]),
        "word": verdicts.word_of(run),
        "progress": f"{run.n_done:,} of {verdicts.n_entering(run):,} files"
        if run.counted_at
        else "",
        "n_gaps": verdicts.n_not_done(run) if run.is_over else None,
    }


_KINDS = (
    _Kind(_bulk_jobs, _bulk_job),
    _Kind(_backup_runs, _backup_run),
    _Kind(_restores, _restore),
)
