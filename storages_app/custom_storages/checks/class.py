"""Does the provider have the storage class that copies are to get?"""
# ruff: noqa: N999  (the row's own id)

from storages_app.custom_storages.probe import Advice, Level, Probe, check
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import AccessDenied, StorageClassInvalid


def _level(custom_storage: CustomStorage) -> Level | None:
    return Level.REQUIRED if custom_storage.storage_class else None


@check(
    "class",
    name="Storage class",
    position=110,
    level=_level,
    requires=["write", "sse"],
    failures={
        StorageClassInvalid: Advice(
            "This provider has no class called {class}.",
            "Names of classes differ between providers.",
            ["Choose Standard."],
        ),
        AccessDenied: Advice(
            "The bucket refuses files of the class {class}.",
            "{action} is denied when the class is named, and allowed without.",
            ["Look for a Deny on storage classes in the bucket's policy.", "Choose Standard."],
        ),
    },
)
def storage_class(probe: Probe) -> str:
    """Write the test object in the class; what follows is asked of it there."""
    wanted = probe.custom_storage.storage_class
    probe.put(storage_class=wanted)
    probe.storage_class = wanted
    return f"Class {wanted} accepted"
