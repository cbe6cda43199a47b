"""Processed images of a real server: many equal requests, and processes that die at work."""

import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests import pictures
from tests.mutants import mutants
from tests.rig.installation import Installation
from tests.rig.processes import Process, wait_until
from tests.rig.together import at_once

pytestmark = [pytest.mark.real, pytest.mark.timeout(1_800)]

MUTANTS = int(os.environ.get("MUTANTS", "60"))  # 1,000 by `make soak ONLY=S090`
MADE = "A processed image was made"
LARGE = "-/resize/2000x2000/-/format/png/"  # of noise: written bit by bit, for half a second


class Server:
    """Two web processes and no worker; it knows the image processes among its children."""

    def __init__(self, folder: Path) -> None:
        self.machine = Installation(folder, on_services=False, UCDASH_WEB_PROCESSES="2")
        self.machine.prepare()
        self.project = self.machine.create_project()
        self.web: Process = self.machine.start_web()

    def upload(self, body: bytes, name: str = "picture") -> str:
        """The address of the file, with a slash at its end."""
        answer = requests.post(
            f"{self.machine.url}/base/",
            data={"UPLOADCARE_PUB_KEY": self.project.public_key, "UPLOADCARE_STORE": "1"},
            files={"file": (name, body)},
            timeout=30,
        )
        answer.raise_for_status()
        return f"{self.machine.files_url}/{answer.json()['file']}/"

    @property
    def n_made(self) -> int:
        return self.web.log.read_text().count(MADE)

    @property
    def web_processes(self) -> list[int]:
        return _children(self.web.pid)

    @property
    def image_processes(self) -> list[int]:
        return [pid for web in self.web_processes for pid in _children(web)]

    @property
    def making(self) -> list[Path]:
        """Results that somebody is at."""
        return [path for path in self._cache("making") if path.stat().st_size]

    def wait_for_half_a_result(self) -> None:
        wait_until(lambda: bool(self.making), within=30, what="half a result", every=0.002)

    def kill_image_processes(self) -> None:
        for pid in self.image_processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _cache(self, name: str) -> Iterator[Path]:
        with suppress(FileNotFoundError):
            yield from (self.machine.data_dir / "renditions" / name).rglob("*")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("images"))
    try:
        yield made
    finally:
        made.machine.stop()


@pytest.fixture
def noise(server: Server) -> str:
    """The address of a picture that nobody has asked for."""
    image = Image.effect_noise((1_000, 1_000), 90).convert("RGB")
    return server.upload(pictures._bytes(image, "PNG", compress_level=1))


def test_fifty_equal_cold_requests_are_one_computation(server, noise):
    n_before = server.n_made
    answers = at_once(*[partial(requests.get, noise + LARGE, timeout=60)] * 50)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["ETag"] for answer in answers}) == 1
    assert len({answer.content for answer in answers}) == 1
    assert pictures.read(answers[0].content).size == (2_000, 2_000)
    assert server.n_made == n_before + 1


def test_a_hundred_wait_for_one_while_others_are_served(server, noise):
    """They hold as many threads as they are; there are others."""
    n_before = server.n_made
    with ThreadPoolExecutor(100) as pool:
        waiting = [pool.submit(requests.get, noise + LARGE, timeout=60) for _ in range(100)]
        assert {each.result().status_code for each in waiting} == {200}
    assert server.n_made == n_before + 1
    assert requests.get(noise, timeout=10).status_code == 200


def test_an_image_process_that_dies_costs_one_request(server, noise):
    """F47, S089. Nothing of its work is served, and the web processes do not notice."""
    web_before = server.web_processes
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(requests.get, noise + LARGE, timeout=60)
        server.wait_for_half_a_result()
        server.kill_image_processes()
        answer = asked.result()
    assert answer.status_code == 400
    assert "could not be processed" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    _require_life(server, noise, web_before)


def test_image_processes_that_die_again_and_again_cost_no_other_answers(server, noise):
    """At their start, between two requests, at work."""
    web_before = server.web_processes
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(requests.get, noise + LARGE, timeout=60)
        while not asked.done():
            server.kill_image_processes()
        assert asked.result().status_code in {400, 503}
    _require_life(server, noise, web_before)


@pytest.mark.parametrize("moment", ["in-the-middle", "at-its-end"])
def test_a_web_process_that_dies_leaves_no_half_picture(server, noise, moment):
    address = noise + LARGE
    n_before = server.n_made
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(requests.get, address, timeout=60)
        if moment == "at-its-end":
            wait_until(lambda: server.n_made > n_before, within=30, what="the picture", every=0.001)
        else:
            server.wait_for_half_a_result()
        for pid in server.web_processes:
            os.kill(pid, signal.SIGKILL)
        with suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            _require_whole(asked.result())
    wait_until(server.machine.web_answers, within=30, what="new web processes")
    _require_whole(requests.get(address, timeout=60))
    part = requests.get(address, headers={"Range": "bytes=0-99"}, timeout=60)
    assert part.status_code == 206
    assert part.headers["ETag"] == requests.head(address, timeout=60).headers["ETag"]


def test_damaged_pictures_are_made_or_refused(server):
    """S090: each answer is 200 or 400, and no web process ends."""
    web_before = server.web_processes
    seen: dict[int, int] = {}
    peak_mb = 0.0
    for name, body in mutants(MUTANTS):
        address = server.upload(body)
        for operations in ("-/resize/20x/", "-/json/"):
            answer = requests.get(address + operations, timeout=60)
            assert answer.status_code in {200, 400}, name
            seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        peak_mb = max([peak_mb, *map(_peak_mb, server.image_processes)])
    assert min(seen[200], seen[400]) > MUTANTS / 5
    assert server.web_processes == web_before
    assert 0 < peak_mb < 500


def test_the_second_request_is_answered_from_the_disk(server, noise):
    first = _seconds(lambda: requests.get(noise + LARGE, timeout=60))
    again = min(_seconds(lambda: requests.get(noise + LARGE, timeout=60)) for _ in range(5))
    assert again < first / 3


def _require_life(server: Server, noise: str, web_before: list[int]) -> None:
    assert not server.making
    whole = requests.get(f"{noise}-/resize/50x/", timeout=60)
    assert pictures.read(whole.content).size == (50, 50)
    assert server.web_processes == web_before


def _children(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, of = _stat(int(path.name))[:2]
            if int(of) == parent and state != "Z":
                found.append(int(path.name))
    return sorted(found)


def _stat(pid: int) -> list[str]:
    """State, parent and the rest; the name before them may contain anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _peak_mb(pid: int) -> float:
    with suppress(FileNotFoundError, ProcessLookupError, IndexError):
        return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1_000
    return 0


def _require_whole(answer: requests.Response) -> None:
    assert answer.status_code == 200
    assert pictures.read(answer.content).size == (2_000, 2_000)
    assert len(answer.content) == int(answer.headers["Content-Length"])
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'


def _seconds(work: Callable[[], object]) -> float:
    begun_at = time.monotonic()
    work()
    return time.monotonic() - begun_at
