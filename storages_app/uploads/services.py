"""What doors ask of this room: received files become files of a project."""

from storages_app.models import File, Project
from storages_app.uploads import arrivals
from storages_app.uploads.receiving import Upload


def receive(*, project: Project, upload: Upload, store: str, metadata: dict[str, str]) -> File:
    """Make one upload a file of `project`; see `receive_all`."""
    return receive_all(project=project, uploads=[upload], store=store, metadata=metadata)[0]


def receive_all(
    *, project: Project, uploads: list[Upload], store: str, metadata: dict[str, str]
) -> list[File]:
    """Make all uploads files of `project`, or none of them.

    `store` is what the client sent: "1", "0", or anything else for what the project does by
    itself. When this returns, the bytes are durable and the rows committed, in that order.
    """
    return arrivals.arrive_all(project=project, uploads=uploads, store=store, metadata=metadata)
