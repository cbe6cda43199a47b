"""A real S3 server for the tests: one SeaweedFS a session, on loopback."""

import contextlib
import itertools
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ucdash import demo_s3
from ucdash.ports import is_free

_READY_S = 30


@dataclass
class Seaweed:
    """Where the server is; every bucket made by `new_bucket` is another one."""

    endpoint_url: str
    region: str
    bucket: str
    access_key_id: str
    secret_access_key: str
    pid: int = 0
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def host_and_port(self) -> tuple[str, int]:
        host, _, port = self.endpoint_url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def client(self) -> Any:
        """A plain boto3 client, for a second opinion on what is in a bucket; close it."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def new_bucket(self) -> str:
        name = f"bucket-{next(self._numbers)}"
        client = self.client()
        client.create_bucket(Bucket=name)
        client.close()
        return name


def _free_port() -> int:
    """A port whose followers, which SeaweedFS takes too, are free as well."""
    chance = random.Random(os.getpid())  # workers of one run begin at different places
    for _ in range(100):
        port = chance.randrange(20_000, 32_000, 10)
        if all(is_free("127.0.0.1", p) for p in [*range(port, port + 10), port + 10_008]):
            return port
    raise RuntimeError("no free ports for SeaweedFS")


def _remove_sockets(port: int) -> None:
    """Some have a fixed place, and a killed server leaves them there."""
    for number in [*range(port, port + 9), port + 10_008]:
        for left_over in Path("/tmp").glob(f"seaweedfs-*-{number}.sock"):
            left_over.unlink(missing_ok=True)


def _wait(server: Seaweed, process: "subprocess.Popen[bytes]") -> None:
    client = server.client()
    deadline = time.monotonic() + _READY_S
    while True:
        try:
            client.head_bucket(Bucket=server.bucket)
            break
        except (BotoCoreError, ClientError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    client.close()


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Seaweed]:
    """The demo server of `make run`, on free ports and with all that it keeps in `folder`."""
    (folder / "logs").mkdir()
    port = _free_port()
    server = Seaweed(
        endpoint_url=f"http://127.0.0.1:{port}",
        region="us-east-1",
        bucket="demo-bucket",
        access_key_id="AKIATESTS",
        secret_access_key="secretOfTheTests",
    )
    process = subprocess.Popen(
        demo_s3.command(port=port, data_dir=folder, bucket=server.bucket),
        env=demo_s3.environment(server.access_key_id, server.secret_access_key),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    server.pid = process.pid
    try:
        _wait(server, process)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _remove_sockets(port)


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """One server a session."""
    with serving(tmp_path_factory.mktemp("seaweed")) as server:
        yield server
