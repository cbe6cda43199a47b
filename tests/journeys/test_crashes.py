"""A worker dies at every step of a copy; each time the right bytes arrive, once (G2, F30)."""

import hashlib
import os
from collections.abc import Iterator

import pytest
import requests

from tests.rig.installation import Installation, Project
from tests.rig.processes import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

SMALL, BIG = 20_000, 6 * 1024 * 1024  # BIG goes in two parts
STEPS = [
    ("copy_claimed", SMALL),
    ("copy_before_put", SMALL),
    ("copy_written", SMALL),
    ("copy_outcomes_committed", SMALL),
    ("copy_upload_started", BIG),
    ("copy_upload_id_committed", BIG),
    ("copy_part_sent", BIG),
    ("copy_before_complete", BIG),
    ("copy_completed", BIG),
]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One worker process with short leases, which dies where a file says so."""
    folder = tmp_path_factory.mktemp("crashes")
    running = Installation(
        folder,
        UCDASH_CRASH_FILE=str(folder / "crash"),
        UCDASH_LEASE_S="3",
        UCDASH_POLL_S="1",
        UCDASH_WORKER_PROCESSES="1",
        UCDASH_MULTIPART_THRESHOLD=str(5 * 1024 * 1024),
        UCDASH_MULTIPART_PART_SIZE=str(5 * 1024 * 1024),
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
    answer = machine.connect_bucket(project, "--auto-copy", name="crashes", prefix="crashes/")
    assert answer["state"] == "connected"
    return project


@pytest.mark.parametrize(("step", "size"), STEPS, ids=[step for step, _ in STEPS])
def test_a_worker_that_dies_loses_and_doubles_nothing(machine, project, step, size):
    crash = machine.folder / "crash"
    crash.write_text(step)
    content = os.urandom(size)
    uuid = upload(machine, project, content)
    wait_until(lambda: not crash.exists(), within=30, what=f"a death at {step}")
    wait_until(lambda: state_of(machine, uuid) == "done", within=60, what="the copy")
    ((key, sha256, evidence, takeovers, upload_id),) = machine.query(
        "SELECT key, sha256, evidence, takeovers, upload_id FROM storages_app_copyjob "
        f"WHERE key LIKE 'crashes/{uuid}/%'"
    )
    assert hashlib.sha256(machine.bucket.read(key)).hexdigest() == sha256
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert evidence
    assert takeovers == (0 if step == "copy_outcomes_committed" else 1)
    assert upload_id == ""
    assert open_uploads(machine) == 0


def upload(machine: Installation, project: Project, content: bytes) -> str:
    answer = requests.post(
        f"{machine.url}/base/",
        data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
        files={"file": ("crash.bin", content)},
        timeout=30,
    )
    return str(answer.json()["file"])


def state_of(machine: Installation, uuid: str) -> str:
    ((state,),) = machine.query(
        f"SELECT state FROM storages_app_copyjob WHERE key LIKE 'crashes/{uuid}/%'"
    )
    return str(state)


def open_uploads(machine: Installation) -> int:
    client = machine.bucket.client()
    answer = client.list_multipart_uploads(Bucket=machine.bucket.bucket, Prefix="crashes/")
    client.close()
    return len(answer.get("Uploads", []))
