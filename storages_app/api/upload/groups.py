"""/group/ and /group/info/."""

import json
import re
from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse, JsonResponse, QueryDict
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.parsers import single
from storages_app.api.refusals import CallbackInvalid, GroupIdRequired
from storages_app.api.upload.base import UploadView
from storages_app.api.wire import upload_group_info
from storages_app.groups import services as groups

_INDEXED = re.compile(r"files\[([0-9]{1,9})\]", re.ASCII)
_LISTED = "files[]"
# What becomes part of a script: names of functions, one in the other, and nothing else.
_CALLBACK = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*(?:\.[A-Za-z_$][A-Za-z0-9_$]*)*", re.ASCII)
_LONGEST_CALLBACK = 128


class GroupView(UploadView):
    """Put files together.

    With `callback` the answer is a script that calls a function (JSONP). The legacy widget asks for
    it by a script tag, so then a GET makes a group, too.
    """

    callback = ""

    @schema.create_group
    def post(self, request: Request) -> HttpResponse:
        self.read_parameters(request)
        self.callback = _check_callback(self.parameter("callback"))
        project = self.find_project()
        self.check_signature(project)
        group = groups.create(project=project, files=_files(request.query_params, self.fields))
        return self._said(JsonResponse(upload_group_info(group)))

    @schema.create_group_by_script
    def get(self, request: Request) -> HttpResponse:
        # A HEAD comes here as well, and must make nothing.
        if request.method != "GET" or not single("callback", request.query_params):
            raise MethodNotAllowed(str(request.method))
        answer = self.post(request)
        answer["Cache-Control"] = "no-store"
        return answer

    def handle_exception(self, exc: Exception) -> Any:
        return self._said(super().handle_exception(exc))

    def _said(self, answer: HttpResponse) -> HttpResponse:
        """What is JSON becomes the call of the caller's function."""
        if self.callback and isinstance(answer, JsonResponse):
            text = json.dumps(json.loads(answer.content))  # ASCII: no line ends in it
            answer.content = f"{self.callback}({text})"
            answer["Content-Type"] = "application/javascript; charset=utf-8"
        return answer


class GroupInfoView(UploadView):
    """What is in a group; needs no signature, since no client signs it."""

    @schema.get_group_info
    def get(self, request: Request) -> Response:
        project = self.find_project()
        group_id = self.parameter("group_id")
        if not group_id:
            raise GroupIdRequired
        return Response(upload_group_info(groups.find(project=project, group_id=group_id)))


def _check_callback(name: str) -> str:
    if name and not (len(name) <= _LONGEST_CALLBACK and _CALLBACK.fullmatch(name)):
        raise CallbackInvalid
    return name


def _files(*sources: QueryDict) -> list[str]:
    """`files[0]`, `files[1]`… by their numbers, then each `files[]` as it came."""
    names = {name for source in sources for name in source}
    numbered = sorted(
        (int(match[1]), name) for name in names if (match := _INDEXED.fullmatch(name))
    )
    return [*_values(numbered, sources), *(v for s in sources for v in s.getlist(_LISTED))]


def _values(numbered: list[tuple[int, str]], sources: tuple[QueryDict, ...]) -> Iterator[str]:
    for _, name in numbered:
        yield single(name, *sources) or ""
