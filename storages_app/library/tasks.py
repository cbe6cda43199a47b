"""How the library's own chores reach a worker."""

from celery import shared_task
from django.utils import timezone

from storages_app.library import runner
from storages_app.library.project_sweep import empty_removed_projects
from storages_app.models import Tally


@shared_task(name="library.expire")
def expire_files() -> None:
    """Remove what was not stored in time, what removed projects had, and bytes without a file."""
    now = timezone.now()
    runner.expire_files(now=now)
    empty_removed_projects(now=now)
    runner.remove_left_bytes(now=now)


@shared_task(name="library.remove_due")
def remove_due_files() -> None:
    """Remove what people deleted on pages, once it cannot be undone any more."""
    runner.remove_due(now=timezone.now())


@shared_task(name="library.fold_tallies")
def fold_tallies() -> None:
    """Add up what was counted since, so that a total stays the sum of a few rows."""
    Tally.objects.fold()
