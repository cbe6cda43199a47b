"""A bucket at Amazon's, as the strict double has it, and a storage to be connected to it."""

from dataclasses import dataclass, field
from typing import Any

from storages_app.custom_storages import grants, services, tasks
from storages_app.models import ConnectionTest, CustomStorage, Finding
from tests.factories import make_custom_storage, make_project
from tests.s3double import Bucket, S3Double, User

ACCOUNT, OTHER_ACCOUNT, OPERATORS = "111122223333", "444455556666", "999988887777"
REGION = "eu-central-1"
PREFIX = "up/"
Kind = ConnectionTest.Kind


@dataclass
class World:
    """Everything a case may change before it asks."""

    double: S3Double
    bucket: Bucket
    user: User
    storage: CustomStorage
    settings: Any
    test: ConnectionTest | None = None
    secrets: list[str] = field(default_factory=list)

    def set(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self.storage, name, value)
        self.storage.save()

    def grant(self, **options: Any) -> None:
        """Give the user the policy that the product makes for the storage as it is now."""
        self.user.policies[:] = [self.policy(**options)]

    def policy(self, **options: Any) -> dict[str, Any]:
        row = self.storage
        named = {
            "bucket": row.bucket,
            "prefix": row.prefix,
            "uses": row.uses,
            "public_mode": row.public_mode,
            "region": row.region,
            "versioned": bool(self.bucket.versioning),
            "kms_key_id": row.encryption.get("kms_key_id", ""),
        }
        return grants.identity_policy(**(named | options))

    def deny(self, action: str, resource: str = "*", **condition: Any) -> None:
        """Add a Deny to the bucket's own policy."""
        statement = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource}
        if condition:
            statement["Condition"] = condition
        policy = self.bucket.policy or {"Version": "2012-10-17", "Statement": []}
        self.bucket.policy = {**policy, "Statement": [*policy["Statement"], statement]}

    def ask(self, kind: ConnectionTest.Kind = Kind.TEST) -> dict[str, Finding]:
        """Run the test in this process; its rows by check id."""
        self.test = ConnectionTest.objects.create(
            custom_storage=self.storage, asked_by="a test", kind=kind
        )
        tasks.run_now(test_id=self.test.pk)
        self.test.refresh_from_db()
        self.storage.refresh_from_db()
        return {row.check_id: row for row in self.test.findings.all()}

    def become_role(self, *, trust: dict[str, Any] | None = None) -> None:
        """Let the storage come in by a role that our principal may assume."""
        self.set(identity="role", access_key_id="", role_arn=self._role(trust))

    def _role(self, trust: dict[str, Any] | None) -> str:
        trust = trust or grants.trust_policy(
            principal_arn=self.settings.AWS_PRINCIPAL_ARN, external_id=self.storage.external_id
        )
        role = self.double.add_role(
            "ucdash", account=ACCOUNT, trust=trust, policies=[self.policy()]
        )
        self.user = role  # whose policies a case changes
        return role.arn

    def become_principal(self, *, proof: bool = True) -> None:
        """Let the bucket's own policy let our principal in."""
        self.set(identity="principal", access_key_id="")
        self.bucket.policy = self.bucket_policy()
        nonce = services.proof_nonce(custom_storage=self.storage)
        if proof:
            self.put(f"{self.storage.prefix}.ucdash-proof", nonce)

    def bucket_policy(self, **options: Any) -> dict[str, Any]:
        row = self.storage
        named = {
            "bucket": row.bucket,
            "prefix": row.prefix,
            "uses": row.uses,
            "public_mode": row.public_mode,
            "region": row.region,
            "versioned": bool(self.bucket.versioning),
            "principal_arn": self.settings.AWS_PRINCIPAL_ARN,
        }
        return grants.bucket_policy(**(named | options))

    def put(self, key: str, text: str) -> None:
        """As the owner of the bucket does it."""
        client = self.double.client(self.bucket.account, region=self.bucket.region)
        client.put_object(Bucket=self.bucket.name, Key=key, Body=text.encode())
        client.close()

    @property
    def keys(self) -> list[str]:
        return list(self.bucket.objects)

    @property
    def writes(self) -> list[str]:
        """The operations that changed something in the bucket."""
        reading = ("Get", "List", "Head", "AssumeRole", "Options", "Sts")
        return [
            call.operation
            for call in self.double.log
            if call.bucket == self.bucket.name
            and call.principal_arn != self.bucket.account.arn
            and not call.operation.startswith(reading)
        ]


def make_world(double: S3Double, settings: Any, **fields: Any) -> World:
    """A private bucket with today's defaults, and a draft whose key may do what is ticked."""
    bucket = double.add_bucket("photos-prod", account=ACCOUNT, region=REGION)
    user = double.add_user("ucdash", account=ACCOUNT)
    operator = double.add_user(
        "operator",
        account=OPERATORS,
        policies=[{
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRole", "s3:*"],
                           "Resource": "*"}],
        }],
    )  # fmt: skip
    settings.AWS_S3_URL = double.endpoint_url
    settings.AWS_STS_URL = double.sts_url
    settings.AWS_PRINCIPAL_ARN = operator.arn
    settings.AWS_ACCESS_KEY_ID = operator.access_key_id
    settings.AWS_SECRET_ACCESS_KEY = operator.secret_access_key
    values = {
        "provider": "aws",
        "endpoint_url": "",
        "region": REGION,
        "bucket": bucket.name,
        "prefix": PREFIX,
        "access_key_id": user.access_key_id,
        "connected_at": None,
        "name": "photos",
    }
    storage = make_custom_storage(make_project(), **(values | fields))
    storage.seal_secret(user.secret_access_key)
    storage.save()
    world = World(double, bucket, user, storage, settings)
    world.secrets += [user.secret_access_key, operator.secret_access_key]
    world.grant()
    return world
