"""What is left of a removed project goes, once nobody can bring it back any more."""

from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction

from storages_app.custom_storages import services as custom_storages
from storages_app.custom_storages.errors import StorageGone
from storages_app.library import orders
from storages_app.models import CustomStorage, Event, File, Project, Webhook
from storages_app.models.projects import TIME_TO_BRING_BACK
from storages_app.webhooks import services as webhooks

_ACTOR = "system"
_BATCH = 500
# Clocks of machines differ: who brings a project back in the last minute has to be believed.
_MARGIN = timedelta(hours=1)


def empty_removed_projects(*, now: datetime) -> int:
    """Remove their files and forget their secrets; copies in their buckets stay.

    Returns how many files went. Cut off at any point, the next run goes on.
    """
    gone = Project.objects.filter(removed_at__lte=now - TIME_TO_BRING_BACK - _MARGIN)
    return sum(_empty(project) for project in gone.order_by("pk"))


def _empty(project: Project) -> int:
    for webhook in Webhook.objects.kept().filter(project=project):  # else each file would be told
        webhooks.remove(webhook=webhook, actor=_ACTOR)
    for storage in CustomStorage.objects.live().filter(project=project):
        with suppress(StorageGone):
            custom_storages.disconnect(custom_storage=storage, actor=_ACTOR)
    n_files = 0
    files = File.objects.live().filter(project=project).order_by("uploaded_at")
    while batch := list(files[:_BATCH]):
        with transaction.atomic():
            n_files += sum(orders.remove(file) for file in batch)
    if n_files:
        Event.objects.record(
            "project.emptied",
            project=project,
            actor=_ACTOR,
            subject=project.name,
            subject_id=project.pk,
            data={"files": n_files},
        )
    return n_files
