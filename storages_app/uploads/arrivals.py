"""Received bytes become files: the bytes first, durable, then the rows with the copies they cause.

All ways in end here. A process that dies between the two leaves bytes without a row, which the
sweep removes, and never a row without bytes.
"""

import contextlib
import logging
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.db import models, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from storages_app.copying import services as copying
from storages_app.imaging.limits import LIMITS
from storages_app.lib import disk
from storages_app.lib.crashpoints import crashpoint
from storages_app.lib.errors import UcdashError
from storages_app.lib.filenames import base_name
from storages_app.library.inspection import inspect
from storages_app.models import CustomStorage, File, Project, Webhook
from storages_app.models.prepared import Bound, Prepared, PreparedInsert
from storages_app.uploads import errors, quotas, validation
from storages_app.uploads.orders import blob_name_for
from storages_app.uploads.quotas import Quota
from storages_app.uploads.receiving import TEMPORARY_PREFIX, TemporaryBytes, Upload
from storages_app.uploads.sniffing import detect_type, sniff
from storages_app.webhooks.announcing import announce

log = logging.getLogger(__name__)

BeforeCommit = Callable[[File], None]

_MICROSECOND = timedelta(microseconds=1)
_TIME_TRIES = 1_000
_STORE = {"1", "true"}
_DO_NOT_STORE = {"0", "false"}


@dataclass(frozen=True)
class _Arrival:
    """What is about to become a file; its bytes are, or soon will be, in the upload storage."""

    uuid: uuid.UUID
    upload: Upload
    detected_type: str
    content_info: dict[str, Any]
    is_ours_alone: bool = True  # nobody else can know its UUID, so its bytes may be removed

    @property
    def blob_name(self) -> str:
        return blob_name_for(self.uuid)


def arrive(
    *,
    project: Project,
    path: Path,
    name: str,
    declared_type: str,
    size: int,
    sha256: str,
    md5: str,
    store: str,
    metadata: dict[str, str],
    file_uuid: uuid.UUID | None = None,
    before_commit: BeforeCommit | None = None,
) -> File:
    """Make the complete local file at `path` a file of `project`, or raise an UploadRefused.

    `before_commit` is called with the new row inside the transaction that writes it, so what else
    ends with this upload is written with it or not at all; what it raises undoes the row.
    `path` is moved away where the upload storage is on the same disk; the caller removes what is
    left of it. ImagingBusy means that the same call may succeed later.

    If the row cannot be written the bytes are removed again, unless the caller chose `file_uuid`:
    then another try may need them, or another worker may have finished this one, so they stay for
    `adopt`, and the sweep takes what nobody adopts. AlreadyUploaded: such a file is there.
    """
    upload = Upload(
        field_name="",
        name=base_name(name),
        declared_type=declared_type,
        path=path,
        size=size,
        sha256=sha256,
        md5=md5,
    )
    metadata = validation.check_metadata(metadata.items())
    validation.check_size(project, size)
    arrival = _inspect(project, upload, file_uuid)
    _keep_bytes([arrival])
    return _commit(project, [arrival], store, metadata, before_commit)[0]


def arrive_all(
    *,
    project: Project,
    uploads: list[Upload],
    store: str,
    metadata: dict[str, str],
    file_uuids: list[uuid.UUID] | None = None,
) -> list[File]:
    """Make all of them files of `project`, or none; of `file_uuids` the same holds as above."""
    validation.check_open(project)
    metadata = validation.check_metadata(metadata.items())
    for upload in uploads:
        validation.check_size(project, upload.size)
    chosen: Sequence[uuid.UUID | None] = file_uuids or [None] * len(uploads)
    arrivals = [_inspect(project, upload, one) for upload, one in zip(uploads, chosen, strict=True)]
    _keep_bytes(arrivals)
    return _commit(project, arrivals, store, metadata)


