"""Refusals of this room."""

from storages_app.lib.errors import UcdashError


class AddressRefused(UcdashError):
    """This cannot be an address of a bucket."""

    code = "address_invalid"
    hint = "Correct the field; what you typed is kept."


class NameTaken(UcdashError):
    """This project already has a storage with that name."""

    code = "storage_name_taken"
    hint = "Choose another name."


class StorageGone(UcdashError):
    """This storage was disconnected."""

    code = "storage_deleted"
    hint = "Connect the bucket again under a new storage."


class NotConnected(UcdashError):
    """This storage is a draft: its required checks have not passed yet."""

    code = "storage_not_connected"
    hint = "Open the storage, mend what its test says, and run the test again."


class BadPattern(UcdashError):
    """The key pattern has an unknown variable or a forbidden character."""

    code = "pattern_invalid"
    hint = "Use ${default}, ${auto_filename}, ${filename}, ${effects}, ${ext} and ${uuid}."
