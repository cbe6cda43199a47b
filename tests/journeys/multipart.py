"""A client of `/multipart/` that does what a test tells it to."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from tests.rig.installation import Installation, Project

MIB = 1024 * 1024
PART = 5 * MIB
SIZE = 11 * MIB  # three parts


class Upload:
    """One multipart upload, step by step."""

    def __init__(self, machine: Installation, project: Project, size: int = SIZE) -> None:
        self.machine, self.project = machine, project
        self.content = os.urandom(size)
        self.uuid, self.urls = "", list[str]()

    def start(self) -> None:
        begun = self._post(
            "start",
            filename="large.bin",
            size=str(len(self.content)),
            content_type="application/octet-stream",
            UPLOADCARE_STORE="1",
        )
        begun.raise_for_status()
        self.uuid, self.urls = begun.json()["uuid"], begun.json()["parts"]

    def part(self, number: int) -> bytes:
        return self.content[(number - 1) * PART : number * PART]

    def send(self, number: int) -> requests.Response:
        headers = {"Content-Type": "application/x-whatever"}
        return requests.put(self.urls[number - 1], self.part(number), headers=headers, timeout=30)

    def send_all(self, n_threads: int = 4) -> None:
        """In any order, at the same time."""
        numbers = range(len(self.urls), 0, -1)
        for answer in together([lambda n=n: self.send(n) for n in numbers], n_threads):
            answer.raise_for_status()

    def complete(self) -> requests.Response:
        return self._post("complete", uuid=self.uuid)

    def info(self) -> dict[str, Any]:
        query = {"pub_key": self.project.public_key, "file_id": self.uuid}
        answer = requests.get(f"{self.machine.url}/info/", query, timeout=30)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def is_ready(self) -> bool:
        return bool(self.info()["is_ready"])

    def kept(self) -> bytes:
        """What the file host gives."""
        answer = requests.get(f"{self.machine.files_url}/{self.uuid}/", timeout=30)
        answer.raise_for_status()
        return answer.content

    def _post(self, step: str, **fields: str) -> requests.Response:
        form = {"UPLOADCARE_PUB_KEY": self.project.public_key} | fields
        return requests.post(f"{self.machine.url}/multipart/{step}/", form, timeout=60)


def together(
    calls: list[Callable[[], requests.Response]], n_threads: int = 8
) -> list[requests.Response]:
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(lambda call: call(), calls))
