"""What becomes of a file: kept, or removed."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from storages_app.copying import services as copying
from storages_app.library import orders
from storages_app.library.errors import FileGone
from storages_app.models import CopyJob, Event, File, Project, WebhookDelivery
from storages_app.webhooks.announcing import announce

TIME_TO_UNDO = timedelta(minutes=10)
_NAMED = 20


@dataclass(frozen=True)
class Storing:
    """Files that somebody stored together, at one time that names them."""

    at: datetime
    n_files: int
    may_be_undone: bool


@dataclass(frozen=True)
class Removal:
    """Files that leave a project together, unless somebody undoes it before `due_at`."""

    due_at: datetime
    asked_by: str
    n_files: int

    @property
    def minutes(self) -> int:
        """How long it can still be undone, begun minutes counted whole."""
        return max(1, ceil((self.due_at - timezone.now()).total_seconds() / 60))


@transaction.atomic
def store(*, file: File, actor: str) -> File:
    """Keep the file until somebody deletes it. Storing twice keeps the first time."""
    return _store(file, at=timezone.now())


def _store(file: File, *, at: datetime) -> File:
    n_stored = File.objects.filter(pk=file.pk, removed_at=None, stored_at=None).update(
        stored_at=at, expires_at=None
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
        orders.record_removed(file, actor=actor)
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


# --- Storing that can be undone for a while ------------------------------------------------------
# Only where it has begun nothing: a copy that was ordered and a webhook that was told stay so.


@transaction.atomic
def store_together(*, project: Project, files: Iterable[File], actor: str) -> Storing:
    """Keep these files until somebody deletes them; those that are stored or gone stay so."""
    at = timezone.now()
    for file in _in_one_order(files):
        with contextlib.suppress(FileGone):
            _store(file, at=at)
    stored = _stored_at(project, at)
    if stored:
        _record("file.stored", project, stored, actor)
    return Storing(at, len(stored), may_be_undone=bool(stored) and not _begun(stored, since=at))


@transaction.atomic
def undo_storing(*, project: Project, stored_at: datetime, actor: str) -> int:
    """Let the files that were stored together expire as before; of how many that was possible."""
    now = timezone.now()
    if stored_at + TIME_TO_UNDO < now:
        return 0
    stored = _stored_at(project, stored_at)
    begun = _begun(stored, since=stored_at)
    undone = {pk: name for pk, name in stored.items() if pk not in begun}
    files = File.objects.filter(pk__in=undone, stored_at=stored_at, removed_at=None)
    for file in files.only("uploaded_at").order_by("pk"):
        expires_at = max(file.uploaded_at + settings.UNSTORED_FILES_LIVE, now + TIME_TO_UNDO)
        files.filter(pk=file.pk).update(stored_at=None, expires_at=expires_at)
    if undone:
        _record("file.storing_undone", project, undone, actor)
    return len(undone)


def _stored_at(project: Project, moment: datetime) -> dict[UUID, str]:
    """Those that somebody has stored: what is stored on arrival has one time for both."""
    stored = File.objects.filter(project=project, stored_at=moment, removed_at=None)
    later = stored.filter(uploaded_at__lt=moment).order_by("pk")
    return dict(later.values_list("pk", "original_filename"))


def _begun(files: Iterable[UUID], *, since: datetime) -> set[UUID]:
    """Of which of these a copy was ordered since then, or a webhook told."""
    by_text = {str(pk): pk for pk in files}
    told = WebhookDelivery.objects.filter(subject_id__in=by_text, created_at__gte=since)
    copied = CopyJob.objects.filter(file__in=by_text.values(), created_at__gte=since)
    return {by_text[text] for text in told.values_list("subject_id", flat=True)} | set(
        copied.values_list("file", flat=True)
    )


# --- Removal that can be undone for a while ------------------------------------------------------
# Until it is due a file is as it was: served, copied and backed up. So to undo it is to forget one
# time, and nothing has to be brought back.


@transaction.atomic
def remove_later(*, project: Project, files: Iterable[File], actor: str) -> Removal | None:
    """Let these files leave the project after TIME_TO_UNDO; None if none of them is there.

    A file that leaves already keeps its time.
    """
    due_at = timezone.now() + TIME_TO_UNDO
    staying = File.objects.filter(project=project, removed_at=None, removal_due_at=None)
    n_files = staying.filter(pk__in=[file.pk for file in files]).update(
        removal_due_at=due_at, removal_asked_by=actor[:200]
    )
    if not n_files:
        return None
    _record("file.removal_ordered", project, _leaving_at(project, due_at), actor)
    return Removal(due_at, actor, n_files)


@transaction.atomic
def undo_removal(*, project: Project, due_at: datetime, actor: str) -> int:
    """Keep the files that were to leave at this time; how many of them are still there."""
    files = _leaving_at(project, due_at)
    still_due = File.objects.filter(removal_due_at=due_at, removed_at=None)
    n_kept = still_due.filter(pk__in=list(files)).update(removal_due_at=None, removal_asked_by=None)
    if n_kept:
        _record("file.removal_undone", project, files, actor)
    return n_kept


def _leaving_at(project: Project, due_at: datetime) -> dict[UUID, str]:
    leaving = File.objects.filter(project=project, removal_due_at=due_at, removed_at=None)
    return dict(leaving.order_by("pk").values_list("pk", "original_filename"))


def removals_of(project: Project) -> list[Removal]:
    """What can still be undone, the next first."""
    leaving = File.objects.filter(project=project, removal_due_at__isnull=False, removed_at=None)
    grouped = leaving.order_by("removal_due_at").values_list("removal_due_at", "removal_asked_by")
    return [
        Removal(due_at, asked_by or "", n_files)
        for due_at, asked_by, n_files in grouped.annotate(n=Count("pk"))
    ]


def _record(kind: str, project: Project, files: dict[UUID, str], actor: str) -> None:
    first, *others = files
    Event.objects.record(
        kind,
        project=project,
        actor=actor,
        subject=f"{len(files)} files" if others else files[first],
        subject_id="" if others else first,
        data={"files": [str(pk) for pk in list(files)[:_NAMED]]} if others else {},
    )


def _in_one_order(files: Iterable[File]) -> list[File]:
    """Two transactions that change the same rows never wait for each other."""
    return sorted(files, key=lambda file: file.pk)
