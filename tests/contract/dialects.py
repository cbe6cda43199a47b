"""The S3 servers that the probes are run against, each with a bucket and clients to it."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from tests.s3double import S3Double


@dataclass
class Dialect:
    """One server. Clients are closed with it."""

    name: str
    endpoint_url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    account_id: str = ""
    region: str = "us-east-1"
    make_bucket: Callable[[str], None] | None = None
    _stack: ExitStack = field(default_factory=ExitStack, repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _names: Iterator[str] = field(
        default_factory=lambda: (f"probes-{uuid.uuid4().hex[:12]}" for _ in itertools.count()),
        repr=False,
    )
    _shared: str = ""

    def __post_init__(self) -> None:
        self.http = self._stack.enter_context(urllib3.PoolManager(retries=False))

    def client(self, **change: str) -> Any:
        """boto3 as the owner, or with another region, key id or secret."""
        name = repr(change)
        if name not in self._clients:
            known = {
                "endpoint_url": self.endpoint_url,
                "region_name": self.region,
                "aws_access_key_id": self.access_key_id,
                "aws_secret_access_key": self.secret_access_key,
            }
            config = Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
            )
            self._clients[name] = boto3.client("s3", **(known | change), config=config)
            self._stack.callback(self._clients[name].close)
        return self._clients[name]

    @property
    def bucket(self) -> str:
        """One for all probes that leave it as it is; they use keys of their own."""
        if not self._shared:
            self._shared = self.new_bucket()
        return self._shared

    def new_bucket(self) -> str:
        name = next(self._names)
        if self.make_bucket:
            self.make_bucket(name)
        else:
            self.client().create_bucket(Bucket=name)
        return name

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        """What a stranger gets."""
        url = path if path.startswith("http") else f"{self.endpoint_url}{path}"
        return self.http.request("GET", url, redirect=False)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="session")
def double_dialect() -> Iterator[Dialect]:
    with S3Double() as double:
        owner = double.add_account()
        dialect = Dialect(
            "double",
            double.endpoint_url,
            owner.access_key_id,
            owner.secret_access_key,
            account_id=owner.id,
        )
        yield dialect
        dialect.close()


@pytest.fixture(scope="session")
def moto_dialect() -> Iterator[Dialect]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    dialect = Dialect("moto", f"http://127.0.0.1:{port}", "AKIAMOTO", "secret", "123456789012")
    yield dialect
    dialect.close()
    server.stop()


@pytest.fixture(scope="session")
def seaweed_dialect(seaweed: Any) -> Iterator[Dialect]:
    dialect = Dialect(
        "seaweed", seaweed.endpoint_url, seaweed.access_key_id, seaweed.secret_access_key
    )
    yield dialect
    dialect.close()


@pytest.fixture(scope="session")
def rclone_dialect(rclone_s3: Any) -> Iterator[Dialect]:
    keys = rclone_s3.users["owner"]
    dialect = Dialect("rclone", rclone_s3.endpoint_url, *keys)
    yield dialect
    dialect.close()


@pytest.fixture(scope="session")
def radosgw_dialect(radosgw: Any) -> Iterator[Dialect]:
    keys = radosgw.users["owner"]
    dialect = Dialect("radosgw", radosgw.endpoint_url, *keys, region=radosgw.region)
    yield dialect
    dialect.close()
