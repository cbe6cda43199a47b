"""Files put together under one address: made once, never changed, deleted without its files."""

import contextlib
import re
import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from storages_app.groups import errors
from storages_app.library import services as library
from storages_app.library.errors import BadSource, FileGone
from storages_app.library.sources import read_source
from storages_app.models import Event, File, Group, GroupMember, Project

MAX_FILES = 1_000

_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})~([1-9][0-9]{0,3})", re.ASCII)
_MICROSECOND = timedelta(microseconds=1)
_TIME_TRIES = 1_000


@transaction.atomic
def create(*, project: Project, files: Sequence[str]) -> Group:
    """Put files of the project together, in this order.

    Each is named by its uuid or its CDN URL, with the operations that it will be shown with. The
    same file may come several times, with other operations or the same.
    """
    if not files:
        raise errors.NoFilesNamed
    if len(files) > MAX_FILES:
        raise errors.TooManyFiles
    named = [_read(text) for text in files]
    found = _find_files(project, {file_uuid for file_uuid, _ in named})
    group = _insert(project, n_files=len(named))
    GroupMember.objects.bulk_create(
        GroupMember(group=group, position=position, file=found[file_uuid], effects=effects)
        for position, (file_uuid, effects) in enumerate(named)
    )
    return group


def find(*, project: Project, group_id: str) -> Group:
    """The project's group with this id; another project's is as unknown as one that never was."""
    group = _live(group_id).filter(project=project).first()
    if group is None:
        raise errors.GroupNotFound
    return group


def find_for_reader(*, group_id: str) -> Group:
    """The group with this id, whosoever it is: for those who have its link."""
    live = _live(group_id).filter(project__removed_at=None)
    group = live.select_related("project").first()
    if group is None:
        raise errors.GroupNotFound
    return group


@transaction.atomic
def store(*, group: Group, actor: str) -> Group:
    """Store those of its files that are still there. A second time keeps the first one's time."""
    for file in File.objects.filter(group_members__group=group, removed_at=None).distinct():
        with contextlib.suppress(FileGone):  # removed in this moment
            library.store(file=file, actor=actor)
    Group.objects.filter(pk=group.pk, stored_at=None).update(stored_at=timezone.now())
    group.refresh_from_db()
    return group


@transaction.atomic
def delete(*, group: Group, actor: str) -> None:
    """Forget the group. Its files stay."""
    live = Group.objects.filter(pk=group.pk, removed_at=None)
    if live.update(removed_at=timezone.now()):
        Event.objects.record(
            "group.deleted",
            project=group.project,
            actor=actor,
            subject=group.wire_id,
            subject_id=group.pk,
        )


def _read(text: str) -> tuple[uuid.UUID, str]:
    try:
        file_uuid, effects = read_source(text)
    except BadSource as error:
        raise errors.BadFileUrl(text) from error
    return file_uuid, effects.removeprefix("-/")


def _find_files(project: Project, uuids: set[uuid.UUID]) -> dict[uuid.UUID, File]:
    found = File.objects.live().filter(project=project).in_bulk(uuids)
    if len(found) < len(uuids):
        raise errors.FilesNotFound
    return found


def _insert(project: Project, *, n_files: int) -> Group:
    """Write the row; its time is moved by a microsecond where another group has the same."""
    moment = timezone.now()
    for _ in range(_TIME_TRIES):
        try:
            with transaction.atomic():
                return Group.objects.create(project=project, n_files=n_files, created_at=moment)
        except IntegrityError:
            if not Group.objects.filter(project=project, created_at=moment).exists():
                raise
            moment += _MICROSECOND
    raise errors.GroupRefused("Too many groups came at the same moment. Try again.")


def _live(group_id: str) -> QuerySet[Group]:
    parts = _ID.fullmatch(group_id.lower())
    if parts is None:
        return Group.objects.none()
    return Group.objects.filter(pk=parts[1], n_files=int(parts[2]), removed_at=None)
