"""May we look around in the bucket, where a use needs it?"""

from storages_app.custom_storages.probe import (
    Advice,
    Level,
    Probe,
    check,
    is_used_for,
)
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import AccessDenied


def _level(custom_storage: CustomStorage) -> Level | None:
    if is_used_for(custom_storage, "browse"):
        return Level.REQUIRED
    return Level.ADVISED if is_used_for(custom_storage, "clean_up") else None


@check(
    "list",
    name="List",
    position=65,
    level=_level,
    requires=["bucket", "proof", "owner"],
    failures={
        AccessDenied: Advice(
            "We may not look around in the bucket: {action} is missing.",
            "Copies go through; what is in the bucket beside them is not seen.",
            ["Add {action}, as in the policy below.", "Or untick Browse and Clean up."],
        ),
    },
)
def list_(probe: Probe) -> str:
    """List keys, and unfinished uploads where those are to be cleaned up."""
    prefix = probe.custom_storage.prefix
    next(iter(probe.store.list_objects(prefix)), None)
    if not is_used_for(probe.custom_storage, "clean_up"):
        return "Keys under the prefix can be listed"
    next(iter(probe.store.list_multiparts(prefix)), None)
    return "Keys and unfinished uploads can be listed"
