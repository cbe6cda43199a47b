"""Who may do what: identity policies, bucket policy, ACLs, Block Public Access, KMS."""

from collections.abc import Mapping

from tests.s3double.accounts import (
    ALL_USERS,
    AUTHENTICATED_USERS,
    Account,
    Block,
    KmsKey,
    Principal,
)
from tests.s3double.buckets import Bucket, Grant, Object
from tests.s3double.errors import S3Error
from tests.s3double.policies import Question, allows, denies, is_public

_BUCKET_ACL = {
    "READ": {"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"},
    # Who writes owns what is written, and so its ACL.
    "WRITE": {"s3:PutObject", "s3:PutObjectAcl", "s3:DeleteObject", "s3:AbortMultipartUpload"},
    "READ_ACP": {"s3:GetBucketAcl"},
    "WRITE_ACP": {"s3:PutBucketAcl"},
}
_OBJECT_ACL = {
    "READ": {"s3:GetObject", "s3:GetObjectVersion"},
    "READ_ACP": {"s3:GetObjectAcl"},
    "WRITE_ACP": {"s3:PutObjectAcl"},
}
# What a bucket policy cannot take from the root user of the bucket's account.
_ROOT_KEEPS = {"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"}
_OWNERS = {action for actions in _OBJECT_ACL.values() for action in actions}


def block_of(bucket: Bucket) -> Block:
    """The switches in force: the account's are added to the bucket's."""
    return (bucket.block or Block()) | bucket.account.block


class Access:
    """What one principal may do in one bucket."""

    def __init__(
        self, principal: Principal, bucket: Bucket, context: Mapping[str, str], *, terse: bool
    ) -> None:
        self._principal, self._bucket, self._context = principal, bucket, context
        self._terse = terse

    def require(self, action: str, key: str | None = None, found: Object | None = None) -> None:
        """`found` is the object in question, whose own owner and ACL then count."""
        resource = self._bucket.arn + ("" if key is None else f"/{key}")
        why = self._refusal(action, resource, found)
        if why is None:
            return
        if self._terse or self._principal.account is not self._bucket.account:
            raise S3Error("AccessDenied")
        raise S3Error(
            "AccessDenied",
            f"User: {self._principal.arn} is not authorized to perform: {action} on resource: "
            f'"{resource}" {why}',
        )

    def may(self, action: str) -> bool:
        try:
            self.require(action)
        except S3Error:
            return False
        return True

    def _refusal(self, action: str, resource: str, found: Object | None) -> str | None:
        """Why not, in the words of AWS; None where it is allowed."""
        who, bucket = self._principal, self._bucket
        own = Question(action, resource, self._context_of(action))
        if why := _identity_denies(who, own):
            return why
        asked = Question(action, resource, own.context, who.names | who.account_names)
        keeps = who.is_root and who.account is bucket.account and action in _ROOT_KEEPS
        if bucket.policy and not keeps and denies([bucket.policy], asked):
            return "with an explicit deny in a resource-based policy"
        owner = self._owner(action, found)
        may_itself = who.is_root or allows(who.policies, own)
        if self._public_acl_grants(action, found):
            return None
        if who.account is owner:
            if may_itself or self._policy_grants(asked, who.names):
                return None
            return f"because no identity-based policy allows the {action} action"
        granted = self._policy_grants(asked, who.names | who.account_names) and (
            owner is bucket.account
        )
        if (granted or self._acl_grants(action, found)) and (may_itself or who.is_anonymous):
            return None
        return f"because no resource-based policy allows the {action} action"

    def _context_of(self, action: str) -> Mapping[str, str]:
        if action in {"s3:ListBucket", "s3:ListBucketVersions"}:
            return self._context
        listing = {"s3:prefix", "s3:delimiter", "s3:max-keys"}
        return {name: value for name, value in self._context.items() if name not in listing}

    def _owner(self, action: str, found: Object | None) -> Account:
        """An object that somebody else wrote is theirs, unless ACLs are off."""
        if found is None or action not in _OWNERS or self._acls_are_off:
            return self._bucket.account
        return found.owner

    @property
    def _acls_are_off(self) -> bool:
        return self._bucket.ownership == "BucketOwnerEnforced"

    def _policy_grants(self, asked: Question, names: frozenset[str]) -> bool:
        policy = self._bucket.policy
        if policy is None:
            return False
        is_outsider = self._principal.account is not self._bucket.account
        if is_outsider and block_of(self._bucket).restrict_public_buckets and is_public(policy):
            return False
        return allows([policy], Question(asked.action, asked.resource, asked.context, names))

    def _public_acl_grants(self, action: str, found: Object | None) -> bool:
        if block_of(self._bucket).ignore_public_acls:
            return False
        groups = {ALL_USERS} if self._principal.is_anonymous else {ALL_USERS, AUTHENTICATED_USERS}
        return self._has_grant(action, found, groups)

    def _acl_grants(self, action: str, found: Object | None) -> bool:
        return not self._principal.is_anonymous and self._has_grant(
            action, found, {self._principal.canonical_id}
        )

    def _has_grant(self, action: str, found: Object | None, grantees: set[str]) -> bool:
        if self._acls_are_off:
            return False
        lines, table = self._acl_for(action, found)
        return any(
            action in (table.get(line.permission) or set().union(*table.values()))
            for line in lines
            if line.grantee in grantees
        )

    def _acl_for(
        self, action: str, found: Object | None
    ) -> tuple[list[Grant], dict[str, set[str]]]:
        if action in _OWNERS and not (found is None and action == "s3:PutObjectAcl"):
            return (found.acl if found else []), _OBJECT_ACL
        return self._bucket.acl, _BUCKET_ACL


