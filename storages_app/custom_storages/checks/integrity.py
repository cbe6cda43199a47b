"""Does the provider refuse bytes that do not fit their checksum?"""

import hashlib
from io import BytesIO

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check
from storages_app.objectstores.errors import ChecksumRefused


@check(
    "integrity",
    name="Damage is refused",
    position=90,
    level=Level.ADVISED,
    requires=["write", "checksum", "sse"],
    refusals={
        "integrity_unsupported": Advice(
            "This provider does not check uploads against their checksum.",
            "We read each copy back, or mark it unverified.",
            ["Allow s3:GetObject so that copies can be read back."],
        ),
    },
)
def integrity(probe: Probe) -> str:
    """Send bytes with the checksum of others; a provider that takes them verifies nothing."""
    damaged = bytes([probe.body[0] ^ 1]) + probe.body[1:]
    key = probe.key + ".damaged"
    probe.capabilities["verifies_checksum"] = False
    probe.leftovers.add(key)
    try:
        probe.store.put(
            key,
            BytesIO(damaged),
            size=len(damaged),
            sha256=hashlib.sha256(probe.body).hexdigest(),
            md5=hashlib.md5(probe.body, usedforsecurity=False).hexdigest(),
            options=probe.options,
        )
    except ChecksumRefused:
        probe.leftovers.discard(key)
        probe.capabilities["verifies_checksum"] = True
        return "A damaged upload is refused by the provider"
    raise Refused("integrity_unsupported")
