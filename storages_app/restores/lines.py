"""What a line of a backup says of a file, checked: a bucket may say anything."""

import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from storages_app.lib.filenames import base_name
from storages_app.restores.errors import LineInvalid
from storages_app.uploads.errors import UploadRefused
from storages_app.uploads.validation import check_metadata, declared_type

_MAX_KEY = 1024  # bytes, as S3 has it
_MAX_SIZE = 2**60
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MD5 = re.compile(r"[0-9a-f]{32}")
_NONSENSE = (KeyError, TypeError, ValueError, OverflowError, RecursionError, UploadRefused)


@dataclass(frozen=True)
class Line:
    """One file as the backup describes it."""

    uuid: uuid.UUID
    key: str
    version_id: str
    size: int
    sha256: str
    md5: str
    original_filename: str
    mime_type: str
    detected_type: str
    content_info: dict[str, Any] | None
    metadata: dict[str, str]
    appdata: Any
    uploaded_at: datetime
    stored_at: datetime | None


def parse(line: dict[str, Any], *, prefix: str) -> Line:
    """The line as values, or LineInvalid.

    Its key has to lie under the storage's own prefix: where the credentials are ours and not the
    tenant's, the prefix is all that was proved to be theirs.
    """
    try:
        _require_storable(line)
        return Line(
            uuid=_uuid(line["uuid"]),
            key=_key(line["key"], prefix),
            version_id=_text(line.get("version_id") or ""),
            size=_size(line["size"]),
            sha256=_digest(_SHA256, line["sha256"]),
            md5=_digest(_MD5, line["md5"]),
            original_filename=base_name(_text(line["original_filename"])),
            mime_type=declared_type(_text(line["mime_type"])),
            detected_type=_text(line["detected_type"]),
            content_info=_content_info(line.get("content_info")),
            metadata=_metadata(line.get("metadata")),
            appdata=line.get("appdata"),
            uploaded_at=_moment(line["uploaded_at"]),
            stored_at=_moment(line["stored_at"]) if line.get("stored_at") else None,
        )
    except _NONSENSE as error:
        said = str(line.get("uuid", "?"))[:40]
        raise LineInvalid(f"The record of file {said} makes no sense.") from error


def head_of(said: dict[str, Any]) -> dict[str, Any]:
    """What a manifest says of itself, or LineInvalid where no database takes that."""
    try:
        _require_storable(said)
    except _NONSENSE as error:
        raise LineInvalid("What the manifest says of itself makes no sense.") from error
    return said


def _require_storable(line: dict[str, Any]) -> None:
    """A database takes neither NUL nor half a character, and no number that is none."""
    text = json.dumps(line, ensure_ascii=False, allow_nan=False)
    text.encode()
    if "\\u0000" in text.replace("\\\\", ""):  # a backslash before u0000 is a text like any other
        raise ValueError("NUL")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _uuid(value: Any) -> uuid.UUID:
    parsed = uuid.UUID(_text(value))
    if str(parsed) != value:
        raise ValueError("not a UUID as we write it")
    return parsed


def can_be_key(text: str, *, prefix: str) -> bool:
    """Whether it is the key of an object under the prefix, which a database can keep as well."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return False
    return text.startswith(prefix) and text != prefix and size <= _MAX_KEY and "\0" not in text


def _key(value: Any, prefix: str) -> str:
    key = _text(value)
    if not can_be_key(key, prefix=prefix):
        raise ValueError("not a key under the prefix")
    return key


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_SIZE:
        raise ValueError("not a size")
    return value


def _digest(pattern: re.Pattern[str], value: Any) -> str:
    if not pattern.fullmatch(_text(value)):
        raise ValueError("not a digest")
    return str(value)


def _content_info(value: Any) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise TypeError("not an object")
    if value is not None and not isinstance(value.get("image") or {}, dict):
        raise TypeError("not what is told of an image")
    return value


def _metadata(value: Any) -> dict[str, str]:
    pairs = dict(value or {})
    return check_metadata((_text(name), _text(text)) for name, text in pairs.items())


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