def adopt(
    *,
    project: Project,
    file_uuid: uuid.UUID,
    head: bytes,
    name: str,
    declared_type: str,
    size: int,
    sha256: str,
    md5: str,
    store: str,
    metadata: dict[str, str],
    before_commit: BeforeCommit | None = None,
) -> File:
    """Make bytes that are in the upload storage already a file; they lie under `blob_name_for`.

    `head` is the first `sniffing.HEAD` bytes of them. As `arrive`, but the bytes stay whatever
    happens: only the caller knows who else may want them, and the sweep takes what gets no row.
    """
    metadata = validation.check_metadata(metadata.items())
    validation.check_size(project, size)
    detected_type = sniff(head)
    validation.check_type(project, detected_type)
    upload = Upload(
        field_name="",
        name=base_name(name),
        declared_type=declared_type,
        path=Path(),
        size=size,
        sha256=sha256,
        md5=md5,
    )
    content_info = _inspect_stored(blob_name_for(file_uuid), size, detected_type)
    arrival = _Arrival(file_uuid, upload, detected_type, content_info, is_ours_alone=False)
    return _commit(project, [arrival], store, metadata, before_commit)[0]


def _inspect(project: Project, upload: Upload, file_uuid: uuid.UUID | None = None) -> _Arrival:
    try:
        detected_type = detect_type(upload.path)
    except FileNotFoundError as error:
        raise errors.TookTooLong from error
    validation.check_type(project, detected_type)
    content_info = inspect(upload.path, detected_type)
    return _Arrival(
        uuid=file_uuid or uuid.uuid4(),
        upload=upload,
        detected_type=detected_type,
        content_info=content_info,
        is_ours_alone=file_uuid is None,
    )


def _inspect_stored(blob_name: str, size: int, detected_type: str) -> dict[str, Any]:
    """As `inspect`, of bytes that are not on this disk; what is too large is no image anyway."""
    if not detected_type.startswith("image/") or size > LIMITS.source_bytes:
        return inspect(None, detected_type)
    with tempfile.NamedTemporaryFile(
        prefix=TEMPORARY_PREFIX, dir=settings.FILE_UPLOAD_TEMP_DIR
    ) as local:
        with faults_told(), storages["uploads"].open(blob_name) as original:
            shutil.copyfileobj(original, local, length=1024 * 1024)
            local.flush()
        return inspect(Path(local.name), detected_type)


def _keep_bytes(arrivals: list[_Arrival]) -> None:
    """Write all into the upload storage; when this returns a power cut does not lose them."""
    crashpoint("upload_received")
    kept: list[_Arrival] = []
    try:
        for arrival in arrivals:
            kept.append(arrival)
            with faults_told(), TemporaryBytes(arrival.upload.path) as content:
                storages["uploads"].save(arrival.blob_name, content)
            crashpoint("upload_one_written")
    except Exception:
        _remove_bytes(kept)
        raise
    crashpoint("upload_bytes_written")


@contextlib.contextmanager
def faults_told() -> Iterator[None]:
    """A storage may be of any class, and what it raises is its own: here it gets our words."""
    try:
        yield
    except UcdashError:
        raise
    except Exception as error:
        if disk.is_full(error):
            raise errors.DiskFull from error
        log.exception("The upload storage failed")
        raise errors.StorageFailed from error


def _remove_bytes(arrivals: list[_Arrival]) -> None:
    """Take back what no row names; what cannot be removed now is left to the sweep."""
    for arrival in arrivals:
        if arrival.is_ours_alone:
            # Whatever a storage raises, the fault that led here is the one to tell.
            with contextlib.suppress(Exception):
                storages["uploads"].delete(arrival.blob_name)


def _commit(
    project: Project,
    arrivals: list[_Arrival],
    store: str,
    metadata: dict[str, str],
    before_commit: BeforeCommit | None = None,
) -> list[File]:
    may_be_committed = False
    try:
        with transaction.atomic():
            files = _write_rows(project, arrivals, store, metadata, before_commit)
            crashpoint("upload_before_commit")
            may_be_committed = True  # a commit that fails may have lost its answer, not the rows
    except Exception:
        if not may_be_committed:
            _remove_bytes(arrivals)
        raise
    crashpoint("upload_committed")
    return files


