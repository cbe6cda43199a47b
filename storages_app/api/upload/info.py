"""/info/."""

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.refusals import FileIdInvalid, FileIdRequired, FileMissing, NoSuchThing
from storages_app.api.upload.base import UploadView
from storages_app.api.wire import parse_uuid, session_info, upload_info
from storages_app.models import File
from storages_app.uploads import sessions


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
        files = File.objects.filter(project=project, pk=file_uuid, removed_at=None)
        found = (
            files.first()
            or sessions.find_completing(project=project, session_uuid=file_uuid)
            or files.first()  # its row may have come in between
        )
        if found is None:
            raise FileMissing
        return Response(upload_info(found) if isinstance(found, File) else session_info(found))
