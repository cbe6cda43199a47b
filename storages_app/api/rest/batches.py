"""/files/storage/: many files stored, or removed, by one request."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.refusals import NoSuchThing, ParameterInvalid
from storages_app.api.rest.base import RestView
from storages_app.api.wire import file_object, parse_uuid
from storages_app.library import services as library
from storages_app.models import File, Project

MAX_FILES = 100

_INVALID, _MISSING = "Invalid", "Missing in the project"


class FilesStorageView(RestView):
    """PUT stores the files that the body names, DELETE removes them.

    What cannot be done is told of each file, and does not keep the others from it.
    """

    @schema.store_files
    def put(self, request: Request) -> Response:
        order = BatchOrder.read(request.data)
        found = order.find(self.project)
        return self._shown(order, library.store_all(files=found, actor=self.caller.name))

    @schema.delete_files
    def delete(self, request: Request) -> Response:
        order = BatchOrder.read(request.data)
        found = order.find(self.project)
        return self._shown(order, library.delete_all(files=found, actor=self.caller.name))

    def _shown(self, order: "BatchOrder", done: list[File]) -> Response:
        return Response(
            {
                "status": "ok",
                "problems": order.problems(done),
                "result": [file_object(file, version=self.version) for file in done],
            }
        )


@dataclass(frozen=True)
class BatchOrder:
    """The ids of a request: each as it was sent, with the uuid that it is; None if it is none."""

    named: dict[str, uuid.UUID | None] = field(default_factory=dict)

    @classmethod
    def read(cls, data: Any) -> "BatchOrder":
        if not isinstance(data, list) or not all(isinstance(one, str) for one in data):
            raise ParameterInvalid("Expected list of UUIDs")
        if not data:
            raise ParameterInvalid("List of UUIDs can not be empty")
        if len(data) > MAX_FILES:
            raise ParameterInvalid(
                f"Maximum UUIDs per request is exceeded. The limit is {MAX_FILES}"
            )
        return cls({text: _uuid_or_none(text) for text in data})

    def find(self, project: Project) -> list[File]:
        """Those of the project; others' files are as missing as those that never were."""
        uuids = {file_uuid for file_uuid in self.named.values() if file_uuid}
        return list(File.objects.filter(project=project, pk__in=uuids))

    def problems(self, done: list[File]) -> dict[str, str]:
        uuids = {file.pk for file in done}
        return {
            text: _MISSING if file_uuid else _INVALID
            for text, file_uuid in self.named.items()
            if file_uuid not in uuids
        }


def _uuid_or_none(text: str) -> uuid.UUID | None:
    try:
        return parse_uuid(text)
    except NoSuchThing:
        return None
