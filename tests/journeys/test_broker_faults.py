"""The broker hangs, dies and forgets everything; uploads go on and every copy is made.

The database is the queue: workers look into it by themselves (spec/RELIABILITY F20, F21, F22, F24).
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.rig.fixtures import need
from tests.rig.installation import Installation, Project
from tests.rig.processes import Process, free_port, wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

RESUMES_WITHIN_S = 30  # G4
_SWITCH = """
from storages_app.models import CustomStorage
from storages_app.custom_storages import services
services.{verb}(custom_storage=CustomStorage.objects.get(name="demo"), actor="a test")
"""


class Redis:
    """A broker of the test's own, which keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process = self.start()

    def start(self) -> Process:
        self.process = Process(
            "redis",
            [
                *("redis-server", "--bind", "127.0.0.1", "--port", str(self.port)),
                *("--save", "", "--appendonly", "no", "--dir", str(self.folder)),
            ],
            env=os.environ,
            log=self.folder / "redis.log",
        )
        return self.process

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    need(bool(shutil.which("redis-server")), "Redis is missing: apt-get install redis-server")
    redis = Redis(tmp_path_factory.mktemp("redis"))
    try:
        yield redis
    finally:
        redis.process.kill()


@pytest.fixture(scope="module")
def machine(broker: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation(
        tmp_path_factory.mktemp("broker-faults"),
        CELERY_BROKER_URL=f"redis://127.0.0.1:{broker.port}/0",
        UCDASH_WORKER_PROCESSES="1",
    )
    try:
        running.prepare()
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def project(machine: Installation) -> Project:
    project = machine.create_project()
    assert machine.connect_bucket(project, "--auto-copy")["state"] == "connected"
    return project


def upload(machine: Installation, project: Project, n: int) -> float:
    """Send `n` files; the seconds of the slowest answer."""

    def send(number: int) -> float:
        began = time.monotonic()
        answer = requests.post(
            f"{machine.url}/base/",
            data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
            files={"file": (f"{number}.bin", os.urandom(1000), "application/octet-stream")},
            timeout=30,
        )
        answer.raise_for_status()
        return time.monotonic() - began

    with ThreadPoolExecutor(8) as pool:
        return max(pool.map(send, range(n)))


def all_are_copied(machine: Installation, *, of: int) -> None:
    def is_so() -> bool:
        return (
            machine.count("storages_app_copyjob") == of
            and machine.count("storages_app_copyjob WHERE state <> 'done'") == 0
        )

    wait_until(is_so, within=RESUMES_WITHIN_S, what="all copies", every=0.3)
    found = machine.query("SELECT max(attempts), sum(takeovers) FROM storages_app_copyjob")
    assert found == [(1, 0)]


def test_f24_a_broker_that_hangs_delays_no_upload_and_the_pollers_make_the_copies(
    machine, project, broker
):
    """Its connections stay open and nothing comes out of them: no worker is told of anything."""
    broker.signal(signal.SIGSTOP)
    try:
        assert upload(machine, project, 10) < 5
        all_are_copied(machine, of=10)
    finally:
        broker.signal(signal.SIGCONT)


def test_f20_a_broker_that_is_down_costs_seconds(machine, project, broker):
    """F21 is the same to the ledger: the row is there, and the wake-up was never sent."""
    broker.process.kill()
    try:
        assert upload(machine, project, 10) < 5
        all_are_copied(machine, of=20)
    finally:
        broker.start()


def test_f22_a_broker_that_forgot_everything_loses_no_copy(machine, project, broker):
    machine.manage("shell", "--no-imports", "--command", _SWITCH.format(verb="pause"))
    upload(machine, project, 100)
    machine.manage("shell", "--no-imports", "--command", _SWITCH.format(verb="resume"))
    broker.process.kill()
    broker.start()
    all_are_copied(machine, of=120)
