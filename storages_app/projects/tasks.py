"""The wire of this room."""

from celery import shared_task

from storages_app.projects import idempotency


@shared_task(name="projects.forget_keys")
def forget_keys() -> None:
    """Requests of yesterday do not come again."""
    idempotency.forget()
