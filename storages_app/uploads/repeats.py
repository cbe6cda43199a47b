"""A client that lost an answer sends the same again: by an Idempotency-Key it gets the same files.

The UUID of such a file is made of the key and of what was sent, so the database's own uniqueness
decides and nothing has to be remembered. It is keyed: nobody can guess it from a key that is known.
"""

import uuid

from django.utils.crypto import salted_hmac

from storages_app.models import File, Project
from storages_app.uploads.errors import AlreadyUploaded
from storages_app.uploads.receiving import Upload

_SALT = "ucdash.uploads.repeats"


def uuid_for(*, project: Project, upload: Upload, idempotency_key: str) -> uuid.UUID:
    """The UUID of what a project sends in a field under a key; other bytes have another one."""
    said = repr((project.pk, idempotency_key, upload.field_name, upload.size, upload.sha256))
    digest = salted_hmac(_SALT, said, algorithm="sha256").digest()
    return uuid.UUID(bytes=digest[:16], version=4)


def find(file_uuids: list[uuid.UUID]) -> list[File]:
    """The files of a request that was answered before, in its order, or none.

    AlreadyUploaded if one was removed since: who wants it again has to send another key.
    """
    found = File.objects.in_bulk(file_uuids)
    if not found:
        return []
    if any(one not in found or found[one].is_removed for one in file_uuids):
        raise AlreadyUploaded
    return [found[one] for one in file_uuids]
