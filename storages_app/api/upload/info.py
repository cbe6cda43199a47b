"""/info/."""

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.refusals import FileIdInvalid, FileIdRequired, FileMissing, NoSuchThing
from storages_app.api.upload.base import UploadView
from storages_app.api.wire import parse_uuid, upload_info
from storages_app.models import File


class InfoView(UploadView):
    """What is known of one file; needs no signature, since no client signs it."""

    @schema.get_upload_info
    def get(self, request: Request) -> Response:
        project = self.find_project()
        file_id = self.parameter("file_id")
        if not file_id:
            raise FileIdRequired
        try:
            file_uuid = parse_uuid(file_id)
        except NoSuchThing as error:
            raise FileIdInvalid from error
        file = File.objects.filter(project=project, pk=file_uuid, removed_at=None).first()
        if file is None:
            raise FileMissing
        return Response(upload_info(file))
