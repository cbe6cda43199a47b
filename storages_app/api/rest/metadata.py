"""/files/<uuid>/metadata/ and below."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT

from storages_app.api import schema
from storages_app.api.refusals import NoSuchThing, ParameterInvalid
from storages_app.api.rest.base import RestView
from storages_app.uploads import metadata


class MetadataView(RestView):
    """All metadata of a file."""

    @schema.list_metadata
    def get(self, request: Request, file_uuid: str) -> Response:
        return Response(self.get_file(file_uuid).metadata or {})


class MetadataKeyView(RestView):
    """One value, which is the whole body of requests and answers: a JSON string."""

    @schema.get_metadata
    def get(self, request: Request, file_uuid: str, key: str) -> Response:
        known = self.get_file(file_uuid).metadata or {}
        if key not in known:
            raise NoSuchThing
        return Response(known[key])

    @schema.put_metadata
    def put(self, request: Request, file_uuid: str, key: str) -> Response:
        file = self.get_file(file_uuid)
        value: object = request.data
        if not isinstance(value, str):
            raise ParameterInvalid("Expected JSON string.")
        is_new = metadata.put(file=file, key=key, value=value)
        return Response(value, status=HTTP_201_CREATED if is_new else HTTP_200_OK)

    @schema.delete_metadata
    def delete(self, request: Request, file_uuid: str, key: str) -> Response:
        metadata.remove(file=self.get_file(file_uuid), key=key)
        return Response(status=HTTP_204_NO_CONTENT)
