"""Multipart uploads: begun, sent part by part, completed."""

import re
import uuid
from collections.abc import Iterator
from typing import Protocol

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from storages_app.lib.crashpoints import crashpoint
from storages_app.lib.filenames import base_name
from storages_app.models import File, Project, UploadPart, UploadSession
from storages_app.uploads import completing, quotas, validation
from storages_app.uploads import multipart_errors as errors
from storages_app.uploads.errors import AlreadyUploaded, FormMalformed, UploadRefused
from storages_app.uploads.parts import parts_for_new, parts_of
from storages_app.uploads.parts.local import LocalParts, PartsBusy
from storages_app.uploads.quotas import Quota
from ucdash.celery import wake

State = UploadSession.State

MIN_SIZE = 10_485_760  # below it a direct upload is asked for, as by the wire
MAX_SIZE = 5 * 1024**4  # what one object of S3 can have
MIN_PART_SIZE = 5_242_880
MAX_PART_SIZE = 5_368_709_120
MAX_PARTS = 10_000

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_CHUNK = 256 * 1024


class Body(Protocol):
    """What a request is read by."""

    def read(self, size: int, /) -> bytes: ...


# --- Beginning ---------------------------------------------------------------------------------


def start(
    *,
    project: Project,
    filename: str,
    content_type: str,
    size: str,
    part_size: str,
    store: str,
    metadata: dict[str, str],
    is_signed: bool | None = None,
) -> tuple[UploadSession, list[str]]:
    """Begin a multipart upload; returns it with the addresses of its parts, in their order.

    `size` and `part_size` are as the client wrote them; an empty `part_size` is the smallest.
    """
    validation.check_open(project)
    n_bytes = _size_of(size, project)
    n_in_part = _part_size_of(part_size, n_bytes)
    now = timezone.now()
    quotas.require_room(
        project, Quota(project.max_files, project.max_bytes), n_files=1, n_bytes=n_bytes
    )
    session = UploadSession(
        project=project,
        original_filename=base_name(filename),
        mime_type=validation.declared_type(content_type),
        size=n_bytes,
        part_size=n_in_part,
        store=store.strip()[:10],
        metadata=validation.check_metadata(metadata.items()),
        is_signed=is_signed,
        created_at=now,
        expires_at=now + settings.UPLOAD_SESSIONS_LIVE,
    )
    parts = parts_for_new(session)
    session.upload_id = parts.begin()
    crashpoint("upload_session_begun")
    session.save(force_insert=True)
    return session, [parts.url(number) for number in range(1, session.n_parts + 1)]


def _size_of(text: str, project: Project) -> int:
    if not _WHOLE_NUMBER.fullmatch(text):
        raise errors.SizeInvalid
    size = int(text)
    if size < MIN_SIZE:
        raise errors.SizeTooSmall(MIN_SIZE)
    limit = MAX_SIZE if project.max_upload_size is None else project.max_upload_size
    if size > min(limit, MAX_SIZE):
        raise errors.SizeTooLarge
    return size


