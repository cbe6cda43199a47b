"""The kinds of buckets, one module each, which registers its `open_store` under its own name."""

from collections.abc import Callable

from storages_app.lib.registry import Registry
from storages_app.objectstores.base import Location, ObjectStore

registry: Registry[Callable[[Location], ObjectStore]] = Registry(
    "storages_app.objectstores.backends"
)
