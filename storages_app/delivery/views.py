"""The file host: originals and processed images for anybody who has the link.

No view here looks at a session, a cookie or a user.
"""

import logging
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponsePermanentRedirect,
)
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.csrf import csrf_exempt

from storages_app.delivery.answers import Content, answer
from storages_app.delivery.handing_over import path_of_original
from storages_app.delivery.headers import METHODS, preflight, protect
from storages_app.delivery.info import Form, answer_info, split_form
from storages_app.delivery.tokens import Permission, require_named, require_token
from storages_app.imaging import effects as image_effects
from storages_app.imaging.effects import Effects
from storages_app.imaging.errors import (
    ImagingBusy,
    ImagingError,
    NotAnImage,
)
from storages_app.imaging.formats import EXTENSIONS_BY_TYPE
from storages_app.imaging.operations.inline import Inline
from storages_app.lib.filenames import base_name, sanitise
from storages_app.models import File, Project
from storages_app.models.rows import fetch
from storages_app.objectstores.errors import ObjectStoreError
from storages_app.projects.errors import UrlTokenRefused
from storages_app.renditions import services as renditions

log = logging.getLogger(__name__)

_PATIENCE_S = 15  # a browser's, while all image processes are busy
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+\-]*/[a-z0-9][a-z0-9.+\-]*(?:; charset=[a-z0-9\-]+)?")
_NOT_AN_IMAGE_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>400 Bad Request</title></head>
<body><h1>400 Bad Request</h1><p>{message}</p></body></html>
"""

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class _Asked:
    """What an address asks of a file, once it was read."""

    file: File
    effects: Effects
    others: renditions.Others  # files that the picture is made with
    name: str
    permission: Permission

    @property
    def cache_control(self) -> str:
        now = timezone.now()
        age = min(_max_age(file, now) for file in (self.file, *self.others.values()))
        expires = age < settings.FILES_KEPT_BY_CACHES_S
        return self.permission.cache_control(age, changes=expires)

    @property
    def inline(self) -> bool | None:
        step = self.effects.last(Inline)
        return step.is_wanted if step else None


def on_file_host(view: View) -> View:
    """Every answer, refusals too, carries the file host's headers; only reading is possible."""

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "OPTIONS":
            return protect(preflight(HttpResponse(status=204)))
        if request.method not in {"GET", "HEAD"}:
            response = _text("Files can only be read here.", status=405)
            response["Allow"] = METHODS
            return protect(response)
        return protect(_answered(view, request, *args, **kwargs))

    return guarded


