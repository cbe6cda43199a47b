"""Put large multipart uploads together, and sweep away what broken uploads left."""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import Storage, storages

from storages_app.lib import shortage
from storages_app.models import File
from storages_app.uploads import completing, session_sweep
from storages_app.uploads.errors import UploadRefused
from storages_app.uploads.local_storage import INCOMING, DurableFileSystemStorage
from storages_app.uploads.multipart_errors import PartsWrong
from storages_app.uploads.orders import FOLDERS
from storages_app.uploads.receiving import TEMPORARY_PREFIX

log = logging.getLogger(__name__)

# No upload takes longer between its last byte and its row.
GRACE = timedelta(hours=1)
_BATCH = 500
_WAIT_AFTER_FAULT = timedelta(minutes=1)


def complete_sessions() -> None:
    """Make files of the multipart uploads that wait for a worker."""
    while hold := completing.claim_next():
        _complete(hold)


def _complete(hold: completing.Hold) -> None:
    try:
        completing.put_together(hold)
    except completing.LostSession:
        log.info("Session %s went to another worker", hold.session.pk)
    except (PartsWrong, *completing.FOR_GOOD) as refusal:
        completing.tell(hold.session, refusal.code)
    except UploadRefused as refusal:  # a full disk, an upload storage that is away
        log.warning("Session %s was not completed: %s", hold.session.pk, refusal.code)
        hold.give_back(wait=_WAIT_AFTER_FAULT)
    except Exception as error:
        shortage.note(error)
        log.exception("Session %s is tried again in %s", hold.session.pk, _WAIT_AFTER_FAULT)
        hold.give_back(wait=_WAIT_AFTER_FAULT)


def sweep(*, now: datetime, grace: timedelta = GRACE) -> int:
    """Remove leftovers older than `grace`; returns how many."""
    session_sweep.end_late_sessions(now=now)
    session_sweep.abort_stray_uploads(now=now)
    session_sweep.forget_sessions(now=now)
    n_swept = _sweep_temporary_files(now - grace) + _sweep_blobs(now - grace)
    if n_swept:
        log.info("Swept %d leftovers of broken uploads", n_swept)
    return n_swept


def _sweep_temporary_files(before: datetime) -> int:
    places: list[Iterable[Path]] = [
        Path(settings.FILE_UPLOAD_TEMP_DIR).glob(f"{TEMPORARY_PREFIX}*"),
        session_sweep.stray_files(),
    ]
    if isinstance(storages["uploads"], DurableFileSystemStorage):
        places.append((Path(storages["uploads"].location) / INCOMING).glob("*"))
    return sum(_remove_if_old(path, before) for place in places for path in place)


def _remove_if_old(path: Path, before: datetime) -> bool:
    try:
        if path.lstat().st_mtime >= before.timestamp():
            return False
        path.unlink()
    except FileNotFoundError:  # its request has just ended
        return False
    return True


def _sweep_blobs(before: datetime) -> int:
    """Originals without a row. The listing comes first: a row that commits later is not missed."""
    storage = storages["uploads"]
    n_swept = 0
    for names in _batches(storage):
        with_row = set(File.objects.filter(blob_name__in=names).values_list("blob_name", flat=True))
        for name in sorted(names - with_row):
            n_swept += _delete_if_old(storage, name, before)
    return n_swept


def _batches(storage: Storage) -> Iterator[set[str]]:
    for folder in FOLDERS:
        try:
            _, leaves = storage.listdir(folder)
        except FileNotFoundError:
            continue
        names = [f"{folder}/{leaf}" for leaf in leaves]
        for start in range(0, len(names), _BATCH):
            yield set(names[start : start + _BATCH])


def _delete_if_old(storage: Storage, name: str, before: datetime) -> bool:
    """Young bytes may be those of an upload whose row is about to be written."""
    try:
        if storage.get_modified_time(name) >= before:
            return False
        # Asked again, right before the deletion: the row may have come since the listing.
        if File.objects.filter(blob_name=name).exists() or session_sweep.is_needed(name):
            return False
        storage.delete(name)
    except FileNotFoundError:
        return False
    return True
