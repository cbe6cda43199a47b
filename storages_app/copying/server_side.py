"""Copies that the provider makes by itself: both ends are one S3, and no byte comes through us.

Whether the storage's credentials may read our originals is found by trying. Whoever refuses gets
the bytes from us, and is not asked again for a while.
"""

import logging
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings

from storages_app.copying.assignments import Assignment
from storages_app.lib import outbound
from storages_app.lib.outbound import UnparsableAddress
from storages_app.models import CustomStorage
from storages_app.objectstores.base import PutOptions, PutReceipt

log = logging.getLogger(__name__)

_ASK_AGAIN_AFTER_S = 600.0
_TAKES_AT_MOST_S = 600.0
_refused_at: dict[UUID, float] = {}  # by storage


@dataclass(frozen=True)
class Origin:
    """Where the upload storage has the original."""

    bucket: str
    key: str


def origin_of(assignment: Assignment) -> Origin | None:
    """The original, if the provider of the storage has it and may be asked for a copy."""
    options = _uploads_options()
    bucket = options.get("bucket_name", "")
    if not bucket or assignment.job.effects:
        return None
    if assignment.storage.identity == CustomStorage.Identity.PRINCIPAL:
        return None  # what may be read there would be decided by our own credentials
    if not has_originals(assignment.storage):
        return None
    refused_at = _refused_at.get(assignment.storage.pk)
    if refused_at is not None and monotonic() - refused_at < _ASK_AGAIN_AFTER_S:
        return None
    folder = str(options.get("location") or "").strip("/")
    name = assignment.file.blob_name
    return Origin(bucket, f"{folder}/{name}" if folder else name)


def has_originals(custom_storage: CustomStorage) -> bool:
    """Whether the originals are kept by the service that the storage is of."""
    options = _uploads_options()
    endpoint = options.get("endpoint_url") or ""
    return bool(options.get("bucket_name")) and _is_of_one_service(custom_storage, endpoint)


def _uploads_options() -> dict[str, Any]:
    uploads: Any = settings.STORAGES["uploads"]
    return uploads.get("OPTIONS") or {}


def _is_of_one_service(custom_storage: CustomStorage, endpoint: str) -> bool:
    """Whether the storage is where the originals are; without an address that is Amazon."""
    if not endpoint or not custom_storage.endpoint_url:
        return endpoint == custom_storage.endpoint_url and custom_storage.provider == "aws"
    try:
        return outbound.parse(endpoint).origin == outbound.parse(custom_storage.endpoint_url).origin
    except UnparsableAddress:
        return False


def copy(assignment: Assignment, origin: Origin, options: PutOptions) -> PutReceipt:
    """Ask for the copy and wait for it."""
    assignment.allow_s(_TAKES_AT_MOST_S)
    try:
        return assignment.store.copy_from(
            assignment.job.key, bucket=origin.bucket, source_key=origin.key, options=options
        )
    finally:
        assignment.touch()


def remember_refusal(assignment: Assignment) -> None:
    _refused_at[assignment.storage.pk] = monotonic()
