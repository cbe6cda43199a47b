"""The shapes that both APIs share: times, addresses, files, groups (spec/UPLOADCARE 1.2 to 3.8)."""

from typing import Any
from uuid import UUID

from django.conf import settings

from storages_app.api.refusals import NoSuchThing
from storages_app.lib.filenames import sanitise
from storages_app.models import File, Group, GroupMember, UploadSession
from storages_app.webhooks.shapes import file_object, legacy_info, original_url, timestamp

__all__ = [
    "file_object",
    "group_object",
    "group_with_files",
    "legacy_info",
    "number_in_path",
    "original_url",
    "parse_uuid",
    "session_info",
    "timestamp",
    "upload_group_info",
    "upload_info",
]


def number_in_path(text: str) -> int:
    """An id as the APIs write them; NoSuchThing for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise NoSuchThing
    return int(text)


def parse_uuid(text: str) -> UUID:
    """A uuid in its usual form; anything else is simply not there."""
    try:
        parsed = UUID(text)
    except ValueError as error:
        raise NoSuchThing from error
    if str(parsed) != text.lower():
        raise NoSuchThing
    return parsed


def upload_info(file: File) -> dict[str, Any]:
    """fileUploadInfo: the file as the Upload API shows it."""
    return {
        "uuid": str(file.uuid),
        "file_id": str(file.uuid),
        "size": file.size,
        "total": file.size,
        "done": file.size,
        "original_filename": file.original_filename,
        "filename": sanitise(file.original_filename),
        "mime_type": file.mime_type,
        "is_image": file.is_image,
        "is_stored": file.is_stored,
        "is_ready": file.is_ready,
        **legacy_info(file),
        "content_info": file.content_info,
        "metadata": file.metadata or {},
    }


def session_info(session: UploadSession) -> dict[str, Any]:
    """fileUploadInfo of a multipart upload that is still being put together."""
    return {
        "uuid": str(session.pk),
        "file_id": str(session.pk),
        "size": session.size,
        "total": session.size,
        "done": session.size,
        "original_filename": session.original_filename,
        "filename": sanitise(session.original_filename),
        "mime_type": session.mime_type,
        "is_image": False,  # as far as is known
        "is_stored": False,
        "is_ready": False,
        "image_info": None,
        "video_info": None,
        "content_info": None,
        "metadata": session.metadata or {},
    }


def group_object(group: Group, *, version: str = "0.7") -> dict[str, Any]:
    """The group without its files. Versions before 0.7 also say when all of it was stored."""
    shown = {
        "id": group.wire_id,
        "datetime_created": timestamp(group.created_at),
        "datetime_stored": timestamp(group.stored_at),
        "files_count": group.n_files,
        "cdn_url": f"{settings.CDN_URL}/{group.wire_id}/",
        "url": f"{settings.API_URL}/groups/{group.wire_id}/",
    }
    if version == "0.7":
        del shown["datetime_stored"]
    return shown


def group_with_files(group: Group, *, version: str = "0.7") -> dict[str, Any]:
    """The group as REST shows it; in the place of a file whose bytes are gone stands null."""
    return group_object(group, version=version) | {
        "files": [
            file_object(member.file, version=version) | _shown_with(member)
            if member.file.bytes_removed_at is None
            else None
            for member in _members(group)
        ]
    }


def upload_group_info(group: Group) -> dict[str, Any]:
    """The group as the Upload API shows it; fileUploadInfo cannot say "removed", so null does."""
    return group_object(group, version="0.6") | {
        "files": [
            None if member.file.is_removed else upload_info(member.file) | _shown_with(member)
            for member in _members(group)
        ]
    }


def _members(group: Group) -> list[GroupMember]:
    return list(group.members.select_related("file").order_by("position"))


def _shown_with(member: GroupMember) -> dict[str, str]:
    return {"default_effects": member.effects}
