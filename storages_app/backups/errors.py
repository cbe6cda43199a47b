"""Refusals of this room."""

from storages_app.lib.errors import UcdashError


class BackupRefused(UcdashError):
    """This backup was not set up."""

    code = "backup_refused"


class AlreadyConnected(BackupRefused):
    """This project has a backup bucket already."""

    code = "backup_already_connected"
    hint = "Turn the backup off first, or change its storage."


class StorageNotReady(BackupRefused):
    """The storage is not connected."""

    code = "storage_not_connected"
    hint = "Run its connection test; a backup starts when the required checks have passed."
