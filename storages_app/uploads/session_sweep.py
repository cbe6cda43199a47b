"""What becomes of multipart uploads that nobody completed, and of what they left (F07)."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from storages_app.models import UploadSession
from storages_app.uploads import completing
from storages_app.uploads.errors import StorageFailed
from storages_app.uploads.parts import abort_strays
from storages_app.uploads.parts.local import PREFIX

State = UploadSession.State
_ENDED_WITHOUT_FILE = (State.EXPIRED, State.FAILED)
_REMEMBERED = timedelta(days=1)  # a client may ask for the same completion again
_REASON = "expired"
_BATCH = 500


def end_late_sessions(*, now: datetime) -> int:
    """Expire what is late and at rest, and remove the bytes of all that ended without a file."""
    late = UploadSession.objects.filter(finished_at=None, expires_at__lt=now)
    n_late = 0
    for session in late.filter(completing.is_waiting()).select_related("project"):
        with transaction.atomic():  # its client was told that the file would come
            if _expire(late.filter(completing.is_waiting(), pk=session.pk)):
                completing.tell(session, _REASON)
                n_late += 1
    n_late += _expire(late.filter(completing.is_at_rest()))
    without_file = UploadSession.objects.filter(finished_at=None, state__in=_ENDED_WITHOUT_FILE)
    for session in without_file.order_by("expires_at").iterator(_BATCH):
        completing.discard(session, now=now)
    return n_late


def _expire(sessions: QuerySet[UploadSession]) -> int:
    return sessions.update(
        state=State.EXPIRED, reason=_REASON, lease_until=None, fence=F("fence") + 1
    )


def abort_stray_uploads(*, now: datetime) -> int:
    """Abort what was begun in a bucket longer ago than any session lives."""
    try:
        return abort_strays(begun_before=now - settings.UPLOAD_SESSIONS_LIVE)
    except StorageFailed:  # the log has it; the next sweep looks again
        return 0


def forget_sessions(*, now: datetime) -> int:
    """Drop the rows, parts and all, of sessions that ended a while ago."""
    n_forgotten = 0
    ended = UploadSession.objects.filter(finished_at__lt=now - _REMEMBERED).order_by("finished_at")
    while keys := list(ended.values_list("pk", flat=True)[:_BATCH]):
        UploadSession.objects.filter(pk__in=keys).delete()
        n_forgotten += len(keys)
    return n_forgotten


def stray_files() -> list[Path]:
    """Files of parts that no session needs: it ended, and its process died before it tidied up."""
    files = {}
    for path in Path(settings.FILE_UPLOAD_TEMP_DIR).glob(f"{PREFIX}*"):
        if owner := _uuid_of(path.name.removeprefix(PREFIX)):
            files[owner] = path
    needed = _needed(files)
    return [path for owner, path in files.items() if owner not in needed]


def _needed(uuids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Which of them are sessions whose bytes may still become a file."""
    asked, needed = list(uuids), set[uuid.UUID]()
    for start in range(0, len(asked), _BATCH):
        page = UploadSession.objects.filter(pk__in=asked[start : start + _BATCH], finished_at=None)
        needed.update(page.values_list("pk", flat=True))
    return needed


def is_needed(blob_name: str) -> bool:
    """Whether an original without a row is that of a session that is just being completed."""
    owner = _uuid_of(blob_name.rpartition("/")[2])
    return owner is not None and bool(_needed([owner]))


def _uuid_of(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
