"""Groups on the file host: their list, their files one by one, and all of them in an archive."""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.conf import settings
from django.core.files import File as DjangoFile
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponsePermanentRedirect,
    StreamingHttpResponse,
)
from django.utils.html import format_html, format_html_join
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from django.views.decorators.csrf import csrf_exempt

from storages_app.delivery.tokens import require_token
from storages_app.delivery.views import answer_file, live_file, live_files, on_file_host
from storages_app.groups import services as groups
from storages_app.groups.errors import ArchiveTooLarge, GroupNotFound
from storages_app.imaging import effects as image_effects
from storages_app.lib.archives import Entry, entry_names, tar_archive, tar_size, zip_archive
from storages_app.lib.filenames import base_name
from storages_app.models import File, Group, GroupMember

log = logging.getLogger(__name__)

MAX_ARCHIVE_BYTES = 2 * 1024**3
_KEPT_S = 60  # a group never changes, but its files may be removed
# The page is ours and holds no stranger's bytes; what it links to is saved, not shown.
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-downloads"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui;margin:2rem}}</style></head>
<body><h1>{title}</h1><ol start="0">{files}</ol>
<p>All files: <a href="archive/zip/{query}">zip</a>, <a href="archive/tar/{query}">tar</a></p>
</body></html>
"""
_Archive = Callable[[list[Entry]], Iterator[bytes]]
_KINDS: dict[str, tuple[str, _Archive]] = {
    "zip": ("application/zip", zip_archive),
    "tar": ("application/x-tar", tar_archive),
}


@on_file_host
def add_slash(request: HttpRequest, **parts: Any) -> HttpResponseBase:
    """`/<uuid>~N` and what is below it. The table of addresses knows the path: no other host."""
    query = request.META.get("QUERY_STRING", "")
    return HttpResponsePermanentRedirect(f"{request.path_info}/{'?' if query else ''}{query}")


@on_file_host
def member(
    request: HttpRequest, *, group_id: str, position: str, rest: str = ""
) -> HttpResponseBase:
    """`/<uuid>~N/nth/<i>/[-/operation/…/][filename]`: the file as the group shows it, and more."""
    group = _find(group_id)
    found = GroupMember.objects.filter(group=group, position=int(position)).first()
    if found is None:
        raise Http404
    first = image_effects.parse(f"-/{found.effects}") if found.effects else None
    return answer_file(request, live_file(found.file_id), rest, first=first)


@on_file_host
def archive(
    request: HttpRequest, *, group_id: str, kind: str, filename: str = ""
) -> HttpResponseBase:
    """`/<uuid>~N/archive/(zip|tar)/[filename]`: the originals of all files, each once."""
    group = _find(group_id)
    permission = require_token(request, group.project)
    files = _originals(group)
    if sum(file.size for file in files) > MAX_ARCHIVE_BYTES:
        return _too_large()
    entries = _entries(files)
    content_type, make = _KINDS[kind]
    name = base_name(filename) if filename else f"{group.wire_id}.{kind}"
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": content_disposition_header(True, name) or "",
        "Cache-Control": permission.cache_control(_kept_for()),
        "Accept-Ranges": "none",
    }
    if kind == "tar":
        headers["Content-Length"] = str(tar_size(entries))
    body = iter(()) if request.method == "HEAD" else make(entries)
    return StreamingHttpResponse(body, headers=headers)


@csrf_exempt
def listing(request: HttpRequest, *, group_id: str) -> HttpResponseBase:
    """`/<uuid>~N/`: a page of links."""
    response = _listing(request, group_id=group_id)
    if response.status_code == 200 and request.method != "OPTIONS":
        response["Content-Security-Policy"] = _PAGE_POLICY
    return response


@on_file_host
def _listing(request: HttpRequest, *, group_id: str) -> HttpResponseBase:
    group = _find(group_id)
    permission = require_token(request, group.project)
    query = request.META.get("QUERY_STRING", "")
    query = f"?{query}" if query else ""  # a token for the page may be one for its links
    members = group.members.select_related("file").order_by("position")
    files = format_html_join("\n", "<li>{}</li>", ((_link(row, query),) for row in members))
    title = "1 file" if group.n_files == 1 else f"{group.n_files} files"
    response = HttpResponse(format_html(_PAGE, title=title, files=files, query=query))
    response["Cache-Control"] = permission.cache_control(_kept_for())
    return response


def _find(group_id: str) -> Group:
    try:
        return groups.find_for_reader(group_id=group_id)
    except GroupNotFound as error:
        raise Http404 from error


def _kept_for() -> int:
    return min(_KEPT_S, settings.FILES_KEPT_BY_CACHES_S)


def _link(row: GroupMember, query: str) -> SafeString:
    if row.file.is_removed:
        return format_html("<i>removed</i> <code>{}</code>", row.file_id)
    return format_html(
        '<a href="nth/{}/{}"><bdi>{}</bdi></a> <code>{}</code>',
        row.position,
        query,
        base_name(row.file.original_filename),
        row.file_id,
    )


def _originals(group: Group) -> list[File]:
    """All of them, or nothing: an archive that lacks a file does not say so."""
    wanted = group.members.order_by("position").values_list("file_id", flat=True)
    wanted_once = list(dict.fromkeys(wanted))
    live = live_files().filter(group_members__group=group).distinct().in_bulk()
    if len(live) < len(wanted_once):
        raise Http404
    return [live[file_uuid] for file_uuid in wanted_once]


def _entries(files: list[File]) -> list[Entry]:
    names = entry_names([file.original_filename for file in files])
    return [
        Entry(name, file.size, file.uploaded_at, partial(_open, file))
        for name, file in zip(names, files, strict=True)
    ]


def _open(file: File) -> "DjangoFile[bytes]":
    try:
        return file.open_bytes()
    except FileNotFoundError:
        # The answer has begun: breaking it off is the one way to say that it is not whole.
        log.error("The bytes of file %s are not in the upload storage.", file.uuid)
        raise


def _too_large() -> HttpResponse:
    refusal = ArchiveTooLarge()
    return HttpResponse(
        f"{refusal.message}\n{refusal.advice}\n",
        status=400,
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )
