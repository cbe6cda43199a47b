"""Buckets that speak S3. Everything that knows botocore is in this folder."""

from storages_app.objectstores.backends import registry
from storages_app.objectstores.backends.s3.store import S3Store, open_store, probe_store

__all__ = ["S3Store", "open_store", "probe_store"]

registry.add("s3", open_store)
