"""What doors ask of this room: received files become files of a project."""

from storages_app.models import File, Project
from storages_app.uploads import arrivals, repeats
from storages_app.uploads.errors import AlreadyUploaded
from storages_app.uploads.receiving import Upload


def receive(*, project: Project, upload: Upload, store: str, metadata: dict[str, str]) -> File:
    """Make one upload a file of `project`; see `receive_all`."""
    return receive_all(project=project, uploads=[upload], store=store, metadata=metadata)[0]


def receive_all(
    *,
    project: Project,
    uploads: list[Upload],
    store: str,
    metadata: dict[str, str],
    idempotency_key: str = "",
) -> list[File]:
    """Make all uploads files of `project`, or none of them.

    `store` is what the client sent: "1", "0", or anything else for what the project does by
    itself. When this returns, the bytes are durable and the rows committed, in that order. What
    was sent before with the same `idempotency_key` is the file that it was then.
    """
    if not idempotency_key:
        return arrivals.arrive_all(project=project, uploads=uploads, store=store, metadata=metadata)
    file_uuids = [
        repeats.uuid_for(project=project, upload=upload, idempotency_key=idempotency_key)
        for upload in uploads
    ]
    if files := repeats.find(file_uuids):
        return files
    try:
        return arrivals.arrive_all(
            project=project,
            uploads=uploads,
            store=store,
            metadata=metadata,
            file_uuids=file_uuids,
        )
    except AlreadyUploaded:  # by another request at the same moment
        return repeats.find(file_uuids)
