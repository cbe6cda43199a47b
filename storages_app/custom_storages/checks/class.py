"""Does the provider have the storage class that copies are to get?"""
# ruff: noqa: N999  (the row's own id)

from storages_app.custom_storages.probe import (
    Advice,
    Level,
    Probe,
    Refused,
    check,
    is_unknown_refusal,
)
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import (
    AccessDenied,
    ObjectStoreError,
    StorageClassInvalid,
)

_STANDARD = "STANDARD"  # what no word about the class stands for


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
    refusals={
        "class_refused": Advice(
            "This provider has no class called {class}.",
            "The file is taken without it. Names of classes differ between providers.",
            ["Choose Standard."],
        ),
        "class_ignored": Advice(
            "This provider takes the class {class} and does not keep it.",
            "The test file is there in the class {found}.",
            ["Choose Standard."],
        ),
    },
)
def storage_class(probe: Probe) -> str:
    """Write the test object in the class, and see that it is there in it."""
    wanted = probe.custom_storage.storage_class
    try:
        probe.put(storage_class=wanted)
    except ObjectStoreError as error:
        if not is_unknown_refusal(error):
            raise
        raise Refused("class_refused", error=error) from error
    found = _found(probe)
    if found not in {None, wanted}:
        raise Refused("class_ignored", found=found)
    probe.storage_class = wanted
    return f"Class {wanted} accepted"


def _found(probe: Probe) -> str | None:
    """The class that the test object has; None where we may not look.

    The listing is asked first: rclone tells what it was told when it is asked for one object.
    """
    for look in (_listed, _looked_at):
        try:
            return look(probe) or _STANDARD
        except AccessDenied:
            continue
    return None


def _listed(probe: Probe) -> str:
    return next(
        (
            found.storage_class
            for found in probe.store.list_objects(probe.key)
            if found.key == probe.key
        ),
        "",
    )


def _looked_at(probe: Probe) -> str:
    return probe.store.head(probe.key).storage_class
