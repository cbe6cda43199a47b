"""I1: whoever was told a UUID has its bytes in the upload storage."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta

from django.core.files.storage import storages

from storages_app.models import File
from storages_app.models.paging import in_pages
from storages_app.oversight.violations import Remark, Unknown, Violation

_CHUNK = 1024 * 1024
_HINT = "Restore the file from a backup bucket, or put the upload storage back from its own backup."


def are_durable(grace: timedelta) -> Iterator[Remark]:
    """Each live file has its bytes, as many as its row says."""
    upload_storage = storages["uploads"]
    for page in in_pages(File.objects.live().only("uuid", "blob_name", "size")):
        for file in page:
            try:
                found = upload_storage.size(file.blob_name)
            except FileNotFoundError:
                problem = "The original is not in the upload storage."
            except OSError as error:
                yield Unknown(f"The original cannot be looked at: {error.strerror}.", _name(file))
                continue
            else:
                problem = f"The original has {found} bytes and should have {file.size}."
                if found == file.size:
                    continue
            if _is_live(file):
                yield Violation("I1", problem, _name(file), _HINT)


def are_undamaged(grace: timedelta) -> Iterator[Remark]:
    """Each live file's bytes are those that were uploaded, told by reading them."""
    for page in in_pages(File.objects.live().only("uuid", "blob_name", "size", "sha256")):
        for file in page:
            try:
                found = _sha256_of(file)
            except OSError:
                continue  # told by `are_durable`
            if found != file.sha256 and _is_live(file):
                problem = "The original is not the one that was uploaded: its SHA-256 differs."
                yield Violation("I1", problem, _name(file), _HINT)


def _sha256_of(file: File) -> str:
    digest = hashlib.sha256()
    with file.open_bytes() as body:
        while chunk := body.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _is_live(file: File) -> bool:
    """Asked last: it may have been removed while we looked."""
    return File.objects.live().filter(pk=file.pk).exists()


def _name(file: File) -> str:
    return f"file {file.pk}"
