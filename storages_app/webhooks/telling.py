"""What events say of files, copies, storages and backup runs; no secrets, no signed addresses."""

from typing import Any

from storages_app.models import BackupRun, CopyJob, CustomStorage, File
from storages_app.webhooks.registry import Told
from storages_app.webhooks.shapes import file_object, original_url, timestamp


def of_file(file: File) -> Told:
    return Told(data=file_object(file), subject_id=str(file.pk), file=original_url(file))


def of_copy(job: CopyJob) -> Told:
    is_done = job.state == "done"
    data: dict[str, Any] = {
        "id": job.pk,
        "state": job.state,
        "reason": job.reason or None,
        "uuid": str(job.file_id),
        "original_filename": job.file.original_filename,
        "effects": job.effects,
        "custom_storage": {"id": str(job.custom_storage_id), "name": job.custom_storage.name},
        "url": job.url,
        "size": job.size if is_done else None,
        "sha256": job.sha256 if is_done else None,
        "evidence": job.evidence if is_done else None,
        "asked_by": job.asked_by,
    }
    return Told(data=data, subject_id=str(job.file_id), file=original_url(job.file))


def of_storage(custom_storage: CustomStorage) -> Told:
    # A row of its own: the caller's may hold what is not saved yet.
    custom_storage = CustomStorage.objects.get(pk=custom_storage.pk)
    data = {
        "id": str(custom_storage.pk),
        "name": custom_storage.name,
        "state": custom_storage.state,
        "reason": custom_storage.circuit_reason or None,
        "broken_since": timestamp(custom_storage.circuit_opened_at),
    }
    return Told(data=data, subject_id=str(custom_storage.pk))


def of_backup_run(run: BackupRun) -> Told:
    data = {
        "id": run.pk,
        "state": run.state,
        "reason": run.reason or None,
        "started_at": timestamp(run.started_at),
        "finished_at": timestamp(run.finished_at),
        "files": run.n_files,
        "new": run.n_new,
        "missing": run.n_gaps,
        "bytes": run.n_bytes,
        "manifest": run.manifest_key or None,
    }
    return Told(data=data, subject_id=str(run.pk))
