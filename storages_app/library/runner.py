"""What happens to files by itself: expiry, removals that are due, and the bytes of removed ones."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from storages_app.library import orders
from storages_app.models import Event, File, Project

_BATCH = 500
_NAMED = 20
# An upload's own attempt to delete the bytes comes first.
_LEAVE_TO_SERVICE = timedelta(minutes=5)


def expire_files(*, now: datetime) -> int:
    """Remove files that were not stored in time; returns how many."""
    overdue = Q(stored_at=None, expires_at__lte=now)  # somebody may store it meanwhile
    due = File.objects.filter(overdue, removed_at=None)
    n_expired = 0
    while batch := list(due.order_by("expires_at", "pk").select_related("project")[:_BATCH]):
        with transaction.atomic():
            expired = [file for file in batch if orders.remove(file, only_if=overdue)]
            _record(expired)
        n_expired += len(expired)
    return n_expired


def remove_due(*, now: datetime) -> int:
    """Remove the files whose time to undo that is over; returns how many.

    Whoever undoes it, and this, write the same row under a condition: one of them is first, and a
    file that was kept stays.
    """
    overdue = Q(removal_due_at__lte=now)
    due = File.objects.filter(overdue, removed_at=None)
    n_removed = 0
    while batch := list(due.order_by("removal_due_at", "pk").select_related("project")[:_BATCH]):
        for file in batch:
            with transaction.atomic():
                asked_by = file.removal_asked_by or ""
                if orders.remove(file, only_if=overdue):
                    orders.record_removed(file, actor=asked_by)
                    n_removed += 1
    return n_removed


def _record(expired: list[File]) -> None:
    """Tell each project once what it lost: thousands of lines would hide all others."""
    by_project: dict[Project, list[File]] = {}
    for file in expired:
        by_project.setdefault(file.project, []).append(file)
    for project, files in by_project.items():
        first, *others = files
        subject = f"{len(files)} files that were not stored" if others else first.original_filename
        Event.objects.record(
            "file.expired",
            project=project,
            actor="system",
            subject=subject,
            subject_id="" if others else first.pk,
            data={"files": [str(file.pk) for file in files[:_NAMED]]} if others else {},
        )


def remove_left_bytes(*, now: datetime) -> int:
    """Delete the bytes of removed files where that failed before; returns how many are gone."""
    left = File.objects.filter(removed_at__lt=now - _LEAVE_TO_SERVICE, bytes_removed_at=None)
    batch = list(left.order_by("removed_at")[:_BATCH])
    for file in batch:
        orders.remove_bytes(file)
    return File.objects.filter(
        pk__in=[file.pk for file in batch], bytes_removed_at__isnull=False
    ).count()
