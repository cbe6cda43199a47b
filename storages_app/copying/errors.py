"""Refusals of this room; the texts of the wire are those of spec/UPLOADCARE 1.5."""

from storages_app.lib.errors import UcdashError


class CopyRefused(UcdashError):
    """This copy was not ordered."""

    code = "copy_refused"


class TargetMissing(CopyRefused):
    """Project has no storage with provided name."""

    code = "target_missing"
    hint = "Use the name of a connected storage of this project as `target`."


class TargetNotUsable(CopyRefused):
    """This storage takes no copies now."""

    code = "target_not_usable"
    hint = "Open the storage in the dashboard and mend what it says."


class FileNotReady(CopyRefused):
    """File is not ready yet."""

    code = "file_not_ready"


class FileTooLarge(CopyRefused):
    """Copying of large files is not supported at the moment."""

    code = "too_large_5gb"
    hint = "Originals are copied up to 5 GB, processed images up to 100 MB."


class PublicNotPossible(CopyRefused):
    """This storage is public by its bucket policy, so a single copy cannot be private."""

    code = "public_by_policy"
    hint = "Leave `make_public` out, or use another storage for private copies."


class TooManyCopies(CopyRefused):
    """This project has ordered very many copies, or bytes, by REST in a short time."""

    code = "too_many_copies"
    hint = "Wait as long as Retry-After says. The operator of this instance sets the limits."

    def __init__(self, *, retry_after: int) -> None:
        self.retry_after = max(1, retry_after)  # seconds
        # The words of the wire (spec/UPLOADCARE 1.1), which clients show.
        super().__init__(
            f"Request was throttled. Expected available in {self.retry_after} seconds."
        )


class CopyFailed(CopyRefused):
    """The bucket refused the copy."""

    code = "copy_failed"
