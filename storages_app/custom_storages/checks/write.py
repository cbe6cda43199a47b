"""May we write where copies will go?"""

from collections.abc import Callable
from functools import partial
from time import sleep
from typing import Any

from storages_app.custom_storages.checks.bpa import blocks_public_acls
from storages_app.custom_storages.checks.sse import KMS_FAILURES, KMS_REFUSALS, kms_refusal
from storages_app.custom_storages.grants.policies import TEST_FOLDER
from storages_app.custom_storages.probe import (
    Advice,
    Level,
    Probe,
    Refused,
    check,
    is_missing_right,
    is_unknown_refusal,
)
from storages_app.models import CustomStorage
from storages_app.objectstores.base import PutReceipt
from storages_app.objectstores.errors import (
    AccessDenied,
    ChecksumRequired,
    KmsDenied,
    KmsKeyUnusable,
    NotSupported,
    ObjectStoreError,
    QuotaExceeded,
    ServerError,
    Throttled,
)

_PAUSES_S = (0.5, 1.0)  # between tries, where the provider asks us to slow down
_ENCRYPTIONS = {"AES256": "SSE-S3", "aws:kms": "a KMS key"}


@check(
    "write",
    name="Write",
    position=70,
    level=Level.REQUIRED,
    requires=["bucket", "proof", "owner", "copies"],
    failures={
        **KMS_FAILURES,
        AccessDenied: Advice(
            "We may not write to `{bucket}/{prefix}`.",
            "The policy does not grant {action} there, or another statement denies it.",
            [
                "Open the bucket's Permissions.",
                "Paste the policy below.",
                (
                    "Look for a Deny that asks for encryption headers, a VPC or an organisation. "
                    "AWS takes up to a minute."
                ),
            ],
        ),
        QuotaExceeded: Advice(
            "The provider refused the file: the account has reached its limit.",
            "Nothing more can be stored before the limit is raised or space is made.",
            ["Raise the cap (B2: Caps & alerts)."],
        ),
    },
    refusals={
        **KMS_REFUSALS,
        "other_prefix": Advice(
            "Writing works under `{other}`, not under `{prefix}`.",
            "The policy grants s3:PutObject elsewhere in the bucket.",
            ["Change the prefix here, or the Resource in the policy."],
        ),
        "encryption_wanted": Advice(
            "The bucket denies uploads that do not name an encryption.",
            "The same file was taken with {found}.",
            ["Set Encryption to {found} in this storage."],
        ),
        # https://tracker.ceph.com/issues/49135
        "blocked_wholly": Advice(
            "We may not write to `{bucket}/{prefix}`, perhaps because of Block Public Access.",
            (
                "Ceph's radosgw before 2025 refuses every file of a bucket that blocks public "
                "ACLs, private ones too. Else the policy does not grant {action} there."
            ),
            [
                "Update the server, or clear “Block public ACLs” of this bucket.",
                "If that is not it: paste the policy below.",
            ],
        ),
        "throttled": Advice(
            "The provider asks us to slow down. Tried {n} times.",
            "Too many requests arrive there at this moment.",
            ["Wait a little, run again."],
        ),
    },
)
def write(probe: Probe) -> str:
    """Write the test object, with what the bucket demands of every upload and no more."""
    try:
        receipt = _with_patience(probe)
    except AccessDenied as error:
        if not is_missing_right(error):
            raise
        receipt = _explain(probe, error)
    except KmsKeyUnusable as error:
        raise kms_refusal(probe, error) from error
    probe.version_id = receipt.version_id
    probe.capabilities["versioned"] = bool(receipt.version_id)
    place = probe.custom_storage.prefix or "/"
    return f"Wrote a {len(probe.body)}-byte test file under {place}"


def _with_patience(probe: Probe) -> PutReceipt:
    for n, pause in enumerate((*_PAUSES_S, 0), 1):
        try:
            return _put(probe)
        except (Throttled, ServerError) as error:
            if isinstance(error, ServerError) and error.http_status != 503:
                raise
            if not pause:
                raise Refused("throttled", error=error, n=n) from error
            sleep(pause)
    raise AssertionError("unreachable")


def _put(probe: Probe) -> PutReceipt:
    """A trouble with the encryption that was chosen here is the row Encryption's to tell."""
    try:
        return _put_somehow(probe)
    except ObjectStoreError as error:
        may_be_it = isinstance(
            error, (AccessDenied, KmsDenied, KmsKeyUnusable, NotSupported, ServerError)
        ) or is_unknown_refusal(error)
        if not (may_be_it and probe.custom_storage.encryption.get("mode")):
            raise
        try:
            return _put_somehow(probe, encryption="", kms_key_id="")
        except ObjectStoreError:
            raise error from None


def _put_somehow(probe: Probe, **options: Any) -> PutReceipt:
    """Which checksum the provider takes is asked later; a bucket with Object Lock wants one."""
    try:
        return probe.put(checksum=probe.plain_checksum, **options)
    except ChecksumRequired:
        probe.wants_checksum = True
        return probe.put(checksum=probe.plain_checksum, **options)


def _explain(probe: Probe, error: AccessDenied) -> PutReceipt:
    """Raise what would have been taken instead, or the refusal itself.

    A receipt means that the same is taken by now: the owner is mending the policy meanwhile.
    """
    mode = str(probe.custom_storage.encryption.get("mode", ""))
    for other, name in _ENCRYPTIONS.items():
        if other != mode and _is_taken(
            partial(_put_somehow, probe, encryption=other, kms_key_id="")
        ):
            return _once_more(probe, Refused("encryption_wanted", error=error, found=name))
    # Of a bucket that trusts our principal, only the prefix was shown to be the owner's.
    is_proved_in_part = probe.custom_storage.identity == CustomStorage.Identity.PRINCIPAL
    if probe.custom_storage.prefix and not is_proved_in_part:
        elsewhere = TEST_FOLDER + probe.key.rpartition("/")[2]
        if _is_taken(partial(_put_somehow, probe, key=elsewhere)):
            _is_taken(partial(probe.remove, elsewhere))
            return _once_more(probe, Refused("other_prefix", error=error, other="/"))
    if probe.custom_storage.provider != "aws" and blocks_public_acls(probe):
        raise Refused("blocked_wholly", error=error) from error
    raise error


def _once_more(probe: Probe, refusal: Refused) -> PutReceipt:
    try:
        return _put(probe)
    except AccessDenied as error:
        raise refusal from error


def _is_taken(send: Callable[[], object]) -> bool:
    try:
        send()
    except ObjectStoreError:
        return False
    return True
