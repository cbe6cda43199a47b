"""From a row to what has to be granted for it."""

from dataclasses import replace
from typing import Any

from django.conf import settings

from storages_app.custom_storages import grants
from storages_app.models import CustomStorage
from storages_app.objectstores.providers import provider


def wanted_for(storage: CustomStorage, **changes: Any) -> grants.Wanted:
    """The storage as its grant sees it; it has no secret, and no access key id."""
    wanted = grants.Wanted(
        provider=provider(storage.provider),
        bucket=storage.bucket,
        prefix=storage.prefix,
        region=storage.region,
        public_mode=storage.public_mode,
        uses=tuple(storage.uses),
        identity=storage.identity,  # type: ignore[arg-type]  # one of the three, by its choices
        storage_name=storage.name,
        endpoint=storage.endpoint_url,
        account_id=storage.account_id,
        principal_arn=settings.AWS_PRINCIPAL_ARN,
        external_id=storage.external_id,
        role_arn=storage.role_arn,
        kms_key_id=str(storage.encryption.get("kms_key_id", "")),
    )
    return replace(wanted, **changes)
