"""What tests want of any real S3 server: its users, boto3 for a second opinion, our own store."""

import uuid
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from storages_app.lib.outbound import Policy
from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.base import Location


class Keys(NamedTuple):
    """The credentials of one user of a test server, which nobody else can reach."""

    access_key_id: str
    secret_access_key: str


@dataclass
class S3Server:
    """A server on loopback; `close` drops every connection that was handed out."""

    endpoint_url: str
    users: dict[str, Keys]
    region: str = "us-east-1"
    _clients: dict[str, Any] = field(default_factory=dict)
    _stores: list[S3Store] = field(default_factory=list)

    @property
    def host_and_port(self) -> tuple[str, int]:
        host, _, port = self.endpoint_url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def client(self, user: str = "owner") -> Any:
        """A plain boto3 client; kept, so nobody closes it."""
        if user not in self._clients:
            self._clients[user] = boto3.client(
                "s3",
                endpoint_url=self.endpoint_url,
                region_name=self.region,
                aws_access_key_id=self.users[user].access_key_id,
                aws_secret_access_key=self.users[user].secret_access_key,
                config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
            )
        return self._clients[user]

    def new_bucket(self) -> str:
        """Another name each time, whichever process asks."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return name

    def location(self, bucket: str, user: str = "owner", **other: str) -> Location:
        keys = self.users[user]._asdict()
        return Location(
            **{"bucket": bucket, "region": self.region, **keys, **other},
            endpoint_url=self.endpoint_url,
            path_style=True,
        )

    def store(self, bucket: str, user: str = "owner", **other: str) -> S3Store:
        """Our own way to the bucket, as this user; `other` changes the location."""
        policy = Policy(allowed_private=frozenset({self.host_and_port}))
        self._stores.append(S3Store(self.location(bucket, user, **other), policy=policy))
        return self._stores[-1]

    def close(self) -> None:
        for each in [*self._clients.values(), *self._stores]:
            each.close()
