"""Metadata of a file after its upload, under the rules that hold while it is uploaded."""

from django.db import transaction

from storages_app.library.errors import FileGone
from storages_app.models import CopyJob, File
from storages_app.uploads.validation import check_metadata
from storages_app.webhooks.announcing import announce


@transaction.atomic
def put(*, file: File, key: str, value: str) -> bool:
    """Set one value; True if the key is new. MetadataRefused where a rule is broken."""
    metadata = _hold(file)
    is_new = key not in metadata
    _keep(file, check_metadata((metadata | {key: value}).items()))
    return is_new


@transaction.atomic
def remove(*, file: File, key: str) -> None:
    """Forget one value; without that key there is nothing to forget."""
    metadata = _hold(file)
    _keep(file, {name: value for name, value in metadata.items() if name != key})


def _hold(file: File) -> dict[str, str]:
    """The metadata now, which nobody else changes until the transaction ends."""
    held = File.objects.select_for_update().get(pk=file.pk)
    if held.is_removed:
        raise FileGone
    file.metadata = held.metadata or {}
    return dict(file.metadata)


def _keep(file: File, metadata: dict[str, str]) -> None:
    before = file.metadata
    if metadata == before:
        return
    file.metadata = metadata
    file.save(update_fields=["metadata"])
    # The manifest of a backup tells of metadata: the next run writes the file's line anew.
    CopyJob.objects.filter(file=file, is_backup=True).update(record=None)
    announce(
        "file.info_updated",
        [file],
        project_id=file.project_id,
        previous_values={"metadata": before},
    )
