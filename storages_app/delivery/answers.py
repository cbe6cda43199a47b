"""How bytes are answered: whole, in part, or not at all because the browser has them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from django.core.files import File as DjangoFile
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date

from storages_app.delivery.handing_over import handed_over
from storages_app.delivery.headers import may_be_shown
from storages_app.delivery.ranges import OutOfRange, Stretch, parse_range


@dataclass(frozen=True)
class Content:
    """What is to be sent, before anything is opened."""

    open: "Callable[[], BinaryIO | DjangoFile[bytes]]"
    size: int
    sha256: str
    content_type: str
    filename: str
    changed_at: datetime
    cache_control: str
    inline: bool | None = None
    extra: dict[str, str] = field(default_factory=dict)
    path: Path | None = None  # where it is on this disk, if it is

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'


class _BigBlocks(FileResponse):
    """Gunicorn has the kernel send what has a file descriptor; the rest goes in such blocks."""

    block_size = 256 * 1024


def answer(request: HttpRequest, content: Content) -> HttpResponseBase:
    """Send the content as the request's conditions and range ask; a HEAD opens nothing."""
    headers = _headers(content)
    unchanged = get_conditional_response(
        request,
        etag=content.etag,
        last_modified=int(content.changed_at.timestamp()),
        response=HttpResponse(headers=headers),
    )
    if unchanged and unchanged.status_code != 200:
        return unchanged
    if request.method == "HEAD":
        return HttpResponse(headers=headers | {"Content-Length": str(content.size)})
    try:
        part = parse_range(_wanted_range(request, content), content.size)
    except OutOfRange:
        return _out_of_range(content)
    if place := handed_over(request, content.path):
        content.open().close()  # a file that is not there is our 404, and a link is none
        del headers["Accept-Ranges"]  # it says so itself
        return HttpResponse(headers=headers | place)
    return _sent(content, headers, part)


def _headers(content: Content) -> dict[str, str]:
    is_shown = may_be_shown(content.content_type, wanted=content.inline)
    return {
        "Content-Type": content.content_type,
        "Content-Disposition": content_disposition_header(not is_shown, content.filename) or "",
        "ETag": content.etag,
        "Last-Modified": http_date(content.changed_at.timestamp()),
        "Cache-Control": content.cache_control,
        "Accept-Ranges": "bytes",
        **content.extra,
    }


def _wanted_range(request: HttpRequest, content: Content) -> str:
    condition = request.headers.get("If-Range", "")
    if condition and condition not in {
        content.etag,
        http_date(content.changed_at.timestamp()),
    }:
        return ""  # it has another version: it must get all of this one
    return request.headers.get("Range", "")


def _sent(
    content: Content, headers: dict[str, str], part: tuple[int, int] | None
) -> HttpResponseBase:
    first, last = part or (0, content.size - 1)
    length = last - first + 1
    status = 200
    if part:
        status = 206
        headers = headers | {"Content-Range": f"bytes {first}-{last}/{content.size}"}
    body = Stretch(content.open(), first, length)
    response = _BigBlocks(body, status=status, content_type=content.content_type)
    for name, value in headers.items():
        response[name] = value
    response["Content-Length"] = str(length)
    return response


def _out_of_range(content: Content) -> HttpResponse:
    response = HttpResponse(
        f"The file has {content.size} bytes; the range begins behind them.\n",
        status=416,
        content_type="text/plain; charset=utf-8",
    )
    response["Content-Range"] = f"bytes */{content.size}"
    return response
