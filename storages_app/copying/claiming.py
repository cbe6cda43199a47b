"""Which copies a worker takes next: storages in turn, suspects alone, broken storages by trial."""

from django.conf import settings
from django.db.models import Exists, F, OuterRef

from storages_app.custom_storages import circuit
from storages_app.models import CopyJob, CustomStorage, Reason
from storages_app.models.copy_jobs import CopyJobQuerySet, State
from storages_app.models.custom_storages import CustomStorageQuerySet
from storages_app.models.fields import db_now


def _claimable(*, suspects: bool) -> CopyJobQuerySet:
    return CopyJob.objects.suspect() if suspects else CopyJob.objects.fresh()


def waiting_storages(*, suspects: bool = False) -> CustomStorageQuerySet:
    """Working storages with something to claim, the longest unserved first."""
    jobs = _claimable(suspects=suspects).filter(custom_storage=OuterRef("pk"))
    waiting = CustomStorage.objects.working().filter(Exists(jobs.due()) | Exists(jobs.lapsed()))
    return waiting.order_by(F("last_served_at").asc(nulls_first=True))


def claim_batch(*, worker: str, limit: int, suspects: bool = False) -> list[CopyJob]:
    """The next due copies of one storage, storages in turn; or the trial copy of a broken one."""
    for custom_storage in waiting_storages(suspects=suspects):
        n_free = (
            settings.STORAGE_CONCURRENCY * 2
            - custom_storage.copy_jobs.running().filter(lease_until__gte=db_now()).count()
        )
        if n_free <= 0:
            continue
        CustomStorage.objects.filter(pk=custom_storage.pk).update(last_served_at=db_now())
        claimed = (
            _claimable(suspects=suspects)
            .filter(custom_storage=custom_storage)
            .claim(limit=min(limit, n_free), worker=worker, lease=settings.LEASE)
        )
        if claimed:
            return claimed
    broken = None if suspects else circuit.claim_probe()
    if broken:
        return CopyJob.objects.filter(custom_storage=broken).claim(
            limit=1, worker=worker, lease=settings.LEASE
        )
    return []


def cancel_orphans() -> int:
    """End jobs whose worker died and whose storage is gone: nobody will take them over."""
    orphans = CopyJob.objects.lapsed().filter(custom_storage__removed_at__isnull=False)
    return CopyJob.objects.filter(pk__in=list(orphans.values_list("pk", flat=True))).update(
        state=State.CANCELLED,
        reason=Reason.STORAGE_DELETED,
        lease_until=None,
        finished_at=db_now(),
    )
