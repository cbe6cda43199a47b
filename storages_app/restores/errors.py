"""Refusals of this room."""

from storages_app.lib.errors import UcdashError


class RestoreRefused(UcdashError):
    """This restore was not begun."""

    code = "restore_refused"


class SourceUnusable(RestoreRefused):
    """Nothing can be read from this storage: it is disconnected, or has no credentials."""

    code = "restore_source_unusable"
    hint = "Give it a key that may list the bucket and read objects; it need not be connected."


class ManifestUnknown(RestoreRefused):
    """There is no manifest of this name in the bucket."""

    code = "manifest_unknown"
    hint = "Choose one of the manifests that the bucket lists."


class FilterInvalid(RestoreRefused):
    """This choice of files cannot be understood."""

    code = "restore_filter_invalid"
    hint = "Give UUIDs, a part of a name, or dates as YYYY-MM-DD."


class NotWaiting(RestoreRefused):
    """This restore does not wait for anybody."""

    code = "restore_not_waiting"
    hint = "It is being read, runs, or has ended. Reload to see how it stands."


class ReplacingUnconfirmed(RestoreRefused):
    """Files would be replaced."""

    code = "restore_confirmation_missing"
    hint = "Type the name of the project, exactly as it is written."


class ProjectInUse(RestoreRefused):
    """There is a project of this name already, and it has files."""

    code = "restore_project_in_use"


class NothingArchived(RestoreRefused):
    """No file of this restore is in an archive class."""

    code = "restore_nothing_archived"


class LineInvalid(UcdashError):
    """A line of the backup's records makes no sense."""

    code = "manifest_line_invalid"
    hint = "The backup was not written by this product, or was changed. Choose another manifest."


class BytesDiffer(UcdashError):
    """The object is not the one that was backed up."""

    code = "changed"
    hint = "Choose an older manifest, or look for an older version of the object in the bucket."
