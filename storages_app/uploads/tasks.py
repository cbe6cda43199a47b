"""How large multipart uploads and the sweep reach a worker."""

from celery import shared_task
from django.utils import timezone

from storages_app.uploads import runner


@shared_task(name="uploads.complete")
def drain() -> None:
    """Put the multipart uploads together that wait for it."""
    runner.complete_sessions()


@shared_task(name="uploads.sweep")
def sweep_uploads() -> None:
    """Remove temporary files and bytes that no upload needs any more."""
    runner.sweep(now=timezone.now())
