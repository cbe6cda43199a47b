"""What all views of our own additions have in common."""

from typing import Any

from rest_framework.renderers import JSONRenderer

from storages_app.api.errors import v1_error
from storages_app.api.negotiation import AlwaysJson
from storages_app.api.rest.base import RestView


class V1View(RestView):
    """As the REST API, but always plain JSON, and errors that say how to mend them."""

    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJson

    def get_exception_handler(self) -> Any:
        return v1_error
