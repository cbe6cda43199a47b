"""The product's addresses, and a plain DRF view that asks neither keys nor database.

It is there twice: as any view of the server (`/bare/`), and led past what is for pages as those of
the APIs are (`/bare/short/`).
"""

from datetime import UTC, datetime
from typing import Any

from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from storages_app.models import File, Project
from storages_app.webhooks.shapes import file_object
from ucdash.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500"]

_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class BareView(APIView):
    """What a file's info looks like, made once."""

    shown: dict[str, Any] = file_object(
        File(
            project=Project(),
            original_filename="file-00001.bin",
            mime_type="application/octet-stream",
            size=1024,
            is_image=False,
            content_info={
                "mime": {
                    "mime": "application/octet-stream",
                    "type": "application",
                    "subtype": "octet-stream",
                }
            },
            uploaded_at=_NOON,
            stored_at=_NOON,
        )
    )

    def get(self, request: Request) -> Response:
        return Response(self.shown)


_short = ([path("", BareView.as_view())], "api")
urlpatterns = [
    path("bare/", BareView.as_view()),
    path("bare/short/", include(_short, namespace="bare")),
    *urlpatterns,
]
