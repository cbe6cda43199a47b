"""/files/local_copy/ and /files/remote_copy/."""

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_201_CREATED

from storages_app.api import schema
from storages_app.api.parsers import boolean, single
from storages_app.api.refusals import ParameterInvalid, ParameterMissing
from storages_app.api.rest.base import RestView
from storages_app.api.wire import file_object
from storages_app.copying import services as copying
from storages_app.copying.errors import TargetMissing
from storages_app.custom_storages.errors import BadPattern
from storages_app.library.errors import BadSource
from storages_app.library.sources import parse_source
from storages_app.uploads import local_copies


class LocalCopyView(RestView):
    """Make a new file of one of the project, original or processed."""

    @schema.local_copy
    def post(self, request: Request) -> Response:
        return _copy_locally(self, LocalCopyOrder.read(request.data))


class RemoteCopyView(RestView):
    """Copy one file, original or processed, into a custom storage."""

    @schema.remote_copy
    def post(self, request: Request) -> Response:
        return _copy_remotely(self, RemoteCopyOrder.read(request.data))


def by_old_form(view: RestView, data: Any) -> Response:
    """What clients of version 0.5 send to `/files/`: a target makes it a remote copy."""
    if isinstance(data, QueryDict):
        data = {name: single(name, data) for name in data}
    if isinstance(data, dict) and _read_boolean(data, "strip_operations"):
        file, _effects = parse_source(_read_source(data), view.project)
        data = data | {"source": str(file.pk)}
    if isinstance(data, dict) and data.get("target"):
        return _copy_remotely(view, RemoteCopyOrder.read(data))
    return _copy_locally(view, LocalCopyOrder.read(data))


@dataclass(frozen=True)
class LocalCopyOrder:
    """The body of the request; `metadata` is that of the copy, which has none of its own."""

    source: str
    is_stored: bool
    metadata: dict[str, str]

    @classmethod
    def read(cls, data: Any) -> "LocalCopyOrder":
        source = _read_source(_require_object(data))
        is_stored = bool(_read_boolean(data, "store"))
        return cls(source=source, is_stored=is_stored, metadata=_read_metadata(data))


@dataclass(frozen=True)
class RemoteCopyOrder:
    """The body of the request; clients send booleans as text, and null for what they leave out."""

    source: str
    target: str
    make_public: bool | None
    pattern: str

    @classmethod
    def read(cls, data: Any) -> "RemoteCopyOrder":
        source = _read_source(_require_object(data))
        if data.get("target") is None or data["target"] == "":
            raise ParameterMissing("target")
        target, pattern = data["target"], data.get("pattern")
        if not isinstance(target, str) or "\0" in target:
            raise TargetMissing
        if not isinstance(pattern, str | None):
            raise BadPattern("Invalid pattern provided: Invalid character in a pattern.")
        make_public = _read_boolean(data, "make_public")
        return cls(source=source, target=target, make_public=make_public, pattern=pattern or "")


def _copy_locally(view: RestView, order: LocalCopyOrder) -> Response:
    file, effects = parse_source(order.source, view.project)
    copy = local_copies.make(
        file=file, effects=effects, is_stored=order.is_stored, metadata=order.metadata
    )
    shown = file_object(copy, version=view.version)
    return Response(
        {"type": "file", "result": shown},
        status=HTTP_201_CREATED,
        headers={"Location": shown["url"]},
    )


def _copy_remotely(view: RestView, order: RemoteCopyOrder) -> Response:
    file, effects = parse_source(order.source, view.project)
    outcome = copying.remote_copy(
        project=view.project,
        file=file,
        effects=effects,
        target=order.target,
        make_public=order.make_public,
        pattern=order.pattern,
        asked_by=view.caller.name,
    )
    answer = {"type": "url", "result": outcome.url}
    return Response(answer, status=outcome.status, headers=outcome.headers)


def _require_object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ParameterInvalid("Expected JSON object.")
    return data


def _read_source(data: dict[str, Any]) -> str:
    source = data.get("source")
    if source is None or source == "":
        raise ParameterMissing("source")
    if not isinstance(source, str):
        raise BadSource
    return source


def _read_boolean(data: dict[str, Any], name: str) -> bool | None:
    value = data.get(name)
    if value is None or isinstance(value, bool):
        return value
    return boolean(name, value if isinstance(value, str) else "")


def _read_metadata(data: dict[str, Any]) -> dict[str, str]:
    metadata = data.get("metadata")
    if metadata is None:
        return {}
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise ParameterInvalid("`metadata` parameter should be an object of strings.")
    return metadata