def _part_size_of(text: str, size: int) -> int:
    if not _WHOLE_NUMBER.fullmatch(text or str(MIN_PART_SIZE)):
        raise errors.PartSizeInvalid
    part_size = int(text or MIN_PART_SIZE)
    if part_size > MAX_PART_SIZE:
        raise errors.PartSizeTooBig(MAX_PART_SIZE)
    least = max(MIN_PART_SIZE, -(-size // MAX_PARTS))
    if part_size < least:
        raise errors.PartSizeTooSmall(least)
    return part_size


# --- A part ------------------------------------------------------------------------------------


def receive_part(*, session_uuid: uuid.UUID, number: int, length: int | None, body: Body) -> str:
    """Take one part from a client that was given its address; returns its SHA-256.

    A part may come again, and then counts as it came last. Who began to send it last is its
    writer: only the writer's end is noted, so a part that was cut off is never taken for whole.
    """
    session = _open_session(session_uuid)
    if session.upload_id or not 1 <= number <= session.n_parts:
        raise errors.PartUrlRefused
    expected = session.size_of_part(number)
    if length != expected:
        raise errors.PartLengthWrong(expected)
    parts = LocalParts(session)
    parts.let_writers_in(is_open=lambda: _is_open(session))
    writer = _become_writer(session, number)
    sha256 = parts.write(number, _read_exactly(body, expected))
    crashpoint("upload_part_written")
    noted = session.parts.filter(number=number, writer=writer, session__state=State.OPEN)
    if not noted.update(sha256=sha256, received_at=timezone.now()):
        _open_session(session_uuid)  # says it better if it can
        raise errors.PartSuperseded
    return sha256


def _open_session(session_uuid: uuid.UUID) -> UploadSession:
    session = UploadSession.objects.select_related("project").filter(pk=session_uuid).first()
    if session is None or session.project.removed_at or session.expires_at <= timezone.now():
        raise errors.PartUrlRefused
    if session.state == State.DONE:
        raise AlreadyUploaded
    if session.state == State.COMPLETING:
        raise errors.PartsClosed
    if session.state != State.OPEN:
        raise errors.PartUrlRefused
    return session


def _is_open(session: UploadSession) -> bool:
    return UploadSession.objects.filter(pk=session.pk, state=State.OPEN).exists()


def _become_writer(session: UploadSession, number: int) -> uuid.UUID:
    """From now on the part is not there, until this request has sent all of it."""
    writer = uuid.uuid4()
    UploadPart.objects.bulk_create(
        [UploadPart(session=session, number=number, writer=writer, sha256="", received_at=None)],
        update_conflicts=True,
        unique_fields=["session", "number"],
        update_fields=["writer", "sha256", "received_at"],
    )
    return writer


def _read_exactly(body: Body, length: int) -> Iterator[bytes]:
    while length:
        try:
            chunk = body.read(min(_CHUNK, length))
        except OSError as error:  # the client went away
            raise FormMalformed("The connection broke before the part had come.") from error
        if not chunk:
            raise FormMalformed("The body is shorter than its Content-Length.")
        yield chunk
        length -= len(chunk)


# --- Completing --------------------------------------------------------------------------------


def complete(*, project: Project, session_uuid: uuid.UUID) -> File | UploadSession:
    """Make the parts a file. A session is returned where somebody is at it: the file will come.

    Asking again is harmless: the same file is the answer. Large ones are left to a worker.
    """
    session = (
        UploadSession.objects.select_related("project")
        .filter(project=project, pk=session_uuid)
        .first()
    )
    if session is None:
        raise _unknown(project, session_uuid)
    if session.state == State.OPEN:
        validation.check_open(project)
        if session.expires_at <= timezone.now():
            raise errors.SessionMissing
        parts_of(session).require_all()
    elif session.state != State.COMPLETING:
        return _standing(session)
    if session.size > settings.COMPLETE_IN_REQUEST:
        _leave_to_worker(session)
        return _standing(session)
    return _complete_here(session)


def find_completing(*, project: Project, session_uuid: uuid.UUID) -> UploadSession | None:
    """A session whose file is on its way, as `/info/` tells of it."""
    return UploadSession.objects.filter(
        project=project, pk=session_uuid, state=State.COMPLETING
    ).first()


def _unknown(project: Project, session_uuid: uuid.UUID) -> UploadRefused:
    is_file = File.objects.filter(project=project, pk=session_uuid, removed_at=None).exists()
    return AlreadyUploaded() if is_file else errors.SessionMissing()


def _leave_to_worker(session: UploadSession) -> None:
    with transaction.atomic():
        if completing.order(session):
            transaction.on_commit(lambda: wake("uploads.complete"))


def _complete_here(session: UploadSession) -> File | UploadSession:
    hold = completing.claim(session)
    if hold is None:
        return _standing(session)
    try:
        return completing.put_together(hold)
    except (completing.LostSession, PartsBusy):
        return _standing(session)
    except Exception:
        # The client hears of it and may ask again; where even this fails, a worker takes over.
        _let_ask_again(hold)
        raise


def _let_ask_again(hold: completing.Hold) -> None:
    try:
        hold.reopen()
    except (completing.LostSession, DatabaseError):
        return


def _standing(session: UploadSession) -> File | UploadSession:
    """What has become of the session by now: the file, or the session while somebody is at it."""
    session.refresh_from_db()
    if session.state == State.COMPLETING:
        return session
    if session.state == State.OPEN:  # another request was at it, and was refused
        raise errors.PartsWrong
    file = File.objects.filter(pk=session.pk, removed_at=None).first()
    if file is None:
        raise errors.SessionMissing
    return file
