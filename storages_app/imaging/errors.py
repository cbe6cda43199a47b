"""What can go wrong with a picture, in our words."""

from storages_app.lib.errors import UcdashError


class ImagingError(UcdashError):
    """The picture could not be made."""

    code = "imaging_error"


class BadEffects(ImagingError):
    """The image operations cannot be carried out as written."""

    code = "bad_effects"
    hint = "Correct the operation, or leave it out. docs/url-api.md lists what each one takes."

    def __init__(self, *, operation: str, reason: str) -> None:
        self.operation = operation
        self.reason = reason
        super().__init__(f"Operation `{operation}`: {reason}" if operation else reason)


class OperationNotAvailable(BadEffects):
    """This operation needs a service that is not part of this product."""

    code = "operation_not_available"
    hint = (
        "Leave the operation out. What is not here, and what to use instead: "
        "docs/moving-from-uploadcare.md#what-is-not-here"
    )


class NotAnImage(ImagingError):
    """Not supported for files that are not images."""

    # Official clients look for these words in the answer.
    code = "not_an_image"
    hint = "Ask for the original instead, without operations."

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        text = "Not supported for files that are not images."
        super().__init__(f"{text} {reason}".strip())


class ProcessedTooLarge(ImagingError):
    """Images over 100 MB (104,857,600 bytes), before or after processing, are not processed."""

    code = "processed_too_large_100mb"
    hint = "Ask for the original instead, or for a smaller result."


class ProcessingFailed(ImagingError):
    """The image could not be processed."""

    code = "processing_failed"
    hint = "The file is damaged, or too costly to decode. Ask for the original instead."


class ImagingBusy(ImagingError):
    """All image processes are busy."""

    code = "imaging_busy"
    hint = "Try again in a few seconds."


class NoRoom(ImagingBusy):
    """The server's disk has no room for the processed image."""

    code = "imaging_no_room"
    hint = "Try again later. The operator has to make room on the disk of the image cache."
