"""Where an original lies in the upload storage."""

import uuid

FOLDERS = [f"{number:02x}" for number in range(256)]


def blob_name_for(file_uuid: uuid.UUID) -> str:
    """Made of the uuid alone: nothing that a client sends becomes part of a path."""
    return f"{file_uuid.hex[:2]}/{file_uuid}"
