"""remote_copy on a live server: the same copy many times at once, and more waiting than may wait.

DESIGN 5.7: one object, all answered; the ninth waiting request does not wait.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from tests.rig.installation import Installation, Project
from tests.rig.processes import wait_until
from tests.rig.together import at_once

WAIT_S = 3
ROUNDS = int(os.environ.get("RACE_ROUNDS", "10"))

pytestmark = [pytest.mark.real, pytest.mark.timeout(12 * ROUNDS)]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation(
        tmp_path_factory.mktemp("races"),
        UCDASH_REMOTE_COPY_WAIT_S=str(WAIT_S),
        UCDASH_WEB_PROCESSES="1",  # so many requests wait in each
    )
    try:
        running.prepare()
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def bucket(machine: Installation) -> str:
    return machine.new_bucket(versioned=True)


@pytest.fixture(scope="module")
def project(machine: Installation, bucket: str) -> Project:
    project = machine.create_project()
    assert machine.connect_bucket(project, bucket=bucket)["state"] == "connected"
    return project


def upload(machine: Installation, project: Project, content: bytes) -> str:
    answer = requests.post(
        f"{machine.url}/base/",
        data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
        files={"file": ("roof.bin", content, "application/octet-stream")},
        timeout=60,
    )
    answer.raise_for_status()
    return str(answer.json()["file"])


def ask_at_once(
    machine: Installation, project: Project, file: str, n: int
) -> list[tuple[int, str, float]]:
    """The status, X-Ucdash-Copy and seconds of `n` requests for one copy that start together."""

    def ask() -> tuple[int, str, float]:
        began = time.monotonic()
        answer = requests.post(
            f"{machine.url}/files/remote_copy/",
            json={"source": file, "target": "demo"},
            headers={
                "Authorization": f"Uploadcare.Simple {project.public_key}:{project.secret_key}",
                "Accept": "application/vnd.uploadcare-v0.7+json",
            },
            timeout=60,
        )
        took = time.monotonic() - began
        return answer.status_code, answer.headers.get("X-Ucdash-Copy", ""), took

    return at_once(*[ask] * n)


def n_versions(machine: Installation, bucket: str, prefix: str) -> int:
    client = machine.bucket.client()
    try:
        found = client.list_object_versions(Bucket=bucket, Prefix=prefix)
    finally:
        client.close()
    return len(found.get("Versions", []))


@pytest.mark.parametrize("n", [2, 8])
def test_the_same_copy_at_once_is_one_object_and_every_request_is_answered(
    machine, project, bucket, n
):
    seen: Counter[int] = Counter()
    for _ in range(ROUNDS):
        file = upload(machine, project, os.urandom(5_000))
        answers = ask_at_once(machine, project, file, n)
        assert {header for _, header, _ in answers} == {""}
        assert n_versions(machine, bucket, file) == 1
        seen.update(status for status, _, _ in answers)
    assert set(seen) <= {200, 201}
    assert seen[201] >= ROUNDS
    ((n_rows, n_done),) = machine.query(
        "SELECT count(*), count(*) FILTER (WHERE state = 'done') FROM storages_app_copyjob "
        "WHERE file_id IN (SELECT uuid FROM storages_app_file WHERE size = 5000)"
    )
    assert n_rows == n_done


def test_eight_requests_wait_for_a_large_copy_and_the_ninth_does_not(machine, project):
    file = upload(machine, project, os.urandom(17 * 1024 * 1024))
    machine.stop_worker()  # nobody makes it
    try:
        answers = ask_at_once(machine, project, file, 10)
    finally:
        machine.start_worker()
    assert {(status, header) for status, header, _ in answers} == {(201, "pending")}
    waited = sorted(took for _, _, took in answers)
    assert sum(took >= WAIT_S for took in waited) == 8
    assert waited[1] < WAIT_S
    wait_until(
        lambda: machine.count("storages_app_copyjob WHERE state <> 'done'") == 0,
        within=60,
        what="the large copy",
    )
