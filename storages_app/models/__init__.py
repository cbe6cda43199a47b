"""The data: one file per noun."""

from storages_app.models.backups import BackupPlan, BackupRun, BackupSegment
from storages_app.models.bulk_jobs import BulkItem, BulkJob
from storages_app.models.copy_allowances import CopyAllowance
from storages_app.models.copy_jobs import CopyJob, Reason
from storages_app.models.custom_storages import (
    AccessChange,
    ConnectionTest,
    CustomStorage,
    Finding,
)
from storages_app.models.events import Event
from storages_app.models.files import File
from storages_app.models.groups import Group, GroupMember
from storages_app.models.hand_offs import HandOff
from storages_app.models.heartbeats import TimetableSlot, WorkerHeartbeat
from storages_app.models.idempotency_keys import IdempotencyKey
from storages_app.models.invitations import Invitation
from storages_app.models.notifications import Incident, NotificationChannel, NotificationDelivery
from storages_app.models.projects import Membership, Project, SecretKey
from storages_app.models.reconciliations import Difference, Reconciliation
from storages_app.models.restores import RestoreItem, RestoreRun
from storages_app.models.tallies import Tally
from storages_app.models.upload_sessions import UploadPart, UploadSession
from storages_app.models.url_uploads import UrlUpload
from storages_app.models.users import User
from storages_app.models.webhooks import Webhook, WebhookDelivery

__all__ = [
    "AccessChange",
    "BackupPlan",
    "BackupRun",
    "BackupSegment",
    "BulkItem",
    "BulkJob",
    "ConnectionTest",
    "CopyAllowance",
    "CopyJob",
    "CustomStorage",
    "Difference",
    "Event",
    "File",
    "Finding",
    "Group",
    "GroupMember",
    "HandOff",
    "IdempotencyKey",
    "Incident",
    "Invitation",
    "Membership",
    "NotificationChannel",
    "NotificationDelivery",
    "Project",
    "Reason",
    "Reconciliation",
    "RestoreItem",
    "RestoreRun",
    "SecretKey",
    "Tally",
    "TimetableSlot",
    "UploadPart",
    "UploadSession",
    "UrlUpload",
    "User",
    "Webhook",
    "WebhookDelivery",
    "WorkerHeartbeat",
]
