"""How long manifests and their records are kept. The bytes of files are never deleted."""

import logging
from datetime import timedelta

from django.utils import timezone

from storages_app.models import BackupRun, BackupSegment
from storages_app.objectstores.base import ObjectStore
from storages_app.objectstores.errors import ObjectStoreError

log = logging.getLogger(__name__)

_AT_ONCE = 500


def forget_old(run: BackupRun, store: ObjectStore) -> str:
    """Delete what is older than the plan keeps; a note where the bucket did not let us.

    The newest manifest always stays. Records stay as long as a manifest names them: those that were
    retired before the oldest kept manifest was finished are named by none. What a plan has left in
    another storage stays as it is, until it is moved back.
    """
    plan = run.plan
    if not plan.keep_days:
        return ""
    kept_since = timezone.now() - timedelta(days=plan.keep_days)
    here = BackupRun.objects.filter(plan=plan, custom_storage=plan.custom_storage)
    sealed = here.exclude(manifest_key="")
    old = sealed.filter(finished_at__lt=kept_since).exclude(pk=run.pk)
    try:
        for past in old.order_by("pk")[:_AT_ONCE]:
            store.delete(past.manifest_key)
            BackupRun.objects.filter(pk=past.pk).update(manifest_key="")
        oldest = sealed.exclude(pk=run.pk).order_by("finished_at").first()
        named_since = oldest.finished_at if oldest and oldest.finished_at else run.started_at
        segments = BackupSegment.objects.filter(
            plan=plan,
            custom_storage=plan.custom_storage,
            removed_at=None,
            retired_at__lt=named_since,
            copy_jobs=None,
        )
        for segment in segments.order_by("pk")[:_AT_ONCE]:
            store.delete(segment.key)
            BackupSegment.objects.filter(pk=segment.pk).update(removed_at=timezone.now())
    except ObjectStoreError as error:
        log.info("Run %s did not delete old records: %s", run.pk, error.code)
        return f"Old manifests and records were kept: the bucket does not let us delete them ({error.code})."  # noqa: E501
    return ""
