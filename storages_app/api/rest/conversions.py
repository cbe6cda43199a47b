"""/convert/document/ and /convert/video/: what a project without conversion answers.

Nothing here converts. Clients that ask get the answers that they know from such a project, and not
those of an address that there is not.
"""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.refusals import FeatureMissing, NoSuchThing, ParameterInvalid
from storages_app.api.rest.base import RestView

_NO_DOCUMENTS = "Document conversion feature is not available for this project."
_NO_VIDEOS = "Video conversion feature is not available for this project."


class ConversionView(RestView):
    """Order conversions."""

    refusal: ClassVar[str]

    def post(self, request: Request) -> Response:
        _require_paths(request.data)
        raise FeatureMissing(self.refusal)


@schema.convert_documents
class DocumentsView(ConversionView):
    refusal = _NO_DOCUMENTS


@schema.convert_videos
class VideosView(ConversionView):
    refusal = _NO_VIDEOS


class DocumentView(RestView):
    """What a document could be converted to."""

    @schema.document_formats
    def get(self, request: Request, file_uuid: str) -> Response:
        self.get_file(file_uuid)
        raise FeatureMissing(_NO_DOCUMENTS)


class DocumentStatusView(RestView):
    """How an order goes on; there are none."""

    @schema.document_status
    def get(self, request: Request, token: str) -> Response:
        raise NoSuchThing


class VideoStatusView(RestView):
    """As for documents; one client asks by POST."""

    @schema.video_status
    def get(self, request: Request, token: str) -> Response:
        raise NoSuchThing

    @schema.video_status_by_post
    def post(self, request: Request, token: str) -> Response:
        raise NoSuchThing


def _require_paths(data: Any) -> None:
    if not isinstance(data, dict):
        raise ParameterInvalid("Expected JSON object.")
    if not data.get("paths"):
        raise ParameterInvalid("“paths” parameter is required.")
