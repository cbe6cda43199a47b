"""What stands around every page of a project: navigation, switcher, and the bar when it burns."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render

from storages_app.dashboard.access import PageRequest
from storages_app.models import CopyJob, CustomStorage, Project, User
from storages_app.projects.roles import Action, is_operator, may, role_of

_MAX_PROJECTS_IN_SWITCHER = 20
_MAX_BROKEN_NAMED = 3

# Group → (section, label, icon, name of the URL).
NAVIGATION = (
    (
        "Files",
        (
            ("overview", "Overview", "layout-dashboard", "dashboard:overview"),
            ("files", "Files", "files", "dashboard:files"),
            ("upload", "Upload", "upload", "dashboard:upload"),
            ("playground", "Playground", "image", "dashboard:playground"),
        ),
    ),
    (
        "Storage",
        (
            ("storages", "Custom storage", "database", "dashboard:storages"),
            ("backup", "Backup", "archive-restore", "dashboard:backup"),
            ("jobs", "Jobs", "list-checks", "dashboard:jobs"),
        ),
    ),
    (
        "Project",
        (
            (
                "upload_settings",
                "Upload settings",
                "sliders-horizontal",
                "dashboard:upload_settings",
            ),
            ("keys", "API keys", "key-round", "dashboard:keys"),
            ("signed_urls", "Signed URLs", "lock", "dashboard:signed_urls"),
            ("webhooks", "Webhooks", "webhook", "dashboard:webhooks"),
            ("notifications", "Notifications", "bell", "dashboard:notifications"),
            ("team", "Team", "circle-user", "dashboard:team"),
            ("activity", "Activity", "activity", "dashboard:activity"),
            ("settings", "Settings", "settings", "dashboard:project_settings"),
        ),
    ),
)


def projects_of(user: User) -> QuerySet[Project]:
    """The projects a person is a member of; operators see all."""
    projects = Project.objects.live() if is_operator(user) else Project.objects.for_user(user)
    return projects.order_by("name", "pk")


class Rights(dict[str, bool]):
    """`frame.may.upload` in a template: asks for a right when a page first needs it."""

    def __init__(self, user: User, project: Project) -> None:
        super().__init__()
        self._user, self._project = user, project

    def __missing__(self, action: str) -> bool:
        self[action] = may(self._user, self._project, Action(action))
        return self[action]


@dataclass
class Frame:
    """Read by templates/dashboard/project.html; asks the database only for what a page shows."""

    request: PageRequest
    project: Project
    section: str

    navigation = NAVIGATION
    most_counted = 10_000

    @cached_property
    def role(self) -> str:
        return role_of(self.request.user, self.project) or ""

    @cached_property
    def may(self) -> "Rights":
        return Rights(self.request.user, self.project)

    @cached_property
    def projects(self) -> list[Project]:
        return list(projects_of(self.request.user)[:_MAX_PROJECTS_IN_SWITCHER])

    @cached_property
    def broken_storages(self) -> list[tuple[CustomStorage, int]]:
        """Storages that have failed, each with its waiting files, counted to one over the most."""
        named = self._broken[:_MAX_BROKEN_NAMED]
        return [(storage, self._n_files_waiting(storage)) for storage in named]

    @property
    def has_more_broken(self) -> bool:
        """Whether some are not named, so that the bar does not hide the page."""
        return len(self._broken) > _MAX_BROKEN_NAMED

    @cached_property
    def _broken(self) -> list[CustomStorage]:
        broken = CustomStorage.objects.connected().filter(
            project=self.project, circuit_opened_at__isnull=False, paused_at=None
        )
        return list(broken.order_by("circuit_opened_at")[: _MAX_BROKEN_NAMED + 1])

    def _n_files_waiting(self, storage: CustomStorage) -> int:
        """Of one file several sizes may wait. On every page, so it ends early."""
        files = CopyJob.objects.filter(custom_storage=storage).waiting().order_by().values("file")
        return files.distinct()[: self.most_counted + 1].count()


def show(
    request: PageRequest,
    template: str,
    project: Project,
    context: dict[str, Any] | None = None,
    *,
    section: str,
    status: int = 200,
) -> HttpResponse:
    """One page of a project inside its frame."""
    frame = Frame(request, project, section)
    return render(
        request, template, {"project": project, "frame": frame} | (context or {}), status=status
    )
