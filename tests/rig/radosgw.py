"""A real Ceph object gateway: of the servers at hand the one that enforces policies, ACL grants
and Block Public Access.

A monitor, one OSD that keeps everything in memory, and the gateway; `make test-services` starts
them (tests/rig/services.py) and hands their address over in UCDASH_TEST_RADOSGW_URL.
"""

import contextlib
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.processes import DidNotStart, Process, free_port
from tests.rig.s3_server import Keys, S3Server

VARIABLE = "UCDASH_TEST_RADOSGW_URL"
PACKAGES = ("ceph-common", "ceph-mon", "ceph-osd", "radosgw")
USERS = {
    "owner": Keys("AKIAOWNEROFBUCKETS", "secretOfTheOwner"),
    "writer": Keys("AKIAWRITERINTHEM", "secretOfTheWriter"),
}
_COMMAND_S = 60

# Without `crc` everywhere the gateway asks for an encrypted connection, which there is none of
# without keys, and waits five minutes for it. An OSD that is alone keeps one copy. Ceph waits up to
# a second for more changes before it agrees on one: that is most of the time a start takes.
_CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon_port}/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms bind msgr1 = false
ms cluster mode = crc
ms service mode = crc
ms client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
ms mon client mode = crc
paxos propose interval = 0.05
paxos min wait = 0.02

run dir = {folder}
crash dir = {folder}
admin socket =
keyring = {folder}/none
log file = {folder}/$name.log
mon cluster log to file = false
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw

mon allow pool size one = true
mon max pg per osd = 2000
osd objectstore = memstore
memstore device bytes = 8589934592
osd crush chooseleaf type = 0
osd crush initial weight = 1
osd pool default size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw thread pool size = 64
"""


def is_installed() -> bool:
    return all(shutil.which(name) for name in ("ceph", "ceph-mon", "ceph-osd", "radosgw"))


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[str]:
    """A gateway that knows USERS and keeps nothing; its URL."""
    home = folder / "radosgw"
    for name in ("mon", "osd", "rgw"):
        (home / name).mkdir(parents=True)
    fsid, mon_port, port = str(uuid.uuid4()), free_port(), free_port()
    configuration = home / "ceph.conf"
    configuration.write_text(
        _CONFIGURATION.format(fsid=fsid, mon_port=mon_port, port=port, folder=home)
    )
    # Nothing of the machine's own Ceph reaches it.
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    url = f"http://127.0.0.1:{port}"

    def run(command: str, *words: str) -> None:
        _run(command, "-c", str(configuration), *words, environment=environment)

    with contextlib.ExitStack() as stack:

        def start(command: str, *words: str) -> Process:
            daemon = Process(
                command,
                [command, "-c", str(configuration), "-f", *words],
                env=environment,
                log=home / f"{command}.out",
            )
            stack.callback(daemon.kill)  # nothing of it is kept
            return daemon

        monitors, osd = str(home / "monitors"), str(uuid.uuid4())
        address = f"[v2:127.0.0.1:{mon_port}/0]"
        run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monitors)
        run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monitors)
        start("ceph-mon", "-i", "a")
        run("ceph", "--connect-timeout", "30", "osd", "new", osd, "0")
        run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", osd)
        start("ceph-osd", "-i", "0")
        for name, keys in USERS.items():
            run(
                *("radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}"),
                *(f"--access-key={keys.access_key_id}", f"--secret-key={keys.secret_access_key}"),
            )
        front = start("radosgw", "-n", "client.rgw")
        front.wait_until(lambda: _answers(url), within=_COMMAND_S, what="radosgw")
        yield url


def _run(*command: str, environment: dict[str, str]) -> None:
    try:
        subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=_COMMAND_S,
        )
    except subprocess.SubprocessError as error:
        raise DidNotStart(f"{error}\n{getattr(error, 'stderr', '')}") from error


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True


class Radosgw(S3Server):
    """Buckets belong to `owner`; `writer` may do what ACLs and policies let it."""

    @staticmethod
    def arn(user: str) -> str:
        """How a policy names one of USERS."""
        return f"arn:aws:iam:::user/{user}"

    def set_policy(self, bucket: str, *statements: dict[str, Any]) -> None:
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        self.client().put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))

    def block_public_access(self, bucket: str) -> None:
        """All four switches, as every new bucket at Amazon has them."""
        switches = {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        }
        self.client().put_public_access_block(
            Bucket=bucket, PublicAccessBlockConfiguration=switches
        )


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Radosgw]:
    """A gateway of one's own."""
    with gateway(folder) as url:
        server = Radosgw(url, USERS)
        yield server
        server.close()


@pytest.fixture(scope="session")
def radosgw() -> Iterator[Radosgw]:
    """The gateway of this run, shared by its processes; each test makes buckets of its own."""
    if VARIABLE not in os.environ:
        pytest.skip("Ceph radosgw is started by make test-services")
    server = Radosgw(os.environ[VARIABLE], USERS)
    yield server
    server.close()
