"""`make run`: from nothing to ready, Ctrl-C, and again with the same data."""

import json
import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from tests.rig.installation import ROOT, Installation
from tests.rig.processes import Process, wait_until

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not (ROOT / ".venv").is_dir(), reason="make has not made .venv: make test"),
]


@pytest.fixture
def machine(tmp_path) -> Installation:
    """A scratch data folder and free ports; nothing is prepared or started."""
    return Installation(tmp_path / "machine", on_services=False)  # it promises SQLite


@pytest.fixture
def make_run(machine, tmp_path):
    """Start `make run` as in a terminal; the group is killed in the end whatever happens."""
    started = []

    def run() -> Process:
        # What is installed is not asked again: the tests are not to change their own .venv.
        command = ["make", "--directory", str(ROOT), "--assume-old=.venv/run.done", "run"]
        environment = machine.env | {"HOME": str(tmp_path / "empty")}
        started.append(
            Process("make", command, env=environment, log=tmp_path / f"{len(started)}.log")
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
    for pid in processes_of(machine):
        os.kill(pid, signal.SIGKILL)


def processes_of(machine: Installation) -> list[int]:
    """Every process whose environment names this installation's data folder."""
    mark = f"UCDASH_DATA_DIR={machine.data_dir}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue  # it has ended meanwhile
    return found


def ready(machine: Installation, process: Process) -> dict:
    process.wait_until(lambda: "ucdash is ready" in process.tail(), within=90, what="the screen")
    return json.loads((machine.data_dir / "demo.json").read_text())


def press_ctrl_c(machine: Installation, process: Process) -> None:
    os.killpg(process.pid, signal.SIGINT)
    wait_until(lambda: not process.is_running(), within=20, what="the end of make")
    wait_until(lambda: not processes_of(machine), within=5, what="the end of every process")


@pytest.mark.timeout(240)
def test_starts_stops_and_starts_again_with_the_same_data(machine, make_run):
    first = make_run()
    facts = ready(machine, first)
    assert machine.web_answers()
    assert machine.bucket.client().list_buckets()["Buckets"][0]["Name"] == facts["s3"]["bucket"]
    assert facts["operator_password"] in first.log.read_text()
    assert stat.S_IMODE((machine.data_dir / "demo.json").stat().st_mode) == 0o600
    press_ctrl_c(machine, first)

    second = make_run()
    assert ready(machine, second) == facts
    assert facts["operator_password"] not in second.log.read_text()
    press_ctrl_c(machine, second)


def test_a_port_in_use_is_said_and_nothing_starts(machine, make_run):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", machine.port))
        listener.listen(1)
        process = make_run()
        wait_until(lambda: not process.is_running(), within=30, what="the end of make")
    port = machine.port
    assert f"Port {port} is in use. Start with another: UCDASH_PORT=" in process.log.read_text()
    assert not processes_of(machine)
    assert not (machine.data_dir / "demo.json").exists()
