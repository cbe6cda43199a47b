"""Round B: five gigabytes from a sparse source by multipart, as the browser's client sends them."""

import hashlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.common import memory_mb
from tests.journeys.multipart import MIB, PART
from tests.rig.installation import Installation, Project
from tests.rig.processes import Process, wait_until

SIZE = 5 * 1024 * MIB
_MARK_EVERY, _MARK = 64 * MIB, 64 * 1024  # zeros between would hide bytes in the wrong place
_SENDERS = 4  # as the JavaScript client


@dataclass(frozen=True)
class Found:
    """What a run measured."""

    is_right: bool
    seconds: float
    completed_s: float  # of them, from the last part on
    web_mb: float  # by which its peak grew
    worker_mb: float


def send(folder: Path, size: int) -> Found:
    """Send a file of this size to an installation of its own, as it is out of the box."""
    machine = Installation(folder, on_services=False)
    try:
        machine.prepare()
        machine.start()
        return _send(machine, _sparse_file(folder / "source", size))
    finally:
        machine.stop()


def _send(machine: Installation, source: Path) -> Found:
    project, (web, worker) = machine.create_project(), _servers(machine)
    _warm_up(machine, project)
    before = memory_mb(web.pid), memory_mb(worker.pid)
    began = time.monotonic()
    answer = _post(
        machine,
        project,
        "start",
        filename="large.bin",
        size=str(source.stat().st_size),
        content_type="application/octet-stream",
    )
    with ThreadPoolExecutor(_SENDERS) as pool:
        list(pool.map(lambda part: _put(source, *part), enumerate(answer["parts"])))
    sent = time.monotonic()
    uuid = answer["uuid"]
    _post(machine, project, "complete", uuid=uuid)
    wait_until(lambda: _is_ready(machine, project, uuid), within=900, what="the file", every=0.5)
    ended = time.monotonic()
    return Found(
        is_right=_is_right(machine, uuid, source),
        seconds=ended - began,
        completed_s=ended - sent,
        web_mb=memory_mb(web.pid) - before[0],
        worker_mb=memory_mb(worker.pid) - before[1],
    )


def _sparse_file(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
        for position in range(0, size - _MARK, _MARK_EVERY):
            file.seek(position)
            file.write(os.urandom(_MARK))
    return path


def _servers(machine: Installation) -> tuple[Process, Process]:
    web = next(process for process in machine.processes if process.name == "web")
    assert machine.worker
    return web, machine.worker


def _warm_up(machine: Installation, project: Project) -> None:
    """What any upload loads and keeps is not the growth that a large one causes."""
    fields = {"UPLOADCARE_PUB_KEY": project.public_key}
    files = {"file": ("warm.bin", os.urandom(20 * MIB))}
    for _ in range(3):
        requests.post(f"{machine.url}/base/", fields, files=files, timeout=60).raise_for_status()


def _put(source: Path, index: int, url: str) -> None:
    with source.open("rb") as file:
        file.seek(index * PART)
        requests.put(url, file.read(PART), timeout=120).raise_for_status()


def _post(machine: Installation, project: Project, step: str, **fields: str) -> dict[str, str]:
    form = {"UPLOADCARE_PUB_KEY": project.public_key} | fields
    answer = requests.post(f"{machine.url}/multipart/{step}/", form, timeout=120)
    answer.raise_for_status()
    found: dict[str, str] = answer.json()
    return found


def _is_ready(machine: Installation, project: Project, uuid: str) -> bool:
    query = {"pub_key": project.public_key, "file_id": uuid}
    answer = requests.get(f"{machine.url}/info/", query, timeout=30)
    answer.raise_for_status()
    return bool(answer.json()["is_ready"])


def _is_right(machine: Installation, uuid: str, source: Path) -> bool:
    """The row says what the source is, and the bytes on the disk are the source's."""
    original = machine.data_dir / "uploads" / uuid[:2] / uuid
    ((told, size),) = machine.query(
        "SELECT sha256, size FROM storages_app_file ORDER BY size DESC LIMIT 1"
    )
    expected = _sha256(source)
    return (told, size, _sha256(original)) == (expected, source.stat().st_size, expected)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def results(folder: Path, share: float) -> Iterator[tuple[str, float, float, str]]:
    """What, figure, limit, unit; for the table of `make soak`."""
    size = max(11 * MIB, round(SIZE * share))
    found = send(folder, size)
    name = f"{size / 1024 / MIB:.1f} GB by multipart"
    yield f"{name}: files with other bytes", float(not found.is_right), 0, "files"
    yield f"{name}: web process grew by", found.web_mb, 64, "MB"
    yield f"{name}: worker grew by", found.worker_mb, 64, "MB"
    yield f"{name}: completed after the last part in", found.completed_s, 120, "s"
    yield f"{name}: all of it", found.seconds, 900, "s"
