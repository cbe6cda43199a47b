"""/files/ and /files/<uuid>/."""

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.pagination import Seek, seek_page
from storages_app.api.parsers import StrictFormParser, StrictJSONParser, boolean, single
from storages_app.api.rest import copies
from storages_app.api.rest.base import RestView
from storages_app.api.wire import file_object
from storages_app.library import services as library
from storages_app.models import File, Project, Tally


class FilesView(RestView):
    """The project's files, in pages cut by the time of upload. POST is the old way to copy one."""

    parser_classes = [StrictJSONParser, StrictFormParser]

    @schema.list_files
    def get(self, request: Request) -> Response:
        removed = _flag(request, "removed")
        stored = _flag(request, "stored")
        seek = Seek.read(request.query_params, wire_field="datetime_uploaded", field="uploaded_at")
        rows = _select(self.project, removed=bool(removed), stored=stored)
        page = seek_page(rows, seek, request._request)
        totals = _totals(self.project)
        return Response(
            {
                "next": page.next,
                "previous": page.previous,
                "total": _total(totals, removed=bool(removed), stored=stored),
                "totals": totals,
                "per_page": seek.limit,
                "results": [
                    file_object(file, version=self.version, with_appdata=_wants_appdata(request))
                    for file in page.results
                ],
            }
        )

    @schema.copy_by_old_form
    def post(self, request: Request) -> Response:
        return copies.by_old_form(self, request.data)


class FileView(RestView):
    """One file. Before version 0.7 a DELETE here was the way to remove it, and still works."""

    @schema.get_file
    def get(self, request: Request, file_uuid: str) -> Response:
        return self._shown(self.get_file(file_uuid))

    @schema.delete_file
    def delete(self, request: Request, file_uuid: str) -> Response:
        file = library.delete(file=self.get_file(file_uuid), actor=self.caller.name)
        return self._shown(file)

    def _shown(self, file: File) -> Response:
        with_appdata = _wants_appdata(self.request)
        return Response(file_object(file, version=self.version, with_appdata=with_appdata))


class FileStorageView(FileView):
    """Store a file by PUT or POST; DELETE removes it."""

    @schema.get_stored_file
    def get(self, request: Request, file_uuid: str) -> Response:
        return super().get(request, file_uuid)

    @schema.delete_stored_file
    def delete(self, request: Request, file_uuid: str) -> Response:
        return super().delete(request, file_uuid)

    @schema.store_file
    def put(self, request: Request, file_uuid: str) -> Response:
        file = library.store(file=self.get_file(file_uuid), actor=self.caller.name)
        return self._shown(file)

    @schema.store_file_by_post
    def post(self, request: Request, file_uuid: str) -> Response:
        return self.put(request, file_uuid)


def _flag(request: Request, name: str) -> bool | None:
    value = single(name, request.query_params)
    return boolean(name, value) if value else None


def _wants_appdata(request: Request) -> bool:
    return single("include", request.query_params) == "appdata"


def _select(project: Project, *, removed: bool, stored: bool | None) -> QuerySet[File]:
    files = File.objects.filter(project=project, removed_at__isnull=not removed)
    if removed:  # by constraint none of them is stored: the database need not look
        return files.none() if stored else files
    return files if stored is None else files.filter(stored_at__isnull=not stored)


def _totals(project: Project) -> dict[str, int]:
    tally = Tally.objects.of(project)
    return {name: tally[f"n_{name}"] for name in ("removed", "stored", "unstored")}


def _total(totals: dict[str, int], *, removed: bool, stored: bool | None) -> int:
    """How many the two filters select: a removed file is never stored."""
    if removed:
        return 0 if stored else totals["removed"]
    if stored is None:
        return totals["stored"] + totals["unstored"]
    return totals["stored" if stored else "unstored"]
