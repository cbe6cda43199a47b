"""Every list of the operators' door, one file per model.

Not in `__init__`, because Django imports the package while it makes the site: lists that were
registered then would belong to a site that nobody uses.
"""

from storages_app.admin import (
    backup_plans,
    backup_runs,
    backup_segments,
    bulk_jobs,
    connection_tests,
    copy_allowances,
    copy_jobs,
    custom_storages,
    events,
    files,
    groups,
    idempotency_keys,
    invitations,
    memberships,
    projects,
    reconciliations,
    restore_runs,
    secret_keys,
    tallies,
    upload_sessions,
    url_uploads,
    users,
    webhook_deliveries,
    webhooks,
)

__all__ = [
    "backup_plans",
    "backup_runs",
    "backup_segments",
    "bulk_jobs",
    "connection_tests",
    "copy_allowances",
    "copy_jobs",
    "custom_storages",
    "events",
    "files",
    "groups",
    "idempotency_keys",
    "invitations",
    "memberships",
    "projects",
    "reconciliations",
    "restore_runs",
    "secret_keys",
    "tallies",
    "upload_sessions",
    "url_uploads",
    "users",
    "webhook_deliveries",
    "webhooks",
]