def _identity_denies(who: Principal, own: Question) -> str:
    if denies(who.policies, own):
        return "with an explicit deny in an identity-based policy"
    if who.session_policy and denies([who.session_policy], own):
        return "with an explicit deny in a session policy"
    if who.session_policy and not allows([who.session_policy], own):
        return f"because no session policy allows the {own.action} action"
    return ""


def require_of_account(principal: Principal, action: str, resource: str) -> None:
    """For what belongs to no bucket: CreateBucket, ListAllMyBuckets."""
    own = Question(action, resource)
    why = _identity_denies(principal, own)
    if not why and (principal.is_root or allows(principal.policies, own)):
        return
    if principal.is_anonymous:
        raise S3Error("AccessDenied")
    why = why or f"because no identity-based policy allows the {action} action"
    raise S3Error(
        "AccessDenied",
        f"User: {principal.arn} is not authorized to perform: {action} on resource: "
        f'"{resource}" {why}',
    )


# --- KMS ---------------------------------------------------------------------------------------


def require_kms(principal: Principal, key: KmsKey, action: str) -> None:
    """The key must be usable, and its own policy decides before anybody's."""
    if key.state == "Disabled":
        raise S3Error("KMS.DisabledException", f"{key.arn} is disabled.")
    if key.state == "PendingDeletion":
        raise S3Error("KMS.KMSInvalidStateException", f"{key.arn} is pending deletion.")
    if why := _kms_refusal(principal, key, action):
        raise S3Error(
            "AccessDenied",
            f"User: {principal.arn} is not authorized to perform: {action} on resource: "
            f"{key.arn} {why}",
        )


def _kms_refusal(who: Principal, key: KmsKey, action: str) -> str:
    is_own = who.account is key.account
    none_of_key = f"because no resource-based policy allows the {action} action"
    if key.is_aws_managed:
        return "" if is_own else none_of_key
    own = Question(action, key.arn)
    if why := _identity_denies(who, own):
        return why
    asked = Question(action, key.arn, {}, who.names | who.account_names)
    if key.policy and denies([key.policy], asked):
        return "with an explicit deny in a resource-based policy"
    by_name = bool(key.policy and allows([key.policy], Question(action, key.arn, {}, who.names)))
    by_account = is_own if key.policy is None else allows([key.policy], asked)
    may_itself = who.is_root or allows(who.policies, own)
    if (by_name and is_own) or (by_account and may_itself):
        return ""
    if by_account:
        return f"because no identity-based policy allows the {action} action"
    return none_of_key
