"""Multipart uploads that nobody will ever complete: storage that an owner pays and cannot see."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from urllib.parse import unquote

from storages_app.custom_storages.grants.policies import TEST_FOLDER
from storages_app.models import CopyJob, CustomStorage
from storages_app.models.copy_jobs import RUNNING_STATES, TERMINAL_STATES
from storages_app.objectstores.base import ObjectStore, OpenUpload

_PAGE = 200
_SLACK = timedelta(minutes=15)  # clocks differ, and a worker that lost its copy may come late
_STILL = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Orphan:
    """An open upload that no copy will go on with."""

    upload: OpenUpload
    key: str
    is_ours: bool  # begun while the ledger wanted a copy under its key, or by a connection test


def find(
    store: ObjectStore, custom_storage: CustomStorage, *, begun_before: datetime
) -> Iterator[Orphan]:
    """The open uploads under the storage's prefix that no open copy owns, by the ledger's word.

    A copy under way owns whatever is open under its key: its worker may not have noted the id yet.
    What was begun after the last copy of a key had ended is somebody else's who writes there, too.
    """
    uploads = (
        upload
        for upload in store.list_multiparts(custom_storage.prefix)
        if upload.started_at < begun_before
    )
    while page := list(islice(uploads, _PAGE)):
        yield from _judged(page, custom_storage)


def _judged(uploads: list[OpenUpload], custom_storage: CustomStorage) -> Iterator[Orphan]:
    # radosgw encodes the keys of this listing without saying so.
    spellings = {upload.key for upload in uploads} | {unquote(upload.key) for upload in uploads}
    # Another storage of the same bucket may own it, also one of another project.
    known = CopyJob.objects.filter(
        key__in=[key for key in spellings if "\0" not in key],  # PostgreSQL would refuse it
        custom_storage__bucket=custom_storage.bucket,
        custom_storage__endpoint_url=custom_storage.endpoint_url,
    )
    ended_at: dict[str, datetime] = {}
    owned_ids, busy_keys = set(), set()
    columns = ("key", "state", "upload_id", "finished_at")
    for key, state, upload_id, finished_at in known.values_list(*columns):
        ended_at[key] = max(finished_at or _STILL, ended_at.get(key) or finished_at or _STILL)
        if state in RUNNING_STATES:
            busy_keys.add(key)
        if state not in TERMINAL_STATES:
            owned_ids.add(upload_id)
    for upload in uploads:
        spelled = {upload.key, unquote(upload.key)}
        if upload.upload_id in owned_ids or spelled & busy_keys:
            continue
        tests = {key for key in spelled if key.startswith(custom_storage.prefix + TEST_FOLDER)}
        begun_at = upload.started_at - _SLACK
        ours = {key for key in spelled & ended_at.keys() if begun_at < ended_at[key]} or tests
        yield Orphan(upload, key=min(ours, default=upload.key), is_ours=bool(ours))
