"""How bytes are answered: whole, in part, or not at all because the browser has them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from django.core.files import File as DjangoFile
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date

from storages_app.delivery.headers import may_be_shown
from storages_app.delivery.ranges import OutOfRange, parse_range, read_range


@dataclass(frozen=True)
class Content:
    """What is to be sent, before anything is opened."""

    open: "Callable[[], BinaryIO | DjangoFile[bytes]]"
    size: int
    sha256: str
    content_type: str
    filename: str
    changed_at: datetime
    max_age: int
    inline: bool | None = None
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'


class _BigBlocks(FileResponse):
    block_size = 256 * 1024  # where the server cannot send the file by itself


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
    body = content.open()
    return _part(body, content, headers, *part) if part else _whole(body, content, headers)


def _headers(content: Content) -> dict[str, str]:
    is_shown = may_be_shown(content.content_type, wanted=content.inline)
    return {
        "Content-Type": content.content_type,
        "Content-Disposition": content_disposition_header(not is_shown, content.filename) or "",
        "ETag": content.etag,
        "Last-Modified": http_date(content.changed_at.timestamp()),
        "Cache-Control": f"public, max-age={content.max_age}",
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


def _whole(
    body: "BinaryIO | DjangoFile[bytes]", content: Content, headers: dict[str, str]
) -> HttpResponseBase:
    response = _BigBlocks(body, content_type=content.content_type)
    for name, value in headers.items():
        response[name] = value
    response["Content-Length"] = str(content.size)
    return response


def _part(
    body: "BinaryIO | DjangoFile[bytes]",
    content: Content,
    headers: dict[str, str],
    first: int,
    last: int,
) -> HttpResponseBase:
    response = StreamingHttpResponse(read_range(body, first, last), status=206, headers=headers)
    response._resource_closers.append(body.close)  # type: ignore[attr-defined]
    response["Content-Range"] = f"bytes {first}-{last}/{content.size}"
    response["Content-Length"] = str(last - first + 1)
    return response


def _out_of_range(content: Content) -> HttpResponse:
    response = HttpResponse(
        f"The file has {content.size} bytes; the range begins behind them.\n",
        status=416,
        content_type="text/plain; charset=utf-8",
    )
    response["Content-Range"] = f"bytes */{content.size}"
    return response
