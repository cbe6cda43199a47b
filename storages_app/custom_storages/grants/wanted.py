"""What is to be granted: every name that a grant has in it, and the policies that follow."""

import json
import re
from dataclasses import dataclass, replace
from typing import Literal

from storages_app.custom_storages.grants import policies
from storages_app.custom_storages.grants.policies import Policy, Statement
from storages_app.objectstores.providers import Provider

Identity = Literal["access_key", "role", "principal"]

# MinIO refuses a policy with an action that it does not know:
# https://github.com/minio/pkg/blob/main/policy/action.go
UNKNOWN_TO_MINIO = frozenset(
    {"s3:GetBucketOwnershipControls", "s3:GetBucketPublicAccessBlock", "s3:PutObjectAcl"}
)
# As radosgw 16.2 does, with InvalidArgument and no word about which.
UNKNOWN_TO_CEPH = frozenset({"s3:GetBucketOwnershipControls", "s3:GetEncryptionConfiguration"})
_UNKNOWN = {"mc": UNKNOWN_TO_MINIO, "ceph": UNKNOWN_TO_CEPH}
# radosgw 16.2 reads the four switches by the right to read the policy.
_ALSO_AT_CEPH = {"s3:GetBucketPublicAccessBlock": "s3:GetBucketPolicy"}
# The user that the clicks to a key make; Ceph's have no policies, so a bucket's names them.
CEPH_USER = "arn:aws:iam:::user/ucdash"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_MAX_INLINE_OF_USER = 2048  # characters, without spaces
_NOT_FOR_IAM = re.compile(r"[^A-Za-z0-9+=,.@_-]")
_NOT_FOR_TERRAFORM = re.compile(r"[^A-Za-z0-9_]")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One storage as its grant sees it; it has no secret."""

    provider: Provider
    bucket: str
    prefix: str = ""
    region: str = ""
    public_mode: str = "private"
    uses: tuple[str, ...] = ()
    identity: Identity = "access_key"
    storage_name: str = ""
    endpoint: str = ""
    account_id: str = ""
    principal_arn: str = ""
    external_id: str = ""
    role_arn: str = ""
    kms_key_id: str = ""
    versioned: bool = False
    with_setup: bool = True
    merged: Policy | None = None  # what merge() made of the bucket's own policy and ours

    @property
    def name(self) -> str:
        """For the user, role or policy to be made at the provider; it has at most 64 characters."""
        return "ucdash-" + _NOT_FOR_IAM.sub("-", self.storage_name or self.bucket)[:57]

    @property
    def label(self) -> str:
        """The same in Terraform."""
        return _NOT_FOR_TERRAFORM.sub("_", self.name)

    @property
    def smaller(self) -> "Wanted":
        """The same without the rights that can be taken away after connecting."""
        return replace(self, with_setup=False)

    @property
    def identity_policy(self) -> Policy | None:
        """For the access key's user or the role; None where the bucket's own policy says it."""
        if self.identity == "principal" or self.provider.grant == "ceph":
            return None
        policy = policies.identity_policy(
            bucket=self.bucket,
            prefix=self.prefix,
            uses=self.uses,
            public_mode=self.public_mode,
            region=self._arn_region,
            versioned=self.versioned,
            kms_key_id=self.kms_key_id,
            account_id=self.account_id,
            with_setup=self.with_setup,
        )
        return self._for_provider(policy)

    @property
    def fits_inline(self) -> bool:
        """Whether the user can have it as its own; a long prefix makes a policy beside it."""
        compact = json.dumps(self.identity_policy, separators=(",", ":"))
        return self.identity == "role" or len(compact) <= _MAX_INLINE_OF_USER

    @property
    def bucket_policy(self) -> Policy | None:
        """Ours alone, or with what the bucket has already, if that was pasted."""
        ours = policies.bucket_policy(
            bucket=self.bucket,
            prefix=self.prefix,
            uses=self.uses,
            public_mode=self.public_mode,
            region=self._arn_region,
            principal_arn=self._grantee,
            versioned=self.versioned,
            with_setup=self.with_setup,
            proves_ownership=self.identity == "principal",
        )
        return self.merged or (self._for_provider(ours) if ours else None)

    @property
    def trust_policy(self) -> Policy | None:
        if self.identity != "role":
            return None
        return policies.trust_policy(principal_arn=self.principal_arn, external_id=self.external_id)

    @property
    def key_policy_statement(self) -> Statement | None:
        """Needed where key and identity are in different accounts."""
        arn = {"principal": self.principal_arn, "role": self.role_arn}.get(self.identity)
        if not (self.kms_key_id and arn):
            return None
        return policies.key_policy_statement(principal_arn=arn)

    def link(self, page: str) -> str:
        """A page of the provider's console; Amazon's partitions have consoles of their own."""
        url = self.provider.link(
            page, bucket=self.bucket, region=self.region, account_id=self.account_id
        )
        console = {
            "aws-cn": "console.amazonaws.cn",
            "aws-us-gov": "console.amazonaws-us-gov.com",
        }.get(policies.partition(self._arn_region))
        return url.replace("console.aws.amazon.com", console) if console else url

    @property
    def _grantee(self) -> str:
        """Whom the bucket's own policy lets in besides strangers."""
        if self.provider.grant == "ceph":
            return CEPH_USER
        return self.principal_arn if self.identity == "principal" else ""

    @property
    def _arn_region(self) -> str:
        """Other services write `aws` in their ARNs, whatever they call their regions."""
        return self.region if self.provider.grant == "aws" else ""

    def _for_provider(self, policy: Policy) -> Policy:
        if self.provider.grant == "ceph":
            policy = policies.with_more_actions(policy, _ALSO_AT_CEPH)
        unknown = _UNKNOWN.get(self.provider.grant)
        return policies.without_actions(policy, unknown) if unknown else policy
