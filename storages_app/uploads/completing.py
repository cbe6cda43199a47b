"""One multipart upload becomes a file, whoever is asked to see to it: a request or a worker.

Who does it holds the session: a lease keeps others away, and the fence keeps away whoever lost it.
"""

import logging
from datetime import datetime, timedelta
from time import monotonic

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from storages_app.lib.crashpoints import crashpoint
from storages_app.models import Event, File, UploadSession
from storages_app.models.fields import db_now
from storages_app.uploads.errors import (
    AlreadyUploaded,
    FileTooLarge,
    MetadataRefused,
    ProjectRemoved,
    StorageFailed,
    TypeForbidden,
)
from storages_app.uploads.multipart_errors import PartsWrong
from storages_app.uploads.parts import parts_of

log = logging.getLogger(__name__)

State = UploadSession.State
# The next try would be refused as well.
FOR_GOOD = (FileTooLarge, MetadataRefused, ProjectRemoved, TypeForbidden)


class LostSession(Exception):
    """Somebody else holds this session now, or it has ended: stop, and write nothing more."""


class Hold:
    """A claimed session; whatever is written of it is written only while it is ours."""

    def __init__(self, session: UploadSession) -> None:
        self.session = session
        self._renewed = monotonic()

    def renew(self) -> None:
        """Prolong the lease, at most every third of it."""
        if monotonic() - self._renewed < settings.LEASE.total_seconds() / 3:
            return
        self._renewed = monotonic()
        self._write(lease_until=db_now() + settings.LEASE)

    def finish(self, file: File | None = None) -> None:
        """The session has become a file; said in the transaction that writes the file's row."""
        self._write(state=State.DONE, finished_at=timezone.now(), lease_until=None)

    def reopen(self) -> None:
        """Parts may come again, or the client may ask again."""
        self._write(state=State.OPEN, lease_until=None)

    def fail(self, reason: str) -> None:
        """It will never be a file. Its bytes are still there until it is finished."""
        self._write(state=State.FAILED, reason=reason, lease_until=None)

    def give_back(self, *, wait: timedelta) -> None:
        """Let the next worker try, after a while."""
        self._row().update(lease_until=db_now() + wait)

    def _write(self, **values: object) -> None:
        if not self._row().update(**values):
            raise LostSession

    def _row(self) -> QuerySet[UploadSession]:
        return UploadSession.objects.filter(
            pk=self.session.pk, fence=self.session.fence, state=State.COMPLETING
        )


def claim(session: UploadSession) -> Hold | None:
    """Take a session that is open, or that was being completed by somebody who died."""
    fence = session.fence + 1
    n_claimed = (
        UploadSession.objects.filter(is_at_rest(), finished_at=None)
        .filter(pk=session.pk, fence=session.fence)
        .update(state=State.COMPLETING, lease_until=db_now() + settings.LEASE, fence=fence)
    )
    if not n_claimed:
        return None
    session.state, session.fence = State.COMPLETING, fence
    crashpoint("upload_session_claimed")
    return Hold(session)


def claim_next() -> Hold | None:
    """Take one that waits to be completed, if there is any."""
    waiting = UploadSession.objects.filter(is_waiting(), finished_at=None)
    for session in waiting.select_related("project").order_by("expires_at"):
        if hold := claim(session):
            return hold
    return None


def order(session: UploadSession) -> bool:
    """Have a worker complete it; False if it is not open any more."""
    is_open = UploadSession.objects.filter(pk=session.pk, state=State.OPEN)
    return bool(is_open.update(state=State.COMPLETING, lease_until=None, fence=F("fence") + 1))


def put_together(hold: Hold) -> File:
    """Make the file. What is refused for good ends the session; wrong parts open it again.

    What passes (a full disk, a busy image process, an outage) is raised with the session still
    held, since only the caller knows who will try again.
    """
    session = hold.session
    parts = parts_of(session)
    try:
        file = parts.put_together(beat=hold.renew, before_commit=hold.finish)
    except AlreadyUploaded:  # the commit of an earlier try, whose answer was lost
        hold.finish()
        file = File.objects.get(pk=session.pk)
    except PartsWrong:
        hold.reopen()
        raise
    except FOR_GOOD as refusal:
        hold.fail(refusal.code)
        discard(session, now=timezone.now())
        raise
    parts.tidy()
    return file


def discard(session: UploadSession, *, now: datetime) -> None:
    """Remove the bytes of a session that ended without a file, and only then call it finished."""
    try:
        parts_of(session).discard()
    except (StorageFailed, OSError):
        log.warning("The parts of %s are still there; the sweep tries again", session.pk)
        return
    UploadSession.objects.filter(pk=session.pk, finished_at=None).update(finished_at=now)


def tell(session: UploadSession, reason: str) -> None:
    """Write into the project's activity what nobody waits to hear: it became no file."""
    Event.objects.record(
        "upload.failed",
        project=session.project,
        actor="system",
        subject=session.original_filename,
        subject_id=session.pk,
        data={"reason": reason},
    )


def is_at_rest() -> Q:
    """Nobody is at it, also if it waits to be completed."""
    return is_waiting() | Q(state=State.OPEN)


def is_waiting() -> Q:
    """It is to be completed, and no living process holds it."""
    lapsed = Q(lease_until=None) | Q(lease_until__lt=db_now())
    return lapsed & Q(state=State.COMPLETING)
