"""/addons/<name>/execute/: what a project without add-ons answers."""

from typing import Any
from uuid import UUID

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.parsers import single
from storages_app.api.refusals import FeatureMissing, NoSuchThing
from storages_app.api.rest.base import RestView
from storages_app.api.wire import parse_uuid

_NAMES = {
    "aws_rekognition_detect_labels",
    "aws_rekognition_detect_moderation_labels",
    "remove_bg",
    "uc_clamav_virus_scan",
}


class AddonView(RestView):
    """Let an add-on look at a file, or make one of it."""

    @schema.execute_addon
    def post(self, request: Request, name: str) -> Response:
        _require_known(name)
        data = request.data
        target = _read_uuid("target", data.get("target") if isinstance(data, dict) else None)
        self.get_file(str(target))
        raise FeatureMissing("This add-on is not available for this project.")


class AddonStatusView(RestView):
    """How an execution goes on. There was none, and clients know the word for it."""

    @schema.addon_status
    def get(self, request: Request, name: str) -> Response:
        _require_known(name)
        _read_uuid("request_id", single("request_id", request.query_params))
        return Response({"status": "unknown"})


def _require_known(name: str) -> None:
    if name not in _NAMES:
        raise NoSuchThing


def _read_uuid(field: str, value: Any) -> UUID:
    if value is None:
        raise ValidationError({field: ["This field is required."]})
    try:
        return parse_uuid(value if isinstance(value, str) else "")
    except NoSuchThing as error:
        raise ValidationError({field: ["Must be a valid UUID."]}) from error
