"""Does the bucket encrypt as this storage asks, and may we use the key?"""

from collections.abc import Mapping

from storages_app.custom_storages.probe import (
    Advice,
    Level,
    Probe,
    Refused,
    check,
    is_unknown_refusal,
)
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import (
    AccessDenied,
    KmsDenied,
    KmsKeyUnusable,
    NotSupported,
    ObjectStoreError,
)

# What a refusal of the key says in every row that meets it first.
KMS_FAILURES: Mapping[type[ObjectStoreError], Advice] = {
    KmsDenied: Advice(
        (
            "S3 took the request, but the KMS key did not: {action} on {resource} is not allowed "
            "for {principal}."
        ),
        "The key's own policy decides who may use it.",
        [
            "Add the statement below to the key policy (KMS console, Key policy).",
            "A key in another account needs both sides.",
            "The AWS-managed key `aws/s3` cannot be shared.",
        ],
    ),
}
KMS_REFUSALS: Mapping[str, Advice] = {
    "kms_key_unusable": Advice(
        "The KMS key {key_name} is {key_state}.",
        "Nothing can be encrypted with it.",
        ["Enable it or choose another."],
    ),
}


def kms_refusal(probe: Probe, error: KmsKeyUnusable) -> Refused:
    """The state of the key in the words of the row."""
    states = {"": "not usable", "not found": f"not in {probe.region}"}
    is_ours = bool(probe.custom_storage.encryption.get("mode"))
    name = probe.facts["kms_key"] if is_ours else "of the bucket's default encryption"
    return Refused(
        "kms_key_unusable",
        error=error,
        key_name=error.resource or name,
        key_state=states.get(error.reason, error.reason),
    )


def _level(custom_storage: CustomStorage) -> Level | None:
    return Level.REQUIRED if custom_storage.encryption.get("mode") else None


@check(
    "sse",
    name="Encryption",
    position=75,
    level=_level,
    requires=["write"],
    failures={
        **KMS_FAILURES,
        NotSupported: Advice(
            "This provider does not encrypt with {encryption}.",
            "It does not know the header that asks for it.",
            ["Set Encryption to none in this storage; many providers encrypt anyway."],
        ),
        AccessDenied: Advice(
            "The bucket refuses files that are encrypted with {encryption}.",
            "{action} is denied when the encryption is named, and allowed without.",
            ["Look for a Deny that asks for another encryption.", "Set that one in this storage."],
        ),
    },
    refusals={
        **KMS_REFUSALS,
        "encryption_refused": Advice(
            "This provider does not encrypt with {encryption}.",
            "The file is taken without the header that asks for it, and refused with it.",
            ["Set Encryption to none in this storage; many providers encrypt anyway."],
        ),
        "encryption_ignored": Advice(
            "This provider took the file and did not encrypt it with {encryption}.",
            "Its answer names {found}: the header that asks for it is ignored there.",
            ["Set Encryption to none in this storage; many providers encrypt anyway."],
        ),
    },
)
def sse(probe: Probe) -> str:
    """Write the test object encrypted as copies will be; the answer has to say that it is."""
    try:
        receipt = probe.put(checksum=probe.plain_checksum)
    except KmsKeyUnusable as error:
        raise kms_refusal(probe, error) from error
    except ObjectStoreError as error:
        if not is_unknown_refusal(error):
            raise
        raise Refused("encryption_refused", error=error) from error
    if receipt.encryption != probe.options.encryption:
        raise Refused("encryption_ignored", found=receipt.encryption or "no encryption")
    return f"Encrypted with {probe.facts['encryption']}"
