"""A project's own life: its name, its pauses, its end, and the week in which it can come back."""

from django.db import transaction
from django.utils import timezone

from storages_app.models import Event, Project
from storages_app.projects.services import checked_name
from storages_app.projects.team_errors import CannotComeBack


@transaction.atomic
def rename(*, project: Project, name: str, actor: str) -> None:
    """Call it otherwise; its addresses and keys stay as they are."""
    name = checked_name(name, longest=100)
    before = project.name
    if name == before:
        return
    project.name = name
    project.save(update_fields=["name"])
    _record("project.renamed", project, actor, before=before, after=name)


@transaction.atomic
def pause_uploads(*, project: Project, actor: str) -> None:
    """Refuse new files, whichever way they come; what is there is served and copied as before."""
    running = Project.objects.live().filter(pk=project.pk, uploads_paused_at=None)
    if running.update(uploads_paused_at=timezone.now()):
        _record("project.uploads_paused", project, actor)


@transaction.atomic
def resume_uploads(*, project: Project, actor: str) -> None:
    """Take files again."""
    paused = Project.objects.live().filter(pk=project.pk, uploads_paused_at__isnull=False)
    if paused.update(uploads_paused_at=None):
        _record("project.uploads_resumed", project, actor)


@transaction.atomic
def remove(*, project: Project, actor: str) -> None:
    """Close every door of it now; what it has goes after TIME_TO_BRING_BACK."""
    if Project.objects.live().filter(pk=project.pk).update(removed_at=timezone.now()):
        _record("project.removed", project, actor)


@transaction.atomic
def bring_back(*, project: Project, actor: str) -> None:
    """Open its doors again; CannotComeBack once its time is over."""
    if not Project.objects.removed_lately().filter(pk=project.pk).update(removed_at=None):
        raise CannotComeBack
    _record("project.brought_back", project, actor)


def _record(kind: str, project: Project, actor: str, **data: str) -> None:
    Event.objects.record(
        kind,
        project=project,
        actor=actor,
        subject=project.name,
        subject_id=project.pk,
        data=data,
    )
