"""Bytes that the server in front sends by itself, where `UCDASH_FILES_SENT_BY` says so.

We decide who gets what under which headers, and name the place; docs/operating.md has the other
half, the configuration that makes a server believe only us.
"""

from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.http import HttpRequest

ORIGINALS = "/ucdash-originals/"
RENDITIONS = "/ucdash-renditions/"

# The server in front would compare these with an ETag that only we know.
_OURS_TO_JUDGE = ("If-Match", "If-Unmodified-Since")


def handed_over(request: HttpRequest, path: Path | None) -> dict[str, str]:
    """The header that names the file to the server in front; empty where we send it ourselves."""
    if path is None or any(name in request.headers for name in _OURS_TO_JUDGE):
        return {}
    if settings.FILES_SENT_BY == "x-accel":
        return {"X-Accel-Redirect": quote(_internal_address(path))}
    if settings.FILES_SENT_BY == "x-sendfile":
        return {"X-Sendfile": str(path)}
    return {}


def path_of_original(blob_name: str) -> Path | None:
    """Where the upload storage has it on this disk, or None where it is kept elsewhere."""
    upload_storage = storages["uploads"]
    if not isinstance(upload_storage, FileSystemStorage):
        return None
    return Path(upload_storage.path(blob_name))


def _internal_address(path: Path) -> str:
    renditions = Path(settings.RENDITION_CACHE_DIR)
    if path.is_relative_to(renditions):
        return f"{RENDITIONS}{path.relative_to(renditions)}"
    return f"{ORIGINALS}{path.relative_to(storages['uploads'].path(''))}"
