"""Removing a file: what the service and the sweep share."""

import logging

from django.core.files.storage import storages
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from storages_app.copying import services as copying
from storages_app.models import CopyJob, Event, File
from storages_app.webhooks.announcing import announce

log = logging.getLogger(__name__)


def remove(file: File, *, only_if: Q | None = None) -> bool:
    """Mark one file as removed and cancel its waiting copies.

    False if it was removed before, or is not (any more) as `only_if` says. The bytes go after the
    commit. If that fails, the sweep finds the row and tries again.
    """
    with transaction.atomic():
        removable = File.objects.filter(only_if or Q(), pk=file.pk, removed_at=None)
        n_removed = removable.update(
            removed_at=timezone.now(),
            stored_at=None,
            expires_at=None,
            removal_due_at=None,
            removal_asked_by=None,
        )
        if n_removed:
            copying.cancel_copies_of_file(file=file)
            CopyJob.objects.filter(file=file, is_backup=True).update(record=None)
            transaction.on_commit(lambda: remove_bytes(file), robust=True)
        file.refresh_from_db()
        if n_removed:
            announce("file.deleted", [file], project_id=file.project_id)
    return bool(n_removed)


def record_removed(file: File, *, actor: str) -> None:
    """Write into the project's activity who had the file removed."""
    Event.objects.record(
        "file.deleted",
        project=file.project,
        actor=actor,
        subject=file.original_filename,
        subject_id=file.pk,
    )


def remove_bytes(file: File) -> None:
    """Delete a removed file's original from the upload storage, and note that it is gone."""
    try:
        storages["uploads"].delete(file.blob_name)
    except OSError as error:
        log.warning("The bytes of removed file %s are still there: %s", file.pk, error)
        return
    # A restore may have brought the file back meanwhile, under another name in the storage.
    File.objects.filter(pk=file.pk, blob_name=file.blob_name).update(
        bytes_removed_at=timezone.now()
    )
