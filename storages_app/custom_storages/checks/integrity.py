"""Does the provider refuse bytes that do not fit their checksum?"""

import hashlib
from io import BytesIO

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check
from storages_app.objectstores.base import PutOptions
from storages_app.objectstores.errors import ChecksumRefused

_ACCEPTED = Advice(
    "This provider does not check uploads against their checksum.",
    "A damaged upload was accepted.",
    ["Allow s3:GetObject, so that copies can be read back where their ETag proves nothing."],
)


@check(
    "integrity",
    name="Damage is refused",
    position=50,
    level=Level.ADVISED,
    requires=["write"],
    refusals={"integrity_unsupported": _ACCEPTED},
)
def integrity(probe: Probe) -> str:
    """Send bytes with the checksum of others; a provider that takes them verifies nothing."""
    damaged = bytes([probe.body[0] ^ 1]) + probe.body[1:]
    key = probe.key + ".damaged"
    try:
        probe.store.put(
            key,
            BytesIO(damaged),
            size=len(damaged),
            sha256=hashlib.sha256(probe.body).hexdigest(),
            md5=hashlib.md5(probe.body, usedforsecurity=False).hexdigest(),
            options=PutOptions(content_type="text/plain", checksum=probe.checksum),
        )
    except ChecksumRefused:
        probe.capabilities["verifies_checksum"] = True
        return "A damaged upload is refused by the provider"
    probe.leftovers.add(key)
    probe.capabilities["verifies_checksum"] = False
    raise Refused("integrity_unsupported")
