"""Why something cannot be done with a file."""

from storages_app.lib.errors import UcdashError


class FileGone(UcdashError):
    """This file was removed."""

    code = "file_removed"
    hint = "Upload it again."


class BadSource(UcdashError):
    """Bad `source` parameter. Use UUID or CDN URL."""

    code = "source_invalid"
    hint = "Send the uuid of a file of this project, or its CDN URL."
