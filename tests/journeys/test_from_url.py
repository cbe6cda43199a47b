"""A worker fetches from the web: whole files, nothing of hostile servers; and it may die of it."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests import hostile_server
from tests.hostile_server import CONTENT, MODES, HostileServer
from tests.journeys import crashing
from tests.journeys.crashing import Crashes
from tests.rig.installation import ROOT, Project
from tests.rig.processes import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

MIB = 1024 * 1024
_SWEEP_AN_HOUR_LATER = """
from datetime import timedelta
from django.utils import timezone
from storages_app.uploads import runner
runner.sweep(now=timezone.now() + timedelta(hours=2))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with hostile_server.running() as found:
        yield found


@pytest.fixture(scope="module")
def connections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the processes write down whom they have connected to."""
    return tmp_path_factory.mktemp("connections") / "all.jsonl"


@pytest.fixture(scope="module")
def crashes(
    tmp_path_factory: pytest.TempPathFactory, server: HostileServer, connections: Path
) -> Iterator[Crashes]:
    running = Crashes(
        tmp_path_factory.mktemp("fetches"),
        UCDASH_ALLOWED_PRIVATE_HOSTS=f"127.0.0.1:{server.port}",
        UCDASH_FROM_URL_IDLE_S="2",
        UCDASH_FROM_URL_TIME_S="20",
        UCDASH_FROM_URL_MAX_MB="8",
        UCDASH_TIME_SCALE="0.05",
        PYTHONPATH=str(ROOT / "tests" / "rig" / "watched"),
        UCDASH_TEST_CONNECTIONS=str(connections),
    )
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def project(crashes: Crashes) -> Project:
    return crashes.machine.create_project()


def order(crashes: Crashes, project: Project, url: str, **more: str) -> str:
    answer = requests.post(
        f"{crashes.machine.url}/from_url/",
        data={"pub_key": project.public_key, "source_url": url, "store": "1", **more},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def status(crashes: Crashes, token: str) -> dict[str, Any]:
    answer = requests.get(
        f"{crashes.machine.url}/from_url/status/", params={"token": token}, timeout=30
    )
    found: dict[str, Any] = answer.json()
    return found


def outcome(crashes: Crashes, token: str, within: float = 60) -> dict[str, Any]:
    def is_over() -> bool:
        return status(crashes, token)["status"] not in {"waiting", "progress"}

    wait_until(is_over, within=within, what="the end of the fetch", every=0.2)
    return status(crashes, token)


def files_of(crashes: Crashes, project: Project) -> list[Any]:
    return crashes.machine.query(
        "SELECT f.sha256 FROM storages_app_file f JOIN storages_app_project p "
        f"ON p.id = f.project_id WHERE p.public_key = '{project.public_key}'"
    )


class TestFetches:
    def test_a_file_comes_and_can_be_had(self, crashes, project, server):
        token = order(crashes, project, server.url("good/photo.bin"))
        found = outcome(crashes, token)
        assert found["status"] == "success"
        assert (found["size"], found["original_filename"]) == (len(CONTENT), "photo.bin")
        original = requests.get(f"{crashes.machine.files_url}/{found['uuid']}/", timeout=30)
        assert original.content == CONTENT

    def test_its_progress_is_told(self, crashes, project, server):
        token = order(crashes, project, server.url("hang-in-body"))

        def is_telling() -> bool:
            found = status(crashes, token)
            return found["status"] == "progress" and found["done"] > 0

        wait_until(is_telling, within=20, what="progress")
        assert outcome(crashes, token)["error_code"] == "DownloadFileHTTPNetworkError"

    def test_12_modes_of_a_hostile_server_leave_nothing(self, crashes, project, server):
        """F08: no file, no row without a reason, no memory."""
        outcome(crashes, order(crashes, project, server.url("good")))
        before = _peak_memory(crashes)
        tokens = [(mode, order(crashes, project, server.url(mode))) for mode in MODES * 2]
        for mode, token in tokens:
            found = outcome(crashes, token)
            assert found["status"] == "error", mode
            assert found["error_code"].startswith("DownloadFile"), mode
            assert found["error"].endswith("."), mode
        assert len(files_of(crashes, project)) == 1
        reasonless = "storages_app_urlupload WHERE state <> 'done' AND error = ''"
        assert crashes.machine.count(reasonless) == 0
        assert _temporary_files(crashes) == []
        assert _peak_memory(crashes) - before < 64 * MIB

    def test_addresses_inside_are_refused_at_once(self, crashes, project):
        for url in ("http://127.0.0.1:6379/", "http://169.254.169.254/", "http://localhost/"):
            answer = requests.post(
                f"{crashes.machine.url}/from_url/",
                data={"pub_key": project.public_key, "source_url": url},
                timeout=30,
            )
            assert (answer.status_code, answer.text) == (400, "Only public IPs are allowed.")


class TestDeaths:
    @pytest.mark.parametrize("step", [*crashing.FETCH, *crashing.UPLOAD[:1], *crashing.UPLOAD[2:]])
    def test_a_worker_that_dies_leaves_one_file_and_no_bytes_without_a_row(
        self, crashes, project, server, step
    ):
        crashes.die_at(step)
        token = order(crashes, project, server.url("good"))
        crashes.wait_for_death(step)
        found = outcome(crashes, token)
        assert found["status"] == "success"
        assert files_of(crashes, project) == [(hashlib.sha256(CONTENT).hexdigest(),)]
        crashes.shell(_SWEEP_AN_HOUR_LATER)
        assert _temporary_files(crashes) == []
        assert len(_blobs(crashes)) == crashes.machine.count("storages_app_file")

    def test_an_address_over_which_every_worker_dies_ends(self, crashes, project, server):
        step = "url_upload_claimed"
        crashes.die_at(step)
        token = order(crashes, project, server.url("good"))
        for n_deaths in (1, 2, 3):
            crashes.wait_for_death(step)
            if n_deaths < 3:
                crashes.die_at(step)
        found = outcome(crashes, token)
        assert (found["status"], found["error"]) == ("error", "download task failed.")
        assert files_of(crashes, project) == []


class TestGuard:
    def test_no_process_connects_around_it(self, crashes, server, connections):
        """S020: web, worker and commands, over all that they do in this module and a copy."""
        project = crashes.connect("--auto-copy")
        token = order(crashes, project, server.url("good/copied.bin"))
        uuid = outcome(crashes, token)["uuid"]
        crashes.require_copied(uuid, CONTENT)
        made = [json.loads(line) for line in connections.read_text().splitlines()]
        ours = [one for one in made if "ucdash.demo_s3" not in one["argv"]]
        guarded = {tuple(one["address"]) for one in ours if one["guarded"]}
        assert {("127.0.0.1", server.port), ("127.0.0.1", crashes.machine.s3_port)} <= guarded
        around = {json.dumps(one["address"]) for one in ours if not one["guarded"]}
        assert around <= _configured(crashes), "a connection was made around the guard"


def _configured(crashes: Crashes) -> set[str]:
    """Database, broker and mail: what the operator has named."""
    found = {json.dumps(["localhost", 25])}
    for name in ("CELERY_BROKER_URL", "DATABASE_URL"):
        parts = urlsplit(crashes.machine.env.get(name, ""))
        if parts.hostname and parts.port:
            found.add(json.dumps([parts.hostname, parts.port]))
    return found


def _peak_memory(crashes: Crashes) -> int:
    """The most that any process of the worker has had, in bytes."""
    assert crashes.machine.worker
    peaks = [_field(pid, "VmHWM") for pid in _tree(crashes.machine.worker.pid)]
    return max(peaks) * 1024


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in _tree(int(child)))]


def _field(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0


def _temporary_files(crashes: Crashes) -> list[str]:
    return sorted(path.name for path in (crashes.machine.data_dir / "incoming").iterdir())


def _blobs(crashes: Crashes) -> list[Path]:
    uploads = crashes.machine.data_dir / "uploads"
    return [path for path in uploads.glob("[0-9a-f][0-9a-f]/*") if path.is_file()]
