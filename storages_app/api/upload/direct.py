"""/base/: files in the body of one request."""

from collections import Counter

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.upload.base import UploadView
from storages_app.uploads import services as uploads
from storages_app.uploads.errors import FieldRepeated, NoFiles
from storages_app.uploads.receiving import Form, receive_form
from storages_app.uploads.validation import check_metadata, check_no_nulls


class DirectUploadView(UploadView):
    """Take one or more files; the answer has the uuid of each under the name of its field."""

    public_key_parameter = "UPLOADCARE_PUB_KEY"

    @schema.upload_directly
    def post(self, request: Request) -> Response:
        with receive_form(request._request) as form:
            self.fields = form.fields
            check_no_nulls(dict(form.fields.lists()))
            project = self.find_project()
            is_signed = self.check_signature(project)
            _check_files(form)
            for upload in form.uploads:
                upload.is_signed = is_signed
            files = uploads.receive_all(
                project=project,
                uploads=form.uploads,
                store=self.parameter("UPLOADCARE_STORE"),
                metadata=check_metadata(self.metadata()),
                idempotency_key=request.headers.get("Idempotency-Key", ""),
            )
        names = [upload.field_name for upload in form.uploads]
        return Response({name: str(file.uuid) for name, file in zip(names, files, strict=True)})


def _check_files(form: Form) -> None:
    if not form.uploads:
        raise NoFiles
    n_of_name = Counter(upload.field_name for upload in form.uploads)
    repeated = [name for name, n in n_of_name.items() if n > 1]
    if repeated:
        raise FieldRepeated
