"""/groups/ and /groups/<id>/."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_204_NO_CONTENT

from storages_app.api import schema
from storages_app.api.pagination import Seek, seek_page
from storages_app.api.refusals import NoSuchThing
from storages_app.api.rest.base import RestView
from storages_app.api.wire import group_object, group_with_files
from storages_app.groups import services as groups
from storages_app.models import Group, Tally


class GroupsView(RestView):
    """The project's groups, in pages cut by the time they were made; without their files."""

    @schema.list_groups
    def get(self, request: Request) -> Response:
        seek = Seek.read(request.query_params, wire_field="datetime_created", field="created_at")
        rows = Group.objects.filter(project=self.project, removed_at=None)
        page = seek_page(rows, seek, request._request)
        return Response(
            {
                "next": page.next,
                "previous": page.previous,
                "total": Tally.objects.of(self.project)["n_groups"],
                "per_page": seek.limit,
                "results": [group_object(group, version=self.version) for group in page.results],
            }
        )


class GroupView(RestView):
    """One group with its files; deleting it leaves them."""

    @schema.get_group
    def get(self, request: Request, group_id: str) -> Response:
        return Response(group_with_files(self._find(group_id), version=self.version))

    @schema.delete_group
    def delete(self, request: Request, group_id: str) -> Response:
        groups.delete(group=self._find(group_id), actor=self.caller.name)
        return Response(status=HTTP_204_NO_CONTENT)

    def _find(self, group_id: str) -> Group:
        return groups.find(project=self.project, group_id=group_id)


class GroupStorageView(GroupView):
    """Store all files of a group. Version 0.7 has no such address: its clients store the files."""

    http_method_names = ["put", "options"]

    @schema.store_group
    def put(self, request: Request, group_id: str) -> Response:
        if self.version == "0.7":
            raise NoSuchThing
        group = groups.store(group=self._find(group_id), actor=self.caller.name)
        return Response(group_with_files(group, version=self.version))
