"""The list of projects: what each has, in the same number of queries for one as for a hundred."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import F, Max, OuterRef, QuerySet, Subquery, Sum

from storages_app.dashboard.dot_letters import letters_of
from storages_app.dashboard.storage_states import storage_word
from storages_app.models import BackupRun, CustomStorage, File, Project, Tally, User
from storages_app.projects.roles import Role, is_operator


@dataclass
class ProjectRow:
    """One line of the list."""

    project: Project
    n_files: int = 0
    n_bytes: int = 0
    last_upload_at: datetime | None = None
    last_backup: BackupRun | None = None
    storages: list[tuple[str, str, str]] = field(default_factory=list)  # name, word, letters

    @property
    def standing(self) -> str:
        """How its storages are, such as “2 connected, 1 paused”."""
        counts = Counter(word.lower() for _, word, _ in self.storages)
        parts = (f"{n} {word}".replace(" ", "\u00a0") for word, n in sorted(counts.items()))
        return ", ".join(parts)


def rows_of(listed: QuerySet[Project]) -> list[ProjectRow]:
    """Files are counted by the database itself; the newest is the first of an index."""
    files = File.objects.live().filter(project=OuterRef("pk")).order_by("-uploaded_at")
    newest = listed.annotate(last_upload_at=Subquery(files.values("uploaded_at")[:1]))
    rows = {
        project.pk: ProjectRow(project, last_upload_at=project.last_upload_at) for project in newest
    }
    sums = Tally.objects.filter(project__in=rows).order_by().values_list("project")
    for project_id, n_files, n_bytes in sums.annotate(
        n=Sum(F("n_stored") + F("n_unstored")), n_all_bytes=Sum("n_bytes")
    ):
        rows[project_id].n_files, rows[project_id].n_bytes = n_files, n_bytes
    for project_id, storages in _storages(rows).items():
        letters = letters_of(name for name, _ in storages)
        rows[project_id].storages = [(name, word, letters[name]) for name, word in storages]
    for run in _last_backups(rows):
        rows[run.plan.project_id].last_backup = run
    return list(rows.values())


def _storages(rows: dict[int, ProjectRow]) -> dict[int, list[tuple[str, str]]]:
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for storage in CustomStorage.objects.live().filter(project__in=rows).order_by("name"):
        found[storage.project_id].append((storage.name, storage_word(storage)))
    return found


def _last_backups(rows: dict[int, ProjectRow]) -> QuerySet[BackupRun]:
    over = BackupRun.objects.filter(plan__project__in=rows, finished_at__isnull=False)
    newest = over.order_by().values("plan").annotate(newest=Max("pk")).values("newest")
    return BackupRun.objects.filter(pk__in=newest).select_related("plan")


def removed_projects(user: User) -> QuerySet[Project]:
    """Those that this person can bring back, the one with the least time first."""
    removed = Project.objects.removed_lately().order_by("removed_at")
    if is_operator(user):
        return removed
    return removed.filter(memberships__user=user, memberships__role=Role.OWNER)
