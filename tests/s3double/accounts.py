"""Who there is: accounts, users, roles, what they sign with, and the keys of KMS."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.s3double.policies import Policy

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"


@dataclass
class Block:
    """The four switches of Block Public Access."""

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False

    @classmethod
    def all_on(cls) -> "Block":
        return cls(True, True, True, True)

    def __or__(self, other: "Block") -> "Block":
        return Block(*(a or b for a, b in zip(self._flags, other._flags, strict=True)))

    @property
    def _flags(self) -> tuple[bool, ...]:
        return (
            self.block_public_acls,
            self.ignore_public_acls,
            self.block_public_policy,
            self.restrict_public_buckets,
        )


@dataclass
class Account:
    """An account and its root user, who may do everything with what is the account's."""

    id: str
    partition: str = "aws"
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    block: Block = field(default_factory=Block)  # account-wide
    is_closed: bool = False

    @property
    def arn(self) -> str:
        return f"arn:{self.partition}:iam::{self.id}:root"

    @property
    def canonical_id(self) -> str:
        return hashlib.sha256(self.id.encode()).hexdigest()


@dataclass
class User:
    name: str
    account: Account
    policies: list[Policy] = field(default_factory=list)
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)

    @property
    def arn(self) -> str:
        return f"arn:{self.account.partition}:iam::{self.account.id}:user/{self.name}"


@dataclass
class Role:
    name: str
    account: Account
    trust: Policy
    policies: list[Policy] = field(default_factory=list)
    max_seconds: int = 3600

    @property
    def arn(self) -> str:
        return f"arn:{self.account.partition}:iam::{self.account.id}:role/{self.name}"


@dataclass(frozen=True)
class Session:
    """A role that somebody assumed."""

    role: Role
    name: str
    policy: Policy | None = None  # narrows the role's

    @property
    def arn(self) -> str:
        account = self.role.account
        return (
            f"arn:{account.partition}:sts::{account.id}:assumed-role/{self.role.name}/{self.name}"
        )


@dataclass(frozen=True)
class Principal:
    """Who asks; `who` is None for a stranger."""

    who: Account | User | Session | None = None

    @property
    def is_anonymous(self) -> bool:
        return self.who is None

    @property
    def account(self) -> Account | None:
        if self.who is None or isinstance(self.who, Account):
            return self.who
        return self.who.role.account if isinstance(self.who, Session) else self.who.account

    @property
    def is_root(self) -> bool:
        return isinstance(self.who, Account)

    @property
    def arn(self) -> str:
        return "" if self.who is None else self.who.arn

    @property
    def policy_arn(self) -> str:
        """What aws:PrincipalArn says: the role, not its session."""
        return self.who.role.arn if isinstance(self.who, Session) else self.arn

    @property
    def user_id(self) -> str:
        if isinstance(self.who, Session):
            return f"AROA{_id_of(self.who.role.arn)}:{self.who.name}"
        return self.account.id if self.is_root and self.account else f"AIDA{_id_of(self.arn)}"

    @property
    def names(self) -> frozenset[str]:
        """What a Principal element may call exactly this one."""
        return frozenset({self.arn, self.policy_arn} - {""}) or frozenset({"(anonymous)"})

    @property
    def account_names(self) -> frozenset[str]:
        """What it may call the account, whose own policies then decide."""
        return (
            frozenset() if self.account is None else frozenset({self.account.id, self.account.arn})
        )

    @property
    def policies(self) -> Sequence[Policy]:
        if isinstance(self.who, Session):
            return self.who.role.policies
        return self.who.policies if isinstance(self.who, User) else []

    @property
    def session_policy(self) -> Policy | None:
        return self.who.policy if isinstance(self.who, Session) else None

    @property
    def canonical_id(self) -> str:
        return "" if self.account is None else self.account.canonical_id


def _id_of(arn: str) -> str:
    return hashlib.sha256(arn.encode()).hexdigest()[:16].upper()


ANONYMOUS = Principal()


@dataclass
class Credential:
    """What a request is signed with; tests may move `expires_at`."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    principal: Principal
    token: str = field(default="", repr=False)
    expires_at: datetime | None = None


@dataclass
class KmsKey:
    id: str
    account: Account
    region: str
    policy: Policy | None = None  # None: the account's own policies decide
    state: str = "Enabled"  # or "Disabled", "PendingDeletion"
    alias: str = ""
    is_aws_managed: bool = False

    @property
    def arn(self) -> str:
        return f"arn:{self.account.partition}:kms:{self.region}:{self.account.id}:key/{self.id}"

    @property
    def names(self) -> set[str]:
        prefix = self.arn.rpartition(":")[0]
        return {self.id, self.arn, self.alias, f"{prefix}:{self.alias}"} - {"", f"{prefix}:"}


class Directory:
    """All of them; `arn`s and access key ids lead to their owners."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.users: dict[str, User] = {}
        self.roles: dict[str, Role] = {}
        self.credentials: dict[str, Credential] = {}
        self.kms_keys: list[KmsKey] = []
        self._n = 0

    def key_pair(self, who: Account | User) -> None:
        self._n += 1
        who.access_key_id = f"AKIADOUBLE{self._n:010}"
        who.secret_access_key = secrets.token_urlsafe(30)
        self.credentials[who.access_key_id] = Credential(
            who.access_key_id, who.secret_access_key, Principal(who)
        )

    def assume(self, session: Session, now: datetime, seconds: int) -> Credential:
        self._n += 1
        credential = Credential(
            f"ASIADOUBLE{self._n:010}",
            secrets.token_urlsafe(30),
            Principal(session),
            token=secrets.token_urlsafe(120),
            expires_at=now + timedelta(seconds=seconds),
        )
        self.credentials[credential.access_key_id] = credential
        return credential

    def has(self, principal: str) -> bool:
        """Whether a bucket policy may name it: S3 refuses names of nobody."""
        known = {*self.accounts, *self.users, *self.roles}
        return principal in known | {one.arn for one in self.accounts.values()} or any(
            principal.startswith(
                f"arn:{role.account.partition}:sts::{role.account.id}:assumed-role/"
            )
            for role in self.roles.values()
        )

    def kms_key(self, name: str) -> KmsKey | None:
        return next((key for key in self.kms_keys if name in key.names), None)


def allow_all(actions: str | list[str] = "*", resource: str = "*") -> Mapping[str, Any]:
    """A policy of one statement."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}],
    }
