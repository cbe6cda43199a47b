"""Refusals of this room."""

from storages_app.lib.errors import UcdashError


class ReconciliationRefused(UcdashError):
    """This storage cannot be checked against the ledger now."""

    code = "reconciliation_refused"


class StorageNotConnected(ReconciliationRefused):
    """The storage is not connected."""

    code = "storage_not_connected"
    hint = "Finish its setup first."
