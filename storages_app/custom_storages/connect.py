"""From a row to a bucket one can talk to: the one place that unseals S3 secrets."""

import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from storages_app.custom_storages.errors import OwnershipUnproved
from storages_app.models import CustomStorage
from storages_app.objectstores import providers
from storages_app.objectstores.backends import s3
from storages_app.objectstores.backends.s3.address import BucketAddress
from storages_app.objectstores.backends.s3.roles import (
    OperatorIdentity,
    TemporaryCredentials,
    assume_role,
)
from storages_app.objectstores.base import Location, ObjectStore, PutOptions
from storages_app.objectstores.errors import AccessDenied, AddressInvalid

Identity = CustomStorage.Identity

_KEYS_OF_A_PROBE = 10  # a page of a full bucket is long, and a test looks at its first key
# A copy that has begun keeps the credentials it began with, so fresh ones are fetched early.
_RENEW_BEFORE = timedelta(minutes=30)
_roles: dict[tuple[str, str, str], TemporaryCredentials] = {}
_roles_lock = threading.Lock()


def operator_identity() -> OperatorIdentity | None:
    """This installation's own AWS identity, or None; never looked for in the environment."""
    arn, key_id = settings.AWS_PRINCIPAL_ARN, settings.AWS_ACCESS_KEY_ID
    secret = settings.AWS_SECRET_ACCESS_KEY
    if not (arn and key_id and secret):
        return None
    return OperatorIdentity(key_id, secret, principal_arn=arn, sts_url=settings.AWS_STS_URL)


def identities_offered(provider_slug: str) -> list[CustomStorage.Identity]:
    """The ways in that this installation can offer for buckets of a provider."""
    if provider_slug == "aws" and operator_identity():
        return [Identity.ACCESS_KEY, Identity.ROLE, Identity.PRINCIPAL]
    return [Identity.ACCESS_KEY]


def open_store(custom_storage: CustomStorage) -> ObjectStore:
    """A store whose connections are shared by all threads of this process."""
    if custom_storage.identity == Identity.PRINCIPAL and not custom_storage.proved_at:
        raise OwnershipUnproved
    return s3.open_store(location_of(custom_storage))


def put_options(custom_storage: CustomStorage, **more: Any) -> PutOptions:
    """How objects are written there: class, encryption, and the checksum its test found."""
    encryption = custom_storage.encryption
    settled: dict[str, Any] = {
        "storage_class": custom_storage.storage_class,
        "encryption": encryption.get("mode", ""),
        "kms_key_id": encryption.get("kms_key_id", ""),
        "checksum": custom_storage.capabilities.get("checksum", "sha256"),
    }
    return PutOptions(**(settled | more))


def open_probe_store(
    custom_storage: CustomStorage, *, account_id: str | None = None
) -> ObjectStore:
    """A store for one connection test: it gives up early and is not kept.

    `account_id` is expected as the bucket's owner in place of the storage's own; "" is nobody.
    """
    location = location_of(custom_storage)
    if account_id is not None:
        location = replace(location, account_id=account_id)
    store = s3.probe_store(location)
    store.page_size = _KEYS_OF_A_PROBE
    return store


def open_outside_store(custom_storage: CustomStorage) -> ObjectStore:
    """The same without credentials, for the questions that need none."""
    return s3.probe_store(_location(custom_storage, "nobody", "nothing"))


def object_url(custom_storage: CustomStorage, key: str) -> str:
    """Where a browser would look for an object; who may read it is the bucket's to say."""
    unsigned = _location(custom_storage, "nobody", "nothing")  # an address needs no credentials
    address = BucketAddress(unsigned).of_object(key)
    return address.origin + address.target


def location_of(custom_storage: CustomStorage) -> Location:
    """Address and credentials; a role is assumed here, which may take a request."""
    if custom_storage.identity == Identity.ACCESS_KEY:
        secret = custom_storage.unseal_secret()
        return _location(custom_storage, custom_storage.access_key_id, secret)
    operator = _operator()
    _require_amazons(custom_storage)
    if custom_storage.identity == Identity.PRINCIPAL:
        return _location(custom_storage, operator.access_key_id, operator.secret_access_key)
    found = _assumed(operator, custom_storage)
    return _location(
        custom_storage, found.access_key_id, found.secret_access_key, found.session_token
    )


def _operator() -> OperatorIdentity:
    operator = operator_identity()
    if operator is None:
        raise AddressInvalid("This installation has no AWS identity any more; ask its operator.")
    return operator


def _require_amazons(custom_storage: CustomStorage) -> None:
    """What our own identity signs goes to Amazon only, not to an address that a tenant typed."""
    if custom_storage.provider != "aws" or custom_storage.endpoint_url:
        raise AddressInvalid("This way in is for buckets at Amazon's own addresses only.")


def _location(
    custom_storage: CustomStorage, key_id: str, secret: str, session_token: str = ""
) -> Location:
    provider = providers.provider(custom_storage.provider)
    region = custom_storage.region or provider.default_region
    is_aws = custom_storage.provider == "aws"
    operators_url = settings.AWS_S3_URL.replace("{region}", region) if is_aws else ""
    return Location(
        bucket=custom_storage.bucket,
        region=region,
        access_key_id=key_id,
        secret_access_key=secret,
        session_token=session_token,
        endpoint_url=custom_storage.endpoint_url or operators_url,
        path_style=provider.path_style or bool(operators_url) or "." in custom_storage.bucket,
        account_id=custom_storage.account_id if is_aws else "",
        sts_url=settings.AWS_STS_URL if is_aws else "",
    )


def _assumed(operator: OperatorIdentity, custom_storage: CustomStorage) -> TemporaryCredentials:
    region = custom_storage.region or providers.provider(custom_storage.provider).default_region
    identity = (custom_storage.role_arn, custom_storage.external_id, region)
    with _roles_lock:  # one asks, the other threads wait for its answer
        known = _roles.get(identity)
        if known and known.expires_at > datetime.now(UTC) + _RENEW_BEFORE:
            return known
        _roles[identity] = assume_role(
            operator,
            role_arn=custom_storage.role_arn,
            external_id=custom_storage.external_id,
            region=region,
        )
        return _roles[identity]


def may_assume(custom_storage: CustomStorage, *, external_id: str | None) -> bool:
    """Whether the role lets us in with another external id than the storage's, or with none."""
    region = custom_storage.region or providers.provider(custom_storage.provider).default_region
    try:
        assume_role(
            _operator(), role_arn=custom_storage.role_arn, external_id=external_id, region=region
        )
    except AccessDenied as error:
        if type(error) is AccessDenied:
            return False
        raise
    return True


def forget_role(custom_storage: CustomStorage) -> None:
    """Assume the role anew next time: a test must not live on yesterday's rights."""
    with _roles_lock:
        for identity in [known for known in _roles if known[0] == custom_storage.role_arn]:
            del _roles[identity]


def _forget_roles() -> None:
    """A forked child must not wait for a lock that a thread of its parent held."""
    global _roles_lock  # noqa: PLW0603
    _roles_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_roles)
