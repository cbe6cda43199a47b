"""I3 and I5 in the buckets themselves: what a deep look reads."""

from collections.abc import Iterator
from datetime import timedelta

from storages_app.copying.evidence import compare_by_reading
from storages_app.custom_storages.connect import open_store
from storages_app.lib.errors import UcdashError
from storages_app.models import CopyJob, CustomStorage
from storages_app.models.copy_jobs import State
from storages_app.models.fields import read_db_now
from storages_app.models.paging import in_pages
from storages_app.objectstores.base import ObjectStore
from storages_app.objectstores.errors import ObjectStoreError
from storages_app.oversight.violations import Remark, Unknown, Violation
from storages_app.reconciliation import orphans


def hold_what_is_done(grace: timedelta) -> Iterator[Remark]:
    """I3: each done copy is in its bucket, and reads back as the ledger says."""
    for custom_storage in CustomStorage.objects.connected():
        store = _open(custom_storage)
        if isinstance(store, Unknown):
            yield store
            continue
        done = CopyJob.objects.filter(custom_storage=custom_storage, state=State.DONE)
        for page in in_pages(done.only("pk", "key", "sha256", "fence")):
            for job in page:
                yield from _remark_of(store, job)


def _open(custom_storage: CustomStorage) -> ObjectStore | Unknown:
    try:
        return open_store(custom_storage)
    except UcdashError as error:
        return Unknown(f"The bucket cannot be opened: {error.message}", _name(custom_storage))


def _remark_of(store: ObjectStore, job: CopyJob) -> Iterator[Remark]:
    name = f"copy {job.pk}, key {job.key}"
    try:
        is_there = compare_by_reading(store, job.key, sha256=job.sha256)
    except ObjectStoreError as error:
        yield Unknown(f"The copy cannot be read back: {error.message} ({error.code})", name)
        return
    if is_there:
        return
    # Asked last: it may have been opened again while we looked.
    if CopyJob.objects.filter(pk=job.pk, state=State.DONE, fence=job.fence).exists():
        yield Violation(
            "I3",
            "Done, but missing from the bucket or not the bytes that the ledger names.",
            name,
            "Check the storage: what is missing or changed is found and opened again.",
        )


def have_no_orphaned_uploads(grace: timedelta) -> Iterator[Remark]:
    """I5: no multipart upload of ours is open that no copy will go on with."""
    begun_before = read_db_now() - grace
    for custom_storage in CustomStorage.objects.connected():
        store = _open(custom_storage)
        if isinstance(store, Unknown):
            continue  # told by `hold_what_is_done`
        try:
            for orphan in orphans.find(store, custom_storage, begun_before=begun_before):
                if orphan.is_ours:
                    since = f"{orphan.upload.started_at:%Y-%m-%d %H:%M} UTC"
                    yield Violation(
                        "I5",
                        f"A multipart upload is open since {since}; no copy will complete it.",
                        f"key {orphan.key} of {_name(custom_storage)}",
                        "Check the storage: what is left over of ours is removed.",
                    )
        except ObjectStoreError as error:
            what = f"Open multipart uploads cannot be listed: {error.message} ({error.code})"
            yield Unknown(what, _name(custom_storage))


def _name(custom_storage: CustomStorage) -> str:
    return f"storage {custom_storage.pk} (“{custom_storage}”)"
