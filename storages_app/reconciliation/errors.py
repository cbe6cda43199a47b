"""Refusals of this room."""

from storages_app.lib.errors import UcdashError


class StorageNotConnected(UcdashError):
    """The storage is not connected."""

    code = "storage_not_connected"
    hint = "Finish its setup first."


class CopyNotThere(UcdashError):
    """There is no finished copy of this kind in the bucket."""

    code = "copy_not_there"
    hint = "Look at its state; copy again if it is wanted."


class CopyOfBackup(UcdashError):
    """This copy belongs to the backup, which would make it again."""

    code = "copy_of_backup"
    hint = "Delete the file, or turn off the backup first."


class NameShared(UcdashError):
    """Another copy has the same name in this bucket."""

    code = "copy_name_shared"
    hint = "Remove it at your provider if no copy with this name is wanted."


class BucketDidNotTell(UcdashError):
    """The bucket did not do what was asked."""

    code = "bucket_refused"
    hint = "Run the storage's connection test; it says what is missing."
