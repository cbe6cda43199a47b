"""What happens to files by itself: expiry, and the bytes of removed ones."""

from datetime import datetime, timedelta

from django.db.models import Q

from storages_app.library import orders
from storages_app.models import File

_BATCH = 500
# An upload's own attempt to delete the bytes comes first.
_LEAVE_TO_SERVICE = timedelta(minutes=5)


def expire_files(*, now: datetime) -> int:
    """Remove files that were not stored in time; returns how many."""
    overdue = Q(stored_at=None, expires_at__lte=now)  # somebody may store it meanwhile
    due = File.objects.filter(overdue, removed_at=None)
    n_expired = 0
    while batch := list(due.order_by("expires_at")[:_BATCH]):
        n_expired += sum(orders.remove(file, only_if=overdue) for file in batch)
    return n_expired


def remove_left_bytes(*, now: datetime) -> int:
    """Delete the bytes of removed files where that failed before; returns how many are gone."""
    left = File.objects.filter(removed_at__lt=now - _LEAVE_TO_SERVICE, bytes_removed_at=None)
    batch = list(left.order_by("removed_at")[:_BATCH])
    for file in batch:
        orders.remove_bytes(file)
    return File.objects.filter(
        pk__in=[file.pk for file in batch], bytes_removed_at__isnull=False
    ).count()
