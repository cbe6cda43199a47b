"""/api/v1/custom_storages/: the connected buckets, without their secrets."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.v1.base import V1View
from storages_app.api.wire import timestamp
from storages_app.models import CustomStorage


class CustomStoragesView(V1View):
    """The project's custom storages, drafts among them."""

    @schema.list_custom_storages
    def get(self, request: Request) -> Response:
        storages = self.project.custom_storages.live().order_by("name")
        return Response({"results": [storage_object(storage) for storage in storages]})


def storage_object(storage: CustomStorage) -> dict[str, Any]:
    return {
        "id": str(storage.pk),
        "name": storage.name,
        "state": storage.state,
        "provider": storage.provider,
        "endpoint_url": storage.endpoint_url or None,
        "region": storage.region or None,
        "bucket": storage.bucket,
        "prefix": storage.prefix,
        "identity": storage.identity,
        "access_key_id": _masked(storage.access_key_id),
        "public_mode": storage.public_mode,
        "key_pattern": storage.key_pattern,
        "on_clash": storage.on_clash,
        "auto_copy": storage.auto_copy,
        "created_at": timestamp(storage.created_at),
        "connected_at": timestamp(storage.connected_at),
        "paused_at": timestamp(storage.paused_at),
    }


def _masked(access_key_id: str) -> str:
    """The last four characters tell which key it is, and open nothing."""
    return f"…{access_key_id[-4:]}" if len(access_key_id) > 8 else "…"
