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


class BackupOff(BackupRefused):
    """The backup is turned off."""

    code = "backup_off"
    hint = "Turn it on first."


class BackupPaused(BackupRefused):
    """The backup is paused."""

    code = "backup_paused"
    hint = "Resume it first."


class PingRefused(BackupRefused):
    """This instance does not call that address."""

    code = "ping_refused"


class NoManifest(BackupRefused):
    """This run left no manifest that can be read from here."""

    code = "backup_no_manifest"
    hint = (
        "Retention may have deleted it, or its storage has another bucket now or is disconnected."
    )


class ManifestBroken(UcdashError):
    """What the backup says about itself cannot be trusted."""

    code = "manifest_broken"
    hint = "Use another manifest of this backup; what this one names is still in the bucket."

    def __init__(self, message: str = "", *, key: str) -> None:
        super().__init__(f"{key}: {message}" if message else "")
        self.key = key
