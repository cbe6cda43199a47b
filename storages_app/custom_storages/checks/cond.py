"""Does the provider catch two writes of one key?"""

from dataclasses import replace

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import (
    AccessDenied,
    ConditionConflict,
    KeyTaken,
    NotSupported,
    ObjectStoreError,
)


@check(
    "cond",
    name="No overwrite",
    position=180,
    level=Level.INFO,
    requires=["write", "checksum", "sse", "class", "acl"],
    refusals={
        "second_write_accepted": Advice(
            "This provider does not support conditional writes.",
            (
                "We look first, which costs a request per file and can miss a clash made at the "
                "same moment."
            ),
            ["Nothing to do."],
        ),
    },
)
def cond(probe: Probe) -> str:
    """Write the test object again, on the condition that nothing is there."""
    probe.capabilities |= dict.fromkeys(
        ("conditional_put", "conditional_copy", "conditional_replace"), False
    )
    is_public = probe.custom_storage.public_mode == CustomStorage.PublicMode.ACL
    try:
        probe.put(only_if_absent=True, is_public=is_public)
    except (KeyTaken, ConditionConflict):
        probe.capabilities |= {
            "conditional_put": True,
            "conditional_copy": _copies_nothing(probe, is_public),
            "conditional_replace": _replaces_nothing(probe, is_public),
        }
        return "Clashes are caught by the provider"
    except (AccessDenied, NotSupported) as error:
        raise Refused("second_write_accepted", error=error) from error
    raise Refused("second_write_accepted")


def _replaces_nothing(probe: Probe, is_public: bool) -> bool:
    """Whether a write over an object that has changed meanwhile is refused (If-Match)."""
    try:
        probe.put(only_if_etag="0" * 32, is_public=is_public)
    except (KeyTaken, ConditionConflict):
        return True
    except ObjectStoreError:
        return False
    return False


def _copies_nothing(probe: Probe, is_public: bool) -> bool:
    """Whether a copy that the provider makes by itself minds the condition: some look at it only
    in uploads. The test object is copied onto itself, which does no harm where it is not minded:
    it keeps the access that strangers are tried with afterwards.
    """
    try:
        probe.store.copy_from(
            probe.key,
            bucket=probe.custom_storage.bucket,
            source_key=probe.key,
            options=replace(probe.options, only_if_absent=True, is_public=is_public),
        )
    except (KeyTaken, ConditionConflict):
        return True
    except ObjectStoreError:
        return False
    return False
