"""Refusals of this room."""

from storages_app.lib.errors import UcdashError


class BulkRefused(UcdashError):
    """This copy of many files was not begun."""

    code = "bulk_refused"


class StoragePaused(BulkRefused):
    """The storage is paused."""

    code = "storage_paused"
    hint = "Resume the storage, or choose another."


class StorageNotConnected(BulkRefused):
    """The storage is not connected."""

    code = "storage_not_connected"
    hint = "Connect the storage first: its test has to pass."


class FilesUnknown(BulkRefused):
    """Some of the chosen files are not in this project."""

    code = "files_unknown"
    hint = "Leave them out. Files that were deleted cannot be copied."


class NothingChosen(BulkRefused):
    """No file was chosen."""

    code = "nothing_chosen"
    hint = "Choose files, or copy all files of a filter."


class TooManyChosen(BulkRefused):
    """Too many files were chosen one by one."""

    code = "too_many_chosen"
    hint = "Copy the files of a filter, or all."


class FilterInvalid(BulkRefused):
    """This filter makes no sense."""

    code = "filter_invalid"
    hint = "Find the files in the list first; what stands in its address is the filter."


class ImageTooLarge(BulkRefused):
    """Processed copies are limited to 100 MB."""

    code = "processed_too_large_100mb"
    hint = "Copy the original instead."


class NotPublic(BulkRefused):
    """Copies in this storage cannot be made public or private one by one."""

    code = "publicity_fixed"
    hint = "Leave it as the storage is set, or change the storage."


class TooManyJobs(BulkRefused):
    """Too many jobs of this project are open."""

    code = "too_many_jobs"
    hint = "Wait until one has ended, or cancel one."


class WrongMoment(BulkRefused):
    """The job is not in the state for this."""

    code = "wrong_moment"
    hint = "Look at the job as it is now."
