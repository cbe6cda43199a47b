"""What becomes of a file: kept, or removed."""

import contextlib
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from storages_app.copying import services as copying
from storages_app.library import orders
from storages_app.library.errors import FileGone
from storages_app.models import Event, File
from storages_app.webhooks.announcing import announce


@transaction.atomic
def store(*, file: File, actor: str) -> File:
    """Keep the file until somebody deletes it. Storing twice keeps the first time."""
    n_stored = File.objects.filter(pk=file.pk, removed_at=None, stored_at=None).update(
        stored_at=timezone.now(), expires_at=None
    )
    file.refresh_from_db()
    if file.is_removed:
        raise FileGone
    if n_stored:
        copying.order_copies_of_stored_file(file=file)
        announce("file.stored", [file], project_id=file.project_id)
    return file


@transaction.atomic
def delete(*, file: File, actor: str) -> File:
    """Remove the file. Copies in custom storages stay; copies that still wait are cancelled."""
    if orders.remove(file):
        Event.objects.record(
            "file.deleted",
            project=file.project,
            actor=actor,
            subject=file.original_filename,
            subject_id=file.pk,
        )
    return file


@transaction.atomic
def store_all(*, files: Iterable[File], actor: str) -> list[File]:
    """Keep those that are still there; which these are. All of them, or none if something fails."""
    stored = []
    for file in _in_one_order(files):
        with contextlib.suppress(FileGone):
            stored.append(store(file=file, actor=actor))
    return stored


@transaction.atomic
def delete_all(*, files: Iterable[File], actor: str) -> list[File]:
    """Remove all of them, or none if something fails."""
    return [delete(file=file, actor=actor) for file in _in_one_order(files)]


def _in_one_order(files: Iterable[File]) -> list[File]:
    """Two transactions that change the same rows never wait for each other."""
    return sorted(files, key=lambda file: file.pk)
