"""How the sweep reaches a worker."""

from celery import shared_task
from django.utils import timezone

from storages_app.uploads import runner


@shared_task(name="uploads.sweep")
def sweep_uploads() -> None:
    """Remove temporary files and bytes that no upload needs any more."""
    runner.sweep(now=timezone.now())
