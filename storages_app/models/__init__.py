"""The data: one file per noun."""

from storages_app.models.backups import BackupPlan, BackupRun
from storages_app.models.copy_jobs import CopyJob, Reason
from storages_app.models.custom_storages import ConnectionTest, CustomStorage, Finding
from storages_app.models.events import Event
from storages_app.models.files import File
from storages_app.models.heartbeats import TimetableSlot, WorkerHeartbeat
from storages_app.models.projects import Membership, Project, SecretKey
from storages_app.models.users import User

__all__ = [
    "BackupPlan",
    "BackupRun",
    "ConnectionTest",
    "CopyJob",
    "CustomStorage",
    "Event",
    "File",
    "Finding",
    "Membership",
    "Project",
    "Reason",
    "SecretKey",
    "TimetableSlot",
    "User",
    "WorkerHeartbeat",
]
