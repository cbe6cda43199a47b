"""Refusals of this room."""

from storages_app.lib.errors import UcdashError


class StorageNotConnected(UcdashError):
    """The storage is not connected."""

    code = "storage_not_connected"
    hint = "Finish its setup first."
