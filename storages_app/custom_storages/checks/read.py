"""May we read back what we wrote, and is it the same?"""

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check
from storages_app.objectstores.errors import AccessDenied

_DIFFERS = Advice(
    "The bytes that came back are not the ones sent.",
    "A proxy between this instance and the bucket may change them.",
    ["Do not use this storage; look at what stands between."],
)


@check(
    "read",
    name="Read back",
    position=60,
    level=Level.ADVISED,
    requires=["write"],
    failures={
        AccessDenied: Advice(
            "We may write but not read.",
            "Copies go through; verify, restore and private links do not.",
            ["Add s3:GetObject, or leave it as it is."],
        ),
    },
    refusals={"dest_checksum_mismatch": _DIFFERS},
)
def read(probe: Probe) -> str:
    """Read the test object and compare."""
    probe.capabilities["read"] = False
    if probe.read() != probe.body:
        raise Refused("dest_checksum_mismatch")
    probe.capabilities["read"] = True
    return "Read back, same bytes"
