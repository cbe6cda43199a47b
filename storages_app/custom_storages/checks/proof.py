"""Is the owner of the bucket behind this storage?"""

import hmac
from datetime import UTC, datetime

from storages_app.custom_storages.grants.policies import PROOF_NAME
from storages_app.custom_storages.probe import (
    BOTH_KINDS,
    Advice,
    Level,
    Probe,
    Refused,
    check,
    is_missing_object,
)
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import AccessDenied, ObjectStoreError

_PUT_IT = [
    (
        "Put an object `{prefix}.ucdash-proof` holding the nonce of step 3 into the bucket, with "
        "your own rights."
    ),
    "Check again. It is valid for 24 hours, and we look for it before the first write.",
]


def _level(custom_storage: CustomStorage) -> Level | None:
    is_principal = custom_storage.identity == CustomStorage.Identity.PRINCIPAL
    return Level.REQUIRED if is_principal else None


@check(
    "proof",
    name="Proof of ownership",
    position=55,
    level=_level,
    kinds=BOTH_KINDS,
    requires=["bucket"],
    failures={
        AccessDenied: Advice(
            "We may not read `{prefix}.ucdash-proof`, or it is not there.",
            (
                "{action} is missing for it; without the right to list, a missing object is "
                "refused, too."
            ),
            [*_PUT_IT, "Open the bucket's Permissions and paste the bucket policy below."],
        ),
    },
    refusals={
        "proof_missing": Advice(
            "The proof that this bucket is yours is not there.",
            (
                "Our principal serves every project of this installation, so nothing is written "
                "before the owner of the bucket has shown to be behind this storage."
            ),
            _PUT_IT,
        ),
        "no_nonce": Advice(
            "No proof was asked for yet.",
            "The nonce of this storage is made when step 3 of the set-up is opened.",
            ["Open step 3 and put the proof into the bucket.", "Check again."],
        ),
        "proof_differs": Advice(
            "The proof holds something else than the nonce of this storage.",
            "It may be the one of another storage, or of an earlier nonce.",
            _PUT_IT,
        ),
        "proof_expired": Advice(
            "The nonce is older than 24 hours.",
            "An old proof may have been left there by somebody who owned the bucket before.",
            ["Open step 3 for a new nonce and replace the object.", "Check again."],
        ),
    },
)
def proof(probe: Probe) -> str:
    """Read the object that only the bucket's owner can have put there; once is enough."""
    row = probe.custom_storage
    if row.proved_at:
        return "The bucket was shown to be yours"
    if not row.proof_nonce or row.proof_until is None:
        raise Refused("no_nonce")
    try:
        found = probe.read(f"{row.prefix}{PROOF_NAME}", limit=1024)
    except ObjectStoreError as error:
        if is_missing_object(error):
            raise Refused("proof_missing", error=error) from error
        raise
    if not hmac.compare_digest(found.strip(), row.proof_nonce.encode()):
        raise Refused("proof_differs")
    if row.proof_until <= datetime.now(UTC):
        raise Refused("proof_expired")
    probe.has_proof = True
    return "The bucket is yours: the proof is there"
