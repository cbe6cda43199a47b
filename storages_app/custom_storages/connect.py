"""From a row to a bucket one can talk to: the one place that unseals S3 secrets."""

from storages_app.models import CustomStorage
from storages_app.objectstores import providers
from storages_app.objectstores.backends import s3
from storages_app.objectstores.base import Location, ObjectStore


def location_of(custom_storage: CustomStorage) -> Location:
    provider = providers.provider(custom_storage.provider)
    return Location(
        bucket=custom_storage.bucket,
        region=custom_storage.region or provider.default_region,
        access_key_id=custom_storage.access_key_id,
        secret_access_key=custom_storage.unseal_secret(),
        endpoint_url=custom_storage.endpoint_url,
        path_style=provider.path_style or "." in custom_storage.bucket,
        account_id=custom_storage.account_id,
    )


def open_store(custom_storage: CustomStorage) -> ObjectStore:
    """A store whose connections are shared by all threads of this process."""
    return s3.open_store(location_of(custom_storage))
