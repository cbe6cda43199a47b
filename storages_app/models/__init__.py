"""The data: one file per noun."""

from storages_app.models.backups import BackupPlan, BackupRun
from storages_app.models.copy_jobs import CopyJob, Reason
from storages_app.models.custom_storages import (
    AccessChange,
    ConnectionTest,
    CustomStorage,
    Finding,
)
from storages_app.models.events import Event
from storages_app.models.files import File
from storages_app.models.hand_offs import HandOff
from storages_app.models.heartbeats import TimetableSlot, WorkerHeartbeat
from storages_app.models.projects import Membership, Project, SecretKey
from storages_app.models.users import User

__all__ = [
    "AccessChange",
    "BackupPlan",
    "BackupRun",
    "ConnectionTest",
    "CopyJob",
    "CustomStorage",
    "Event",
    "File",
    "Finding",
    "HandOff",
    "Membership",
    "Project",
    "Reason",
    "SecretKey",
    "TimetableSlot",
    "User",
    "WorkerHeartbeat",
]
