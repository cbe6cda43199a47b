"""The list of first steps on the overview, which a project needs for a while."""

from django.db import transaction
from django.utils import timezone

from storages_app.models import Event, Project


@transaction.atomic
def hide(*, project: Project, actor: str) -> None:
    """Nobody wants to see it any more; a second time changes nothing."""
    shown = Project.objects.filter(pk=project.pk, steps_hidden_at=None)
    if shown.update(steps_hidden_at=timezone.now()):
        _record("project.steps_hidden", project, actor)


@transaction.atomic
def show(*, project: Project, actor: str) -> None:
    hidden = Project.objects.filter(pk=project.pk, steps_hidden_at__isnull=False)
    if hidden.update(steps_hidden_at=None):
        _record("project.steps_shown", project, actor)


def _record(kind: str, project: Project, actor: str) -> None:
    Event.objects.record(
        kind, project=project, actor=actor, subject=project.name, subject_id=project.pk
    )
