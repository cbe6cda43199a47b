"""What an upload may be: metadata, size, declared type. Refuses before anything is kept."""

import re
from collections.abc import Iterable, Mapping

from storages_app.models import Project
from storages_app.uploads import errors

MAX_METADATA_KEYS = 50
MAX_METADATA_KEY = 64
MAX_METADATA_VALUE = 512
OCTET_STREAM = "application/octet-stream"

_METADATA_KEY = re.compile(r"[A-Za-z0-9_\-.:]+")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+\-]{1,100}/[A-Za-z0-9!#$&^_.+\-]{1,100}")


def check_metadata(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The metadata of a file, or the first rule it breaks (spec/UPLOADCARE 1.6 and 3.11)."""
    metadata: dict[str, str] = {}
    for key, value in pairs:
        if key in metadata:
            raise errors.MetadataKeyDuplicated(key)
        _check_metadata_key(key)
        _check_metadata_value(key, value)
        metadata[key] = value
    if len(metadata) > MAX_METADATA_KEYS:
        raise errors.TooManyMetadataKeys(MAX_METADATA_KEYS)
    return metadata


def _check_metadata_key(key: str) -> None:
    if not key:
        raise errors.MetadataKeyEmpty
    if len(key) > MAX_METADATA_KEY:
        raise errors.MetadataKeyTooLong(key[:MAX_METADATA_KEY], MAX_METADATA_KEY)
    if not _METADATA_KEY.fullmatch(key):
        raise errors.MetadataKeyForbidden(key)


def _check_metadata_value(key: str, value: str) -> None:
    if not value:
        raise errors.MetadataValueEmpty(key)
    if len(value) > MAX_METADATA_VALUE:
        raise errors.MetadataValueTooLong(key, MAX_METADATA_VALUE)
    if _CONTROL_BUT_LINES.search(value):
        raise errors.MetadataValueForbidden(key)


def check_open(project: Project) -> None:
    """UploadsPaused where the project takes no files for now."""
    if project.uploads_paused_at is not None:
        raise errors.UploadsPaused


def check_size(project: Project, size: int) -> None:
    if project.max_upload_size is not None and size > project.max_upload_size:
        raise errors.FileTooLarge(
            hint=f"This project takes files of at most {project.max_upload_size} bytes."
        )


def check_type(project: Project, detected_type: str) -> None:
    """Refuse a type that the project does not take; what the client declared has no say."""
    accepted = project.accepted_types.split(",") if project.accepted_types else []
    if accepted and not any(_fits(detected_type, pattern.strip()) for pattern in accepted):
        raise errors.TypeForbidden(
            hint=f"This is {detected_type}; the project takes {project.accepted_types}."
        )


def _fits(media_type: str, pattern: str) -> bool:
    kind, _, subtype = pattern.partition("/")
    return pattern == media_type or (subtype == "*" and media_type.startswith(f"{kind}/"))


def check_no_nulls(fields: Mapping[str, Iterable[str]]) -> None:
    for name, values in fields.items():
        if "\0" in name or any("\0" in value for value in values):
            raise errors.NullCharacters


def declared_type(content_type: str) -> str:
    """The type that the client named, if it is one; it is shown and never trusted."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type if _MEDIA_TYPE.fullmatch(media_type) else OCTET_STREAM