def _write_rows(
    project: Project,
    arrivals: list[_Arrival],
    store: str,
    metadata: dict[str, str],
    before_commit: BeforeCommit | None,
) -> list[File]:
    has_storages, has_webhooks, quota = _look_again(project)
    if quota.is_limited:
        quotas.hold(project)
    is_stored = _is_stored(project, store)
    files = [_insert(project, arrival, is_stored, metadata) for arrival in arrivals]
    if quota.is_limited:
        quotas.require_room(project, quota)
    for file in files:
        if has_storages:
            copying.order_copies_of_new_file(file=file)
        if before_commit:
            before_commit(file)
    if has_webhooks:
        announce("file.uploaded", files, project_id=project.pk)
        announce("file.stored", files if is_stored else [], project_id=project.pk)
    return files


def _look_again(project: Project) -> tuple[bool, bool, Quota]:
    """Whether it has storages that may want copies, and webhooks that may want to hear of files,
    and what it may keep; ProjectRemoved if it went while the file came, UploadsPaused if it
    takes no files by now.

    A project without them is spared the queries that find out which want this file.
    """
    found = _WHO_WANTS_FILES.rows(project=project.pk)
    if not found:
        raise errors.ProjectRemoved(project.public_key)
    has_storages, has_webhooks, uploads_paused_at, *limits = found[0]
    if uploads_paused_at is not None:
        raise errors.UploadsPaused
    return bool(has_storages), bool(has_webhooks), Quota(*limits)


def _who_wants_files() -> "models.QuerySet[Project, tuple[Any, ...]]":
    storages = CustomStorage.objects.filter(project=OuterRef("pk"), removed_at=None)
    webhooks = Webhook.objects.listening().filter(project=OuterRef("pk"))
    live = Project.objects.live().filter(pk=Bound("project", Project._meta.pk))
    wanted = Exists(storages), Exists(webhooks)
    return live.values_list(*wanted, "uploads_paused_at", "max_files", "max_bytes")


_WHO_WANTS_FILES = Prepared(_who_wants_files)
_FILES = PreparedInsert(File)


def _is_stored(project: Project, store: str) -> bool:
    if store.lower() in _STORE:
        return True
    return project.stores_by_default and store.lower() not in _DO_NOT_STORE


def _insert(project: Project, arrival: _Arrival, is_stored: bool, metadata: dict[str, str]) -> File:
    """Write the row; its time is moved by a microsecond where another file has the same."""
    moment = timezone.now()
    for _ in range(_TIME_TRIES):
        file = _row(project, arrival, is_stored, metadata, moment)
        if _FILES.add(file):
            return file
        if File.objects.filter(pk=arrival.uuid).exists():
            raise errors.AlreadyUploaded
        moment += _MICROSECOND
    raise errors.UploadRefused("Too many files came at the same moment. Try again.")


def _row(
    project: Project,
    arrival: _Arrival,
    is_stored: bool,
    metadata: dict[str, str],
    moment: datetime,
) -> File:
    upload = arrival.upload
    return File(
        uuid=arrival.uuid,
        project=project,
        original_filename=upload.name,
        blob_name=arrival.blob_name,
        size=upload.size,
        sha256=upload.sha256,
        md5=upload.md5,
        mime_type=validation.declared_type(upload.declared_type),
        detected_type=arrival.detected_type,
        is_image="image" in arrival.content_info,
        content_info=arrival.content_info,
        metadata=metadata,
        is_signed=upload.is_signed,
        is_ready=True,
        uploaded_at=moment,
        stored_at=moment if is_stored else None,
        expires_at=None if is_stored else moment + settings.UNSTORED_FILES_LIVE,
    )
