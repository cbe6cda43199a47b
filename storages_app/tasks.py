"""Every room's tasks, found here by Celery."""

from storages_app.backups import tasks as backups
from storages_app.bulk_copies import tasks as bulk_copies
from storages_app.copying import tasks as copying
from storages_app.custom_storages import tasks as custom_storages
from storages_app.library import tasks as library
from storages_app.notifications import tasks as notifications
from storages_app.projects import tasks as projects
from storages_app.reconciliation import tasks as reconciliation
from storages_app.restores import tasks as restores
from storages_app.uploads import tasks as uploads
from storages_app.url_uploads import tasks as url_uploads
from storages_app.webhooks import tasks as webhooks

__all__ = [
    "backups",
    "bulk_copies",
    "copying",
    "custom_storages",
    "library",
    "notifications",
    "projects",
    "reconciliation",
    "restores",
    "uploads",
    "url_uploads",
    "webhooks",
]
