"""Can the test object be removed?"""

from storages_app.custom_storages.probe import Advice, Level, Probe, check
from storages_app.objectstores.errors import AccessDenied


@check(
    "delete",
    name="Remove",
    position=110,
    level=Level.ADVISED,
    requires=["write"],
    failures={
        AccessDenied: Advice(
            "We may not delete. The test file stays at {key}; remove it when you like.",
            "Without s3:DeleteObject your copies are safer from mistakes.",
            ["Add s3:DeleteObject only for deletion sync or retention."],
        ),
    },
)
def delete(probe: Probe) -> str:
    """Remove everything that this test left in the bucket."""
    probe.capabilities["delete"] = False
    for key in sorted(probe.leftovers, reverse=True):
        probe.store.delete(key)
        probe.leftovers.discard(key)
    probe.capabilities["delete"] = True
    return "Test file removed"
