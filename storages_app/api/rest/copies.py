"""/files/remote_copy/."""

from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.parsers import boolean
from storages_app.api.refusals import ParameterInvalid, ParameterMissing
from storages_app.api.rest.base import RestView
from storages_app.copying import services as copying
from storages_app.copying.errors import TargetMissing
from storages_app.custom_storages.errors import BadPattern
from storages_app.library.errors import BadSource
from storages_app.library.sources import parse_source


class RemoteCopyView(RestView):
    """Copy one file, original or processed, into a custom storage."""

    @schema.remote_copy
    def post(self, request: Request) -> Response:
        order = RemoteCopyOrder.read(request.data)
        file, effects = parse_source(order.source, self.project)
        outcome = copying.remote_copy(
            project=self.project,
            file=file,
            effects=effects,
            target=order.target,
            make_public=order.make_public,
            pattern=order.pattern,
            asked_by=self.caller.name,
        )
        answer = {"type": "url", "result": outcome.url}
        return Response(answer, status=outcome.status, headers=outcome.headers)


@dataclass(frozen=True)
class RemoteCopyOrder:
    """The body of the request; clients send booleans as text, and null for what they leave out."""

    source: str
    target: str
    make_public: bool | None
    pattern: str

    @classmethod
    def read(cls, data: Any) -> "RemoteCopyOrder":
        if not isinstance(data, dict):
            raise ParameterInvalid("Expected JSON object.")
        for name in ("source", "target"):
            if data.get(name) is None or data[name] == "":
                raise ParameterMissing(name)
        source, target, pattern = data["source"], data["target"], data.get("pattern")
        if not isinstance(source, str):
            raise BadSource
        if not isinstance(target, str) or "\0" in target:
            raise TargetMissing
        if not isinstance(pattern, str | None):
            raise BadPattern("Invalid pattern provided: Invalid character in a pattern.")
        make_public = _read_make_public(data.get("make_public"))
        return cls(source=source, target=target, make_public=make_public, pattern=pattern or "")


def _read_make_public(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    return boolean("make_public", value if isinstance(value, str) else "")
