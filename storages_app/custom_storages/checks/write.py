"""May we write where copies will go?"""

from storages_app.custom_storages.probe import Advice, Level, Probe, check
from storages_app.objectstores.errors import (
    AccessDenied,
    ChecksumRefused,
    NotSupported,
    QuotaExceeded,
    Throttled,
)


@check(
    "write",
    name="Write",
    position=40,
    level=Level.REQUIRED,
    requires=["bucket"],
    failures={
        AccessDenied: Advice(
            "We may not write to {bucket}/{prefix}.",
            "The policy does not grant s3:PutObject there, or another statement denies it.",
            [
                "Open the bucket's Permissions.",
                "Paste the policy shown below.",
                (
                    "Look for a Deny that asks for encryption headers, a VPC or an organisation. "
                    "AWS takes up to a minute to notice a change."
                ),
            ],
        ),
        QuotaExceeded: Advice(
            "The provider refused the file: the account has reached its limit.",
            "",
            ["Raise the cap at the provider (B2: Caps & alerts)."],
        ),
        Throttled: Advice(
            "The provider asks us to slow down.", "", ["Wait a little, then run the test again."]
        ),
    },
)
def write(probe: Probe) -> str:
    """Write the test object, and find the checksum that this provider takes."""
    for checksum in ("sha256", "md5", "none"):
        try:
            probe.put(checksum=checksum)
        except (NotSupported, ChecksumRefused):
            if checksum == "none":
                raise
            continue
        probe.capabilities["checksum"] = checksum
        break
    return f"Wrote a {len(probe.body)}-byte test file under {probe.custom_storage.prefix or '/'}"
