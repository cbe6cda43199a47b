"""/api/v1/custom_storages/: connecting buckets from a program.

Secrets go in and do not come out: of a secret and of a key id the last four characters are shown,
and what is shown may be sent back without being stored.
"""

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.parsers import boolean, single
from storages_app.api.refusals import (
    ConfirmationMissing,
    NoSuchThing,
    ParameterInvalid,
    ProofNotNeeded,
)
from storages_app.api.v1 import storage_fields
from storages_app.api.v1.base import V1View
from storages_app.api.wire import parse_uuid, timestamp
from storages_app.custom_storages import grants, services
from storages_app.custom_storages.auto_copy_rules import Rule
from storages_app.custom_storages.granting import wanted_for
from storages_app.lib.crypto import CannotUnseal
from storages_app.models import ConnectionTest, CustomStorage

_MASK = "****"
_SHORTEST_TO_TELL = 12  # of shorter secrets and ids, four characters would be too much


class StorageView(V1View):
    """Of one custom storage; another project's, and one that is gone, are not found."""

    def get_storage(self, storage_id: str) -> CustomStorage:
        storages = self.project.custom_storages.live()
        storage: CustomStorage | None = storages.filter(pk=parse_uuid(storage_id)).first()
        if storage is None:
            raise NoSuchThing
        return storage


class CustomStoragesView(V1View):
    """The project's custom storages, drafts among them."""

    @schema.list_custom_storages
    def get(self, request: Request) -> Response:
        storages = self.project.custom_storages.live().order_by("name")
        return Response({"results": [storage_object(storage) for storage in storages]})

    @schema.create_custom_storage
    def post(self, request: Request) -> Response:
        fields = storage_fields.read(request.data, required=("name", "bucket"))
        if fields.get("secret", "").startswith(_MASK):
            raise ParameterInvalid("`secret_access_key` is masked here; send the secret itself.")
        storage = services.create_draft(project=self.project, actor=self.caller.name, **fields)
        return Response(storage_object(storage), status=201, headers=_location(storage))


class CustomStorageView(StorageView):
    """One custom storage."""

    @schema.get_custom_storage
    def get(self, request: Request, storage_id: str) -> Response:
        return Response(storage_object(self.get_storage(storage_id)))

    @schema.change_custom_storage
    def patch(self, request: Request, storage_id: str) -> Response:
        """New access settings of a connected storage are tested first: 202, with the test."""
        storage = self.get_storage(storage_id)
        fields = storage_fields.read(request.data)
        if fields.get("access_key_id") == masked(storage.access_key_id):
            del fields["access_key_id"]
        test = services.change(custom_storage=storage, actor=self.caller.name, **fields)
        shown = storage_object(storage)
        return Response(shown, status=202, headers=_location(test)) if test else Response(shown)

    @schema.disconnect_custom_storage
    def delete(self, request: Request, storage_id: str) -> Response:
        """Disconnect it. It cannot be undone, so its name is given once more, as on the page."""
        storage = self.get_storage(storage_id)
        if single("name", request.query_params) != storage.name:
            raise ConfirmationMissing
        n_cancelled = services.disconnect(custom_storage=storage, actor=self.caller.name)
        return Response(storage_object(storage) | {"n_copies_cancelled": n_cancelled})


class ConnectView(StorageView):
    """Copies may go there from now on, if the test of its settings has passed."""

    @schema.connect_custom_storage
    def post(self, request: Request, storage_id: str) -> Response:
        storage = self.get_storage(storage_id)
        services.connect(custom_storage=storage, actor=self.caller.name)
        return Response(storage_object(storage))


class PauseView(StorageView):
    """Copies wait; nothing is lost."""

    @schema.pause_custom_storage
    def post(self, request: Request, storage_id: str) -> Response:
        storage = self.get_storage(storage_id)
        services.pause(custom_storage=storage, actor=self.caller.name)
        return Response(storage_object(storage))


class ResumeView(StorageView):
    """Copies that waited go on."""

    @schema.resume_custom_storage
    def post(self, request: Request, storage_id: str) -> Response:
        storage = self.get_storage(storage_id)
        services.resume(custom_storage=storage, actor=self.caller.name)
        return Response(storage_object(storage))


