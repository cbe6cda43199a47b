"""May we read back what we wrote, and is it the same?"""

import hashlib

from storages_app.custom_storages.checks.sse import KMS_FAILURES
from storages_app.custom_storages.probe import (
    Advice,
    Level,
    Probe,
    Refused,
    action_of,
    check,
    required_for,
)
from storages_app.objectstores.errors import AccessDenied, Archived


@check(
    "read",
    name="Read back",
    position=160,
    level=required_for("verify", "restore", otherwise=Level.ADVISED),
    requires=["write", "sse", "class"],
    failures={
        **KMS_FAILURES,
        AccessDenied: Advice(
            "We may write but not read.",
            "{action} is missing. Copies go through; verify, restore and private links do not.",
            ["Add {action}, or leave it as it is."],
        ),
        Archived: Advice(
            "Copies in the class {class} cannot be read back before they are thawed.",
            "Copies go through; verify, restore and private links do not.",
            ["Choose Standard, or leave it as it is."],
        ),
    },
    refusals={
        "version_denied": Advice(
            "We may read files, but not their versions: {action} is missing.",
            "The bucket keeps versions, and a copy is proved by the version that was written.",
            ["Add {action}, as in the policy below."],
        ),
        "dest_checksum_mismatch": Advice(
            "The bytes that came back are not the ones sent ({got} for {sent}).",
            "A proxy may change them.",
            ["Do not use this storage; look at what stands between."],
        ),
    },
)
def read(probe: Probe) -> str:
    """Read the test object and compare."""
    probe.capabilities["read"] = False
    _compare(probe, probe.read())
    if probe.version_id:
        try:
            _compare(probe, probe.read(version_id=probe.version_id))
        except AccessDenied as error:
            raise Refused("version_denied", error=error, action=_of_version(error)) from error
    probe.capabilities["read"] = True
    return "Read back, same bytes"


def _of_version(error: AccessDenied) -> str:
    return error.action or action_of(error).replace("GetObject", "GetObjectVersion")


def _compare(probe: Probe, got: bytes) -> None:
    if got != probe.body:
        raise Refused("dest_checksum_mismatch", got=_in_short(got), sent=_in_short(probe.body))


def _in_short(content: bytes) -> str:
    return f"{len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()[:8]}…"
