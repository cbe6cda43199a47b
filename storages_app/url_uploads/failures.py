"""What a failed fetch tells: the codes and texts of spec/UPLOADCARE 3.11."""

from storages_app.lib import fetching
from storages_app.lib.outbound import OutboundError
from storages_app.uploads.errors import DiskFull, ProjectRemoved, UploadRefused
from storages_app.url_uploads import addresses

TASK_FAILED = ("DownloadFileTaskFailedError", "download task failed.")
OUR_FAULT = ("DownloadFileInternalServerError", "Internal server error.")


def words_for(error: Exception) -> tuple[str, str] | None:
    """Code and text of a failure that will stay one; None if another try may go better."""
    if isinstance(error, OutboundError):
        what = addresses.refusal(error).message.rstrip(".")
        return "DownloadFileHTTPURLValidationError", f"HTTP URL validation error: {what}."
    if isinstance(error, fetching.FetchFailed):
        return _of_fetch(error)
    if isinstance(error, ProjectRemoved):
        return TASK_FAILED
    if isinstance(error, DiskFull):
        return OUR_FAULT
    if isinstance(error, UploadRefused):
        return "DownloadFileValidationFailedError", f"File validation error: {error.message}"
    return None


def _of_fetch(error: fetching.FetchFailed) -> tuple[str, str]:
    match error:
        case fetching.TooManyRedirects():
            code, text = "HTTPURLValidation", "HTTP URL validation error: Too many redirects."
        case fetching.RefusedByServer(status=status) if 400 <= status < 500:
            code, text = "HTTPClient", f"HTTP client error: {status}."
        case fetching.RefusedByServer(status=status) if status >= 500:
            code, text = "HTTPServer", f"HTTP server error: {status}."
        case fetching.TooLarge(size=size, limit=limit):
            code, text = "SizeLimitExceeded", f"Downloaded file is too big: {size} > {limit}."
        case fetching.OutOfTime(seconds=seconds):
            code = "TimeLimitExceeded"
            text = (
                "Failed to download the file within the allotted time limit of "
                f"{seconds:g} seconds."
            )
        case fetching.NotFetched():
            code, text = "HTTPNetwork", f"HTTP network error: {error.message}."
        case _:
            code, text = "", "Failed to download the file."
    return f"DownloadFile{code}Error", text
