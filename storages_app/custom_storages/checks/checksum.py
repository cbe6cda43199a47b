"""Which checksum does the provider take with an upload?"""

from storages_app.custom_storages.probe import Advice, Level, Noted, Probe, check
from storages_app.objectstores.errors import (
    ChecksumRefused,
    ChecksumRequired,
    NotSupported,
    ObjectStoreError,
)

# A refusal in one of these forms is about the header: the bytes were taken without it.
_HEADER_REFUSED = {"InvalidArgument", "InvalidRequest", "NotImplemented", "UnsupportedHeader"}


@check(
    "checksum",
    name="Checksums",
    position=80,
    level=Level.REQUIRED,
    requires=["write", "sse"],
    notes={
        "not_confirmed": Advice(
            "SHA-256 checksums are taken, but not confirmed",
            (
                "The provider's answer does not repeat the checksum, so it may look past it. "
                "Copies are proved by their ETag, or read back."
            ),
            ["Nothing to do."],
        ),
        "md5": Advice(
            "Uses MD5 instead; kept for this storage",
            (
                "The provider does not take the newer S3 checksums. We switched to the older way "
                "and kept it for this storage."
            ),
            ["Nothing to do."],
        ),
        "none": Advice(
            "Uses no checksum header; kept for this storage",
            (
                "The provider takes neither the newer S3 checksums nor Content-MD5. The signature "
                "covers the bytes, where the provider looks at it."
            ),
            ["Nothing to do."],
        ),
    },
)
def checksum(probe: Probe) -> str | Noted:
    """Write the test object once more with the strongest checksum that is taken."""
    refusal: ObjectStoreError | None = None
    for name in ("sha256", "md5"):
        try:
            receipt = probe.put(checksum=name)
        except ObjectStoreError as error:
            if not _is_about_the_header(error):
                raise
            refusal = refusal or error
            continue
        probe.capabilities["checksum"] = name
        if name == "md5":
            return Noted("md5", refusal)
        if not receipt.sha256:
            return Noted("not_confirmed")
        return "The provider takes SHA-256 checksums"
    probe.capabilities["checksum"] = "none"
    return Noted("none", refusal)


def _is_about_the_header(error: ObjectStoreError) -> bool:
    if isinstance(error, (NotSupported, ChecksumRefused, ChecksumRequired)):
        return True
    return type(error) is ObjectStoreError and error.provider_code in _HEADER_REFUSED
