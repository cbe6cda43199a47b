"""How the wire shows times and files (spec/UPLOADCARE 1.2): in REST, and in what webhooks send."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from storages_app.lib.filenames import sanitise
from storages_app.models import File


def timestamp(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def original_url(file: File) -> str:
    return f"{settings.CDN_URL}/{file.uuid}/{sanitise(file.original_filename)}"


def legacy_info(file: File) -> dict[str, Any]:
    return {"image_info": (file.content_info or {}).get("image"), "video_info": None}


def file_object(file: File, *, version: str = "0.7", with_appdata: bool = False) -> dict[str, Any]:
    """The file as REST shows it. Versions before 0.7 also have the two fields that they know."""
    shown = {
        "uuid": str(file.uuid),
        "url": f"{settings.API_URL}/files/{file.uuid}/",
        "original_filename": file.original_filename,
        "original_file_url": None if file.is_removed else original_url(file),
        "size": file.size,
        "mime_type": file.mime_type,
        "is_image": file.is_image,
        "is_ready": file.is_ready,
        "datetime_uploaded": timestamp(file.uploaded_at),
        "datetime_stored": timestamp(file.stored_at),
        "datetime_removed": timestamp(file.removed_at),
        "variations": None,
        "content_info": file.content_info,
        "metadata": file.metadata or {},
    }
    if with_appdata:
        shown["appdata"] = file.appdata or {}
    if version != "0.7":
        shown |= legacy_info(file)
    return shown