def _answered(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    try:
        return view(request, *args, **kwargs)
    except Http404:
        return _text("File not found", status=404)
    except UrlTokenRefused as error:
        return _text(f"{error.message}\n{error.advice}", status=403)
    except ImagingError as error:
        return _refusal(error)
    except ObjectStoreError as error:
        log.error("%s: the upload storage gives nothing: %s", request.path, error.message)
        return _later("The file cannot be read at the moment. Come again.")


@on_file_host
def add_slash(request: HttpRequest, file_uuid: uuid.UUID) -> HttpResponseBase:
    query = request.META.get("QUERY_STRING", "")  # a token may be in it
    return HttpResponsePermanentRedirect(f"/{file_uuid}/" + (f"?{query}" if query else ""))


@on_file_host
def serve(request: HttpRequest, file_uuid: uuid.UUID, rest: str = "") -> HttpResponseBase:
    """`/<uuid>/[-/operation/…/][filename]`."""
    return answer_file(request, live_file(file_uuid), rest)


@on_file_host
def not_found(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
    raise Http404


def broken(request: HttpRequest) -> HttpResponseBase:
    return protect(_text("Something went wrong here.", status=500))


def answer_file(
    request: HttpRequest, file: File, rest: str, *, first: Effects | None = None
) -> HttpResponseBase:
    """What `rest`, the path behind the file, asks of it, after the operations that come first.

    Where the project signs its addresses, the request's token must cover its path.
    """
    permission = require_token(request, file.project)
    # The web server has percent-decoded the path; once is enough.
    written, filename = image_effects.split_path(rest)
    if "/" in unquote(filename).replace("\\", "/"):
        raise Http404  # a way to somewhere else, for who decodes it once more
    written, form = split_form(written)
    effects = image_effects.parse(written, is_encoded=False)
    if first:
        effects = Effects(first.steps + effects.steps)
    require_named(request, file.project, effects.files)
    others = renditions.find_others(project_id=file.project_id, effects=effects)
    name = base_name(filename) if filename else ""
    asked = _Asked(file, effects, others, name, permission)
    try:
        if form:
            return _info(request, asked, form)
        content = _original(asked) if effects.is_empty else _processed(request, asked)
        return answer(request, content)
    except FileNotFoundError as error:
        raise _bytes_are_gone(file) from error


def live_files() -> QuerySet[File]:
    """What can be read now."""
    return File.objects.readable().filter(project__removed_at=None)


def live_file(file_uuid: uuid.UUID) -> File:
    """The one of `live_files` with this UUID, its project with it; Http404 if there is none."""
    file = fetch(File, file_uuid)
    if file is None or not _can_be_read(file, timezone.now()):
        raise Http404
    project = fetch(Project, file.project_id)
    if project is None or project.removed_at:
        raise Http404
    file.project = project
    return file


def _can_be_read(file: File, now: datetime) -> bool:
    is_kept = file.is_stored or file.expires_at is None or file.expires_at > now
    return file.is_ready and not file.is_removed and is_kept


def _bytes_are_gone(file: File) -> Http404:
    log.error("The bytes of file %s are not in the upload storage.", file.uuid)
    return Http404()


def _original(asked: _Asked) -> Content:
    file = asked.file
    return Content(
        open=file.open_bytes,
        size=file.size,
        sha256=file.sha256,
        content_type=_safe_type(file.detected_type),
        filename=asked.name or sanitise(file.original_filename),
        changed_at=file.uploaded_at,
        cache_control=asked.cache_control,
        inline=asked.inline,
        extra=_image_size(file),
        path=path_of_original(file.blob_name),
    )


def _processed(request: HttpRequest, asked: _Asked) -> Content:
    file, effects = asked.file, asked.effects
    rendered = renditions.render(
        file=file,
        effects=effects,
        accept=request.headers.get("Accept", ""),
        patience_s=_PATIENCE_S,
        others=asked.others,
    )
    extra = {"X-Image-Width": str(rendered.width), "X-Image-Height": str(rendered.height)}
    if effects.depends_on_accept:
        extra["Vary"] = "Accept"
    root = PurePath(sanitise(file.original_filename)).stem
    return Content(
        open=lambda: rendered.path.open("rb"),
        size=rendered.size,
        sha256=rendered.sha256,
        content_type=rendered.content_type,
        filename=asked.name or root + EXTENSIONS_BY_TYPE[rendered.content_type],
        changed_at=file.uploaded_at,
        cache_control=asked.cache_control,
        inline=asked.inline,
        extra=extra,
        path=rendered.path,
    )


def _info(request: HttpRequest, asked: _Asked, form: Form) -> HttpResponseBase:
    response = answer_info(
        asked.file,
        asked.effects,
        form,
        accept=request.headers.get("Accept", ""),
        patience_s=_PATIENCE_S,
        others=asked.others,
    )
    response["Cache-Control"] = asked.cache_control
    if asked.effects.depends_on_accept:
        response["Vary"] = "Accept"
    return response


def _image_size(file: File) -> dict[str, str]:
    info = (file.content_info or {}).get("image") or {}
    if "width" not in info or "height" not in info:
        return {}
    return {"X-Image-Width": str(info["width"]), "X-Image-Height": str(info["height"])}


def _safe_type(detected_type: str) -> str:
    known = _CONTENT_TYPE.fullmatch(detected_type)
    return detected_type if known else "application/octet-stream"


def _max_age(file: File, now: datetime) -> int:
    """Long, as bytes never change; a file that expires is kept by nobody beyond its time."""
    longest: int = settings.FILES_KEPT_BY_CACHES_S
    if file.is_stored or file.expires_at is None:
        return longest
    return min(longest, int((file.expires_at - now).total_seconds()))


def _refusal(error: ImagingError) -> HttpResponse:
    if isinstance(error, NotAnImage):
        return _never_kept(
            HttpResponse(format_html(_NOT_AN_IMAGE_PAGE, message=error.message), status=400)
        )
    if isinstance(error, ImagingBusy):
        return _later(f"{error.message} {error.advice}")
    return _text(f"{error.message}\n{error.advice}\n\n{error.code}", status=400)


def _later(text: str) -> HttpResponse:
    response = _text(text, status=503)
    response["Retry-After"] = "5"
    return response


def _text(text: str, *, status: int) -> HttpResponse:
    return _never_kept(
        HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
    )


def _never_kept(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
