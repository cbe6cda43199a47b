"""From bytes to a row: what a restored file becomes, decided when it is written down.

Between the dry run and now somebody may have uploaded, removed or restored the same file, so the
rows are asked once more, under their locks.
"""

import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.core.files.storage import storages
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from storages_app.copying import orders
from storages_app.copying import services as copying
from storages_app.models import BackupPlan, CopyJob, File, Reason, RestoreItem, RestoreRun
from storages_app.models.copy_jobs import RUNNING_STATES, State
from storages_app.restores.fetching import Kept
from storages_app.restores.lines import Line
from storages_app.webhooks.announcing import announce

Plan, ItemState = RestoreItem.Plan, RestoreItem.State
_MICROSECOND = timedelta(microseconds=1)


def write_down(run: RestoreRun, item: RestoreItem, line: Line, kept: Kept) -> bool:
    """Give restored bytes their row, in the caller's transaction; False if they are not wanted.

    Sets `state` and `reason` of the item, which the caller saves.
    """
    file_uuid = item.new_uuid or item.uuid
    known = File.objects.select_for_update().filter(pk=file_uuid).first()
    refusal = _refusal(run, item, line, known)
    if refusal is not None:
        item.state, item.reason = refusal
        return False
    file = known or File(uuid=file_uuid, project_id=run.project_id)
    outlived, was_here = file.blob_name, known is not None and not known.is_removed
    was_same = known is not None and known.sha256 == line.sha256
    for name, value in _values(run, line, kept, file_uuid).items():
        setattr(file, name, value)
    file.save(force_insert=known is None)
    _order_copies(run, item, file, line, kept, was_same=was_same, is_new=known is None)
    if not was_here:
        _announce(file, is_new=known is None)
    if outlived:
        transaction.on_commit(lambda: storages["uploads"].delete(outlived), robust=True)
    item.state, item.reason = ItemState.DONE, ""
    return True


def _refusal(
    run: RestoreRun, item: RestoreItem, line: Line, known: File | None
) -> tuple[RestoreItem.State, str] | None:
    """Why this file is not written after all; None if it is."""
    if known is None or (known.project_id == run.project_id and known.is_removed):
        return None
    if known.project_id != run.project_id:
        return ItemState.SKIPPED, "uuid_of_other_project"
    if (known.size, known.sha256) == (line.size, line.sha256):
        return None if item.plan == Plan.HEAL else (ItemState.DONE, "")
    if item.plan == Plan.TAKEN and run.on_taken == RestoreRun.OnTaken.REPLACE:
        return None
    return ItemState.SKIPPED, "uuid_taken"


def _values(run: RestoreRun, line: Line, kept: Kept, file_uuid: uuid.UUID) -> dict[str, Any]:
    now = timezone.now()
    return {
        "original_filename": line.original_filename,
        "blob_name": kept.blob_name,
        "size": line.size,
        "sha256": line.sha256,
        "md5": line.md5,
        "mime_type": line.mime_type,
        "detected_type": kept.detected_type,
        "is_image": "image" in kept.content_info,
        "content_info": kept.content_info,
        "metadata": line.metadata,
        "appdata": line.appdata,
        "is_ready": True,
        "uploaded_at": _free_moment(run, min(line.uploaded_at, now), file_uuid),
        # A backup has stored files only.
        # None is from the future, which no run would cover and no gap would tell of.
        "stored_at": min(line.stored_at or now, now),
        "expires_at": None,
        "removed_at": None,
        "bytes_removed_at": None,
    }


def _free_moment(run: RestoreRun, moment: datetime, file_uuid: uuid.UUID) -> datetime:
    """The time of the upload, moved by microseconds where another file of the project has it.

    Thousands of files may have been of one moment. Looking for the first free one would ask for
    all of theirs each time; a jump that grows finds one in a few steps.
    """
    others = File.objects.filter(project_id=run.project_id).exclude(pk=file_uuid)
    free, reach = moment, 1
    while others.filter(uploaded_at=free).exists():
        free = moment + (1 + secrets.randbelow(reach)) * _MICROSECOND
        reach *= 16
    return free


def _announce(file: File, *, is_new: bool) -> None:
    """To whoever was told that it was deleted it is kept again; elsewhere it is a new file.

    One that was here all the time is told of to nobody, as its event comes once a file.
    """
    if is_new:
        announce("file.uploaded", [file], project_id=file.project_id)
    announce("file.stored", [file], project_id=file.project_id)


# --- The ledger --------------------------------------------------------------------------------


def _order_copies(
    run: RestoreRun,
    item: RestoreItem,
    file: File,
    line: Line,
    kept: Kept,
    *,
    was_same: bool,
    is_new: bool,
) -> None:
    """The copy that was just read is done; others are ordered as for any new file."""
    if not is_new:
        _ask_again(file, was_same=was_same)
    if item.new_uuid is None and _is_own_storage(run):
        _adopt(run, item, file, line, kept)
    copying.order_copies_of_new_file(file=file)


def _ask_again(file: File, *, was_same: bool) -> None:
    """Copies that the removal dropped; and after other bytes, all that the ledger says."""
    copies = CopyJob.objects.filter(file=file, custom_storage__removed_at=None)
    dropped = Q(state=State.CANCELLED, reason=Reason.FILE_DELETED) | Q(reason=Reason.SOURCE_MISSING)
    orders.reopen(
        copies.filter(dropped) if was_same else copies,
        lane=CopyJob.Lane.BULK,
        asked_by="restore",
    )
    if not was_same:
        # A copy that is under way has the old bytes: it proves nothing, and is made again.
        copies.running().update(fence=F("fence") + 1)
    # What the backup's records say of the file is out of date: it was dropped from them.
    copies.update(record=None)


def _is_own_storage(run: RestoreRun) -> bool:
    storage = run.custom_storage
    return storage.project_id == run.project_id and not storage.is_draft and not storage.removed_at


def _adopt(run: RestoreRun, item: RestoreItem, file: File, line: Line, kept: Kept) -> None:
    """Write down that this file is in this bucket: its bytes have just been read from there.

    Not so where an older version had to be read: what is there now is something else.
    """
    if kept.version_id:
        return
    now = timezone.now()
    is_backup = BackupPlan.objects.filter(
        project_id=run.project_id, custom_storage_id=run.custom_storage_id
    ).exists()
    values: dict[str, Any] = {
        "state": State.DONE,
        "reason": Reason.ALREADY_THERE,
        "detail": "",
        "size": line.size,
        "sha256": line.sha256,
        "content_type": file.detected_type,
        "evidence": "read_back",
        "evidence_checksum": f"sha256:{line.sha256}",
        "version_id": "",
        "run_after": None,
        "verified_at": now,
        "finished_at": now,
        "is_backup": is_backup,
        "record": None,
    }
    same = {"custom_storage": run.custom_storage, "effects": "", "key": item.key, "file": file}
    if CopyJob.objects.filter(**same).exclude(state__in=RUNNING_STATES).update(**values):
        return
    if not CopyJob.objects.filter(**same).exists():
        CopyJob.objects.create(
            project_id=run.project_id,
            on_clash=run.custom_storage.on_clash,
            lane=CopyJob.Lane.BACKUP,
            asked_by=f"restore {run.pk}",
            **same,
            **values,
        )