class GrantView(StorageView):
    """What has to be allowed at the provider, as policies and as steps."""

    @schema.get_grant
    def get(self, request: Request, storage_id: str) -> Response:
        storage = self.get_storage(storage_id)
        with_setup = boolean("setup", single("setup", request.query_params) or "true")
        return Response(grant_object(wanted_for(storage, with_setup=with_setup)))


class ProofView(StorageView):
    """The nonce that the owner of a bucket lays down in it; a new one when the last ran out."""

    @schema.make_proof
    def post(self, request: Request, storage_id: str) -> Response:
        storage = self.get_storage(storage_id)
        if storage.identity != CustomStorage.Identity.PRINCIPAL:
            raise ProofNotNeeded
        nonce = services.proof_nonce(custom_storage=storage)
        return Response(
            {
                "key": f"{storage.prefix}.ucdash-proof",
                "nonce": nonce,
                "valid_until": timestamp(storage.proof_until),
                "proved_at": timestamp(storage.proved_at),
            }
        )


def _location(thing: CustomStorage | ConnectionTest) -> dict[str, str]:
    return {"Location": path_of(thing)}


def path_of(thing: CustomStorage | ConnectionTest) -> str:
    if isinstance(thing, CustomStorage):
        return f"/api/v1/custom_storages/{thing.pk}/"
    return f"/api/v1/custom_storages/{thing.custom_storage_id}/tests/{thing.pk}/"


def storage_object(storage: CustomStorage) -> dict[str, Any]:
    is_role = storage.identity == CustomStorage.Identity.ROLE
    return {
        "id": str(storage.pk),
        "name": storage.name,
        "state": storage.state,
        "provider": storage.provider,
        "endpoint_url": storage.endpoint_url or None,
        "region": storage.region or None,
        "account_id": storage.account_id or None,
        "bucket": storage.bucket,
        "prefix": storage.prefix,
        "identity": storage.identity,
        "access_key_id": masked(storage.access_key_id),
        "secret_access_key": _masked_secret(storage),
        "role_arn": storage.role_arn or None,
        "external_id": storage.external_id if is_role else None,
        "principal_arn": settings.AWS_PRINCIPAL_ARN or None,
        "public_mode": storage.public_mode,
        "storage_class": storage.storage_class or None,
        "encryption": storage.encryption or None,
        "uses": storage.uses,
        "key_pattern": storage.key_pattern,
        "on_clash": storage.on_clash,
        "auto_copy": storage.auto_copy,
        "auto_copy_rule": Rule.of(storage).as_json,
        "auto_copy_since": timestamp(storage.auto_copy_since) if storage.auto_copy else None,
        "created_at": timestamp(storage.created_at),
        "connected_at": timestamp(storage.connected_at),
        "paused_at": timestamp(storage.paused_at),
        "proved_at": timestamp(storage.proved_at),
    }


def grant_object(wanted: grants.Wanted) -> dict[str, Any]:
    grant = grants.grant_for(wanted)
    return {
        "identity_policy": wanted.identity_policy,
        "trust_policy": wanted.trust_policy,
        "bucket_policy": wanted.bucket_policy,
        "key_policy_statement": wanted.key_policy_statement,
        "rights": [
            {
                "action": right.action,
                "resource": right.resource,
                "why": right.why,
                "use": right.use,
                "setup_only": right.setup_only,
            }
            for right in grant.rights
        ],
        "tabs": [
            {
                "id": tab.id,
                "title": tab.title,
                "texts": [vars(text) for text in tab.texts],
                "steps": [vars(step) for step in tab.steps],
            }
            for tab in grant.tabs
        ],
    }


def masked(access_key_id: str) -> str | None:
    """The last four characters tell which key it is, and open nothing."""
    if not access_key_id:
        return None
    return f"…{access_key_id[-4:]}" if len(access_key_id) >= _SHORTEST_TO_TELL else "…"


def _masked_secret(storage: CustomStorage) -> str | None:
    try:
        secret = storage.unseal_secret()
    except CannotUnseal:
        return _MASK
    if not secret:
        return None
    return _MASK + (secret[-4:] if len(secret) >= _SHORTEST_TO_TELL else "")
