"""What the page of one file tells beyond its row."""

import mimetypes
from dataclasses import dataclass
from pathlib import PurePosixPath

from storages_app.custom_storages.connect import object_url
from storages_app.dashboard.reasons import Explanation, explain
from storages_app.models import BackupRun, CopyJob, CustomStorage, File, Group, WebhookDelivery
from storages_app.objectstores.errors import ObjectStoreError
from storages_app.reconciliation.by_hand import IN_BUCKET

_N_GROUPS = 10
_N_DELIVERIES = 10


@dataclass(frozen=True)
class CopyRow:
    """One copy, why it is not there, and what one may do about it."""

    job: CopyJob
    reason: Explanation | None
    https_url: str

    @property
    def is_connected(self) -> bool:
        return self.job.custom_storage.removed_at is None

    @property
    def is_in_bucket(self) -> bool:
        return self.is_connected and self.job.state in IN_BUCKET

    @property
    def is_proved(self) -> bool:
        return self.is_connected and self.job.state == "done"

    @property
    def is_public(self) -> bool:
        modes = CustomStorage.PublicMode
        mode = self.job.custom_storage.public_mode
        return mode == modes.POLICY or (mode == modes.ACL and self.job.is_public)

    @property
    def is_as_original(self) -> bool:
        """The bytes that were proved are those of the file."""
        return not self.job.effects and self.job.sha256 == self.job.file.sha256


def copy_rows(file: File) -> list[CopyRow]:
    """All copies of a file, the backup's first."""
    jobs = file.copy_jobs.select_related("custom_storage", "file").order_by("-is_backup", "-pk")
    return [CopyRow(job, explain(job), _https_url(job)) for job in jobs]


def _https_url(job: CopyJob) -> str:
    try:
        return object_url(job.custom_storage, job.key)
    except ObjectStoreError:  # settings that lead nowhere
        return ""


def odd_extension(file: File) -> str:
    """What the name says that the file is, where its bytes say something else."""
    suffix = PurePosixPath(file.original_filename).suffix.lower()
    said, _ = mimetypes.guess_type(f"x{suffix}")
    if said is None or said == file.detected_type:
        return ""
    return "" if suffix in mimetypes.guess_all_extensions(file.detected_type) else suffix


def groups_of(file: File) -> list[str]:
    """The names of the newest groups that hold the file."""
    found = Group.objects.filter(members__file=file, removed_at=None).distinct()
    return [group.wire_id for group in found.order_by("-created_at")[:_N_GROUPS]]


def deliveries_about(file: File) -> list[WebhookDelivery]:
    """What webhooks were told of it last."""
    about = WebhookDelivery.objects.filter(subject_id=str(file.pk))
    about = about.filter(webhook__project=file.project_id).select_related("webhook")
    return list(about.order_by("-created_at")[:_N_DELIVERIES])


def newest_manifest(rows: list[CopyRow]) -> BackupRun | None:
    """The newest run that wrote a manifest, if a backup has the file."""
    storages = [row.job.custom_storage_id for row in rows if row.job.is_backup]
    if not storages:
        return None
    runs = BackupRun.objects.filter(plan__custom_storage__in=storages)
    return runs.exclude(manifest_sha256="").order_by("-pk").first()
