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
    is_ours: bool  # as the ledger or the folder of connection tests proves


def find(
    store: ObjectStore, custom_storage: CustomStorage, *, begun_before: datetime
) -> Iterator[Orphan]:
    """The open uploads under the storage's prefix that no open copy owns, by the ledger's word.

    Others may write into the same bucket, so that age and a key of ours are no proof. What was
    begun before `begun_before` is

    - at work, and not named here: its id stands in a copy that has not ended, or a copy of its
      key is under way, whose worker may not have noted the id yet;
    - ours: its id stands in a copy that has ended; or it lies in the folder of connection tests;
      or the ledger has its key, no copy of that key waits any more, and it was begun before the
      last of them had ended, as by a worker that died before it noted the id;
    - anybody's otherwise, to be reported and left alone. That is so as well while a copy of its
      key waits, since the id of ours would be in the ledger: the first look after the copy's end
      removes what its workers may have left (F30).
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
    open_ids, ended_ids, busy_keys, open_keys = set(), set(), set(), set()
    columns = ("key", "state", "upload_id", "finished_at")
    for key, state, upload_id, finished_at in known.values_list(*columns):
        ended_at[key] = max(finished_at or _STILL, ended_at.get(key) or finished_at or _STILL)
        if state in RUNNING_STATES:
            busy_keys.add(key)
        if state in TERMINAL_STATES:
            ended_ids.add(upload_id)
        else:
            open_ids.add(upload_id)
            open_keys.add(key)
    for upload in uploads:
        spelled = {upload.key, unquote(upload.key)}
        if upload.upload_id in open_ids or spelled & busy_keys:
            continue
        ours = {key for key in spelled if key.startswith(custom_storage.prefix + TEST_FOLDER)}
        if upload.upload_id in ended_ids:
            ours |= spelled & ended_at.keys()
        if not spelled & open_keys:
            begun_at = upload.started_at - _SLACK
            ours |= {key for key in spelled & ended_at.keys() if begun_at < ended_at[key]}
        yield Orphan(upload, key=min(ours, default=upload.key), is_ours=bool(ours))
