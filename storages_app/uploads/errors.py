"""Why an upload was not taken; the messages are those of spec/UPLOADCARE 3.11."""

from storages_app.lib.errors import UcdashError


class UploadRefused(UcdashError):
    """Upload failed."""

    code = "upload_refused"


class FormMalformed(UploadRefused):
    """HTTP POST request parsing failed."""

    code = "upload_form_malformed"
    hint = "Send multipart/form-data, complete, with a Content-Length that is right."


class TooManyFields(UploadRefused):
    """The request contains too many HTTP POST fields."""

    code = "upload_too_many_fields"
    hint = "Send fewer fields in one request."


class TooManyParts(UploadRefused):
    """The request contains too many files."""

    code = "upload_too_many_files"
    hint = "Send fewer files in one request."


class FieldRepeated(UploadRefused):
    """There are too many files."""

    code = "upload_field_repeated"
    hint = "Give each file a field name of its own: the answer has one uuid for each field."


class NoFiles(UploadRefused):
    """Request does not contain files."""

    code = "upload_without_files"
    hint = "Send at least one part with a filename."


class RequestTooLarge(UploadRefused):
    """The size of the request is too large."""

    code = "upload_request_too_large"
    hint = "Send larger files as a multipart upload, or ask the operator for a higher limit."


class FileTooLarge(UploadRefused):
    """File is too large."""

    code = "upload_file_too_large"
    hint = "The limit is a setting of the project."


class QuotaReached(UploadRefused):
    """Account has reached its limits."""

    code = "project_quota"
    hint = "Remove files, or ask the operator for a higher limit."


class UploadsPaused(UploadRefused):
    """Uploads to this project are paused."""

    code = "uploads_paused"
    hint = "Somebody who manages the project can resume them in its settings. Send it again then."


class TypeForbidden(UploadRefused):
    """Uploading of these file types is not allowed."""

    code = "upload_type_forbidden"


class ProjectRemoved(UploadRefused):
    """The project was removed while the file came."""

    code = "project_removed"

    def __init__(self, public_key: str) -> None:
        super().__init__(f"Project {public_key} is marked as removed.")


class AlreadyUploaded(UploadRefused):
    """File is already uploaded."""

    code = "upload_already_done"


class NullCharacters(UploadRefused):
    """Null characters are not allowed."""

    code = "upload_null_characters"


class DiskFull(UploadRefused):
    """The server has no space left for this file. Nothing of it was kept; try again later."""

    code = "disk_full"
    hint = "The operator has to free space in the upload storage."


class StorageFailed(UploadRefused):
    """The server could not keep this file. Nothing of it was kept; try again later."""

    code = "upload_storage_failed"
    hint = "The operator's log says what the upload storage answered."


class TookTooLong(UploadRefused):
    """The upload took so long that its first files were swept away."""

    code = "upload_too_slow"
    hint = "Send fewer files in one request."


class MetadataRefused(UploadRefused):
    """The metadata of this file breaks a rule."""

    code = "metadata_invalid"
    hint = "Keys: 1 to 64 of A-Z a-z 0-9 _ - . :, at most 50. Values: 1 to 512 characters."


class MetadataKeyDuplicated(MetadataRefused):
    def __init__(self, key: str) -> None:
        super().__init__(f"File's metadata key `{key}` has a duplicate.")


class MetadataKeyEmpty(MetadataRefused):
    """File's metadata key can not be empty."""


class MetadataKeyForbidden(MetadataRefused):
    def __init__(self, key: str) -> None:
        super().__init__(
            f"File's metadata key `{key}` contains symbols not allowed by the metadata key format."
        )


class MetadataKeyTooLong(MetadataRefused):
    def __init__(self, key: str, limit: int) -> None:
        super().__init__(
            f"Length of file metadata key `{key}` can not be more than {limit} symbols."
        )


class TooManyMetadataKeys(MetadataRefused):
    def __init__(self, limit: int) -> None:
        super().__init__(f"A file can not have more than {limit} metadata keys.")


class MetadataValueEmpty(MetadataRefused):
    def __init__(self, key: str) -> None:
        super().__init__(f"Value of the file metadata key `{key}` can not be empty.")


class MetadataValueForbidden(MetadataRefused):
    def __init__(self, key: str) -> None:
        super().__init__(
            f"Value of file metadata key `{key}` contains symbols not allowed by the metadata "
            "value format."
        )


class MetadataValueTooLong(MetadataRefused):
    def __init__(self, key: str, limit: int) -> None:
        super().__init__(
            f"Value of file metadata's key `{key}` can not be more than {limit} symbols in length."
        )
