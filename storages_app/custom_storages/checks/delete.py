"""Can the test object be removed?"""

import secrets

from storages_app.custom_storages.probe import (
    Advice,
    Level,
    Probe,
    Refused,
    check,
    is_used_for,
    required_for,
)
from storages_app.objectstores.errors import AccessDenied


@check(
    "delete",
    name="Remove",
    position=210,
    level=required_for("remove", otherwise=Level.ADVISED),
    requires=["write"],
    refusals={
        "delete_denied": Advice(
            "We may not delete. The test file stays at `{left}`; remove it when you like.",
            "{action} is missing. Without it your copies are safer from mistakes.",
            ["Add s3:DeleteObject only for deletion sync or retention."],
        ),
        "copies_stay": Advice(
            "We may remove the test file, but not copies: {action} is missing.",
            "It is granted in the folder of the test alone.",
            ["Add {action} under the whole prefix, as in the policy below."],
        ),
    },
)
def delete(probe: Probe) -> str:
    """Remove everything that this test left in the bucket."""
    probe.capabilities["delete"] = False
    for key in sorted(probe.leftovers, reverse=True):
        try:
            probe.remove(key)
        except AccessDenied as error:
            left = "`, `".join(sorted(probe.leftovers))
            raise Refused("delete_denied", error=error, left=left) from error
    if is_used_for(probe.custom_storage, "remove") and not probe.version_id:
        _remove_nothing(probe)
    probe.capabilities["delete"] = True
    return "Test file removed"


def _remove_nothing(probe: Probe) -> None:
    """Ask for a key outside of the test's folder, under a name that nobody has."""
    try:
        probe.store.delete(f"{probe.custom_storage.prefix}.ucdash-{secrets.token_hex(16)}")
    except AccessDenied as error:
        raise Refused("copies_stay", error=error) from error
