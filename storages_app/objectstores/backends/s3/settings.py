"""What a bucket is set to, read by botocore's control calls."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from botocore import xform_name

from storages_app.objectstores.backends.s3.address import DEFAULT_REGION, BucketAddress
from storages_app.objectstores.backends.s3.translation import control_call
from storages_app.objectstores.backends.s3.transport import Transport
from storages_app.objectstores.errors import ObjectStoreError
from storages_app.objectstores.settings import DefaultEncryption, ObjectLock, PublicAccessBlock

_DAYS_OF_A_YEAR = 365
# Amazon's ways of saying "not set", which is an answer; some providers leave a word out.
_NOT_SET = {
    "OwnershipControlsNotFoundError",
    "NoSuchOwnershipControls",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchPublicAccessBlock",
    "ServerSideEncryptionConfigurationNotFoundError",
    "ObjectLockConfigurationNotFoundError",
    "ObjectLockConfigurationNotFound",
    "NoSuchObjectLockConfiguration",
    "NoSuchLifecycleConfiguration",
}


class S3Settings:
    """The `BucketSettings` of one bucket."""

    def __init__(
        self, transport: Transport, address: BucketAddress, bucket: Mapping[str, Any]
    ) -> None:
        self._transport = transport
        self._address = address
        self._bucket = bucket  # what every call names

    def ownership(self) -> str:
        answer = self._read("GetBucketOwnershipControls")
        return str(_first(_part(answer, "OwnershipControls"), "Rules").get("ObjectOwnership", ""))

    def public_access_block(self) -> PublicAccessBlock:
        answer = self._read("GetPublicAccessBlock")
        switches = _part(answer, "PublicAccessBlockConfiguration")
        return PublicAccessBlock(
            block_public_acls=switches.get("BlockPublicAcls", False),
            ignore_public_acls=switches.get("IgnorePublicAcls", False),
            block_public_policy=switches.get("BlockPublicPolicy", False),
            restrict_public_buckets=switches.get("RestrictPublicBuckets", False),
        )

    def encryption(self) -> DefaultEncryption:
        answer = self._read("GetBucketEncryption")
        rule = _first(_part(answer, "ServerSideEncryptionConfiguration"), "Rules")
        default = _part(rule, "ApplyServerSideEncryptionByDefault")
        return DefaultEncryption(default.get("SSEAlgorithm", ""), default.get("KMSMasterKeyID", ""))

    def versioning(self) -> bool:
        answer = self._read("GetBucketVersioning")
        return answer.get("Status") == "Enabled"

    def object_lock(self) -> ObjectLock | None:
        answer = self._read("GetObjectLockConfiguration")
        found = _part(answer, "ObjectLockConfiguration")
        if found.get("ObjectLockEnabled") != "Enabled":
            return None
        rule = _part(_part(found, "Rule"), "DefaultRetention")
        days = rule.get("Days", 0) or rule.get("Years", 0) * _DAYS_OF_A_YEAR
        return ObjectLock(rule.get("Mode", ""), days)

    def unfinished_uploads_removed_after(self, prefix: str = "") -> int | None:
        answer = self._read("GetBucketLifecycleConfiguration")
        found = (_removed_after(rule, prefix) for rule in answer.get("Rules") or ())
        return min((days for days in found if days), default=None)

    def location(self) -> str:
        answer = self._read("GetBucketLocation")
        # Amazon says nothing for its first region, and EU for its second; others say nothing.
        found = answer.get("LocationConstraint") or ""
        if not found and self._address.is_aws:
            return DEFAULT_REGION
        return "eu-west-1" if found == "EU" else found

    def _read(self, operation: str) -> Mapping[str, Any]:
        """The answer to one request; empty if the bucket says that nothing is set."""
        call = getattr(self._transport.client, xform_name(operation))
        try:
            with control_call(operation):
                return cast("Mapping[str, Any]", call(**self._bucket))
        except ObjectStoreError as error:
            if error.provider_code in _NOT_SET:
                return {}
            raise


def _part(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An element that may be missing or empty: the server may be anybody's."""
    found = answer.get(name)
    return found if isinstance(found, Mapping) else {}


def _first(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Sequence[Mapping[str, Any]] = answer.get(name) or ()
    return found[0] if found else {}


def _removed_after(rule: Mapping[str, Any], prefix: str) -> int | None:
    """The days of a lifecycle rule, if it is on and holds for all that is under the prefix."""
    days = _part(rule, "AbortIncompleteMultipartUpload").get("DaysAfterInitiation")
    if rule.get("Status") != "Enabled" or not days:
        return None
    condition = _part(rule, "Filter")
    condition = _part(condition, "And") or condition
    if condition.keys() - {"Prefix"}:  # a tag or a size, which an unfinished upload has not
        return None
    own_prefix = condition.get("Prefix") or rule.get("Prefix") or ""
    return int(days) if prefix.startswith(own_prefix) else None
