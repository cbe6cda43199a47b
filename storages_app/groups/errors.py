"""Why there is no such group; the messages are those of spec/UPLOADCARE 3.11."""

from storages_app.lib.errors import UcdashError

_LONGEST_SHOWN = 200


class GroupRefused(UcdashError):
    """Request to group processing failed."""

    code = "group_refused"


class NoFilesNamed(GroupRefused):
    """No files[N] parameters found."""

    code = "group_without_files"
    hint = "Name each file: files[0], files[1] and so on, or files[] several times."


class BadFileUrl(GroupRefused):
    """This is not valid file url."""

    code = "group_file_url_invalid"
    hint = "Send the uuid of a file, or its CDN URL, with operations or without."

    def __init__(self, url: str) -> None:
        super().__init__(f"This is not valid file url: {url[:_LONGEST_SHOWN]}.")


class FilesNotFound(GroupRefused):
    """Some files not found."""

    code = "group_files_not_found"
    hint = "All files of a group belong to its project, and none of them was removed."


class TooManyFiles(GroupRefused):
    """There are too many files."""

    code = "group_too_large"
    hint = "A group has at most 1,000 files."


class GroupNotFound(GroupRefused):
    """group_id is invalid."""

    code = "group_not_found"
    hint = "A group is named <uuid>~<number of files>. It may have been deleted."


class ArchiveTooLarge(GroupRefused):
    """The files of this group are too large for an archive."""

    code = "group_archive_too_large"
    hint = "An archive holds at most 2 GB. Download the files one by one."
