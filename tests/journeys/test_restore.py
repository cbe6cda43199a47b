"""Everything is gone but the bucket: an empty installation has all files again (G13, F73).

Two installations of real processes; the second knows nothing of the first but an address and keys.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.rig.installation import Installation, Project
from tests.rig.processes import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
PREFIX = "safe/"
CRASH_POINTS = ("restore_page_read", "restore_bytes_kept", "restore_rows_written")
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff2c00000000010001000002024401003b")
FILES: list[tuple[str, bytes, dict[str, str]]] = [
    ("empty.bin", b"", {}),
    ("näïve 🐘 عربي.txt", "grüße".encode(), {"colour": "blå", "n": "1"}),
    ("a b%20c+d.txt", b"odd", {"x.y:z-1": "a\nb"}),
    ("page.html", b"<!doctype html><script>1</script>", {}),
    ("pixel.gif", PIXEL, {}),
    ("large.bin", os.urandom(20_000_000), {"size": "large"}),
    *((f"n{n:03}.bin", os.urandom(100 + n), {"n": str(n)}) for n in range(40)),
]  # fmt: skip


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The installation that will be lost; its S3 server is what outlives it."""
    machine = Installation(tmp_path_factory.mktemp("old"))
    try:
        machine.prepare()
        machine.start()
        yield machine
    finally:
        machine.stop()


@pytest.fixture(scope="module")
def lost(old: Installation) -> tuple[Project, dict[str, dict[str, Any]]]:
    """The project and what REST told of its files, before web, worker and database were gone."""
    project = old.create_project("Shop")
    for name, content, metadata in FILES:
        upload(old, project, name, content, metadata)
    answer = old.connect_bucket(project, "--backup", name="vault", prefix=PREFIX)
    assert answer["state"] == "connected", answer
    wait_until(lambda: backup_state(old, project) == "done", within=120, what="the backup")
    facts = facts_of(old, project)
    assert len(facts) == len(FILES)
    for uuid, fact in facts.items():
        content = requests.get(f"{old.files_url}/{uuid}/", timeout=30).content
        fact["sha256"] = hashlib.sha256(content).hexdigest()
    old.stop_worker()
    for process in [process for process in old.processes if process.name == "web"]:
        process.stop()
        old.processes.remove(process)
    return project, facts


def upload(
    machine: Installation, project: Project, name: str, content: bytes, metadata: dict[str, str]
) -> None:
    fields = {f"metadata[{key}]": value for key, value in metadata.items()}
    answer = requests.post(
        f"{machine.url}/base/",
        data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"} | fields,
        files={"file": (name, content)},
        timeout=60,
    )
    answer.raise_for_status()


def backup_state(machine: Installation, project: Project) -> str:
    rows = machine.query(
        "SELECT run.state FROM storages_app_backuprun AS run "
        "JOIN storages_app_backupplan AS plan ON plan.id = run.plan_id "
        "JOIN storages_app_project AS project ON project.id = plan.project_id "
        f"WHERE project.slug = '{project.slug}' ORDER BY run.id DESC LIMIT 1"
    )
    return str(rows[0][0]) if rows else ""


def facts_of(machine: Installation, project: Project) -> dict[str, dict[str, Any]]:
    """What REST tells of every file, without the host names of the installation."""
    found: dict[str, dict[str, Any]] = {}
    url = f"{machine.url}/files/?limit=1000&include=appdata"
    headers = {
        "Authorization": f"Uploadcare.Simple {project.public_key}:{project.secret_key}",
        "Accept": "application/vnd.uploadcare-v0.7+json",
    }
    answer = requests.get(url, headers=headers, timeout=30)
    answer.raise_for_status()
    for fact in answer.json()["results"]:
        for name in ("original_file_url", "url"):
            fact[name] = urlsplit(fact[name] or "").path
        found[fact["uuid"]] = fact
    return found


@pytest.fixture(scope="module")
def empty(
    tmp_path_factory: pytest.TempPathFactory, old: Installation
) -> Iterator[tuple[Installation, Path]]:
    """A new installation with nothing in it, and where a process is told to die."""
    folder = tmp_path_factory.mktemp("new")
    machine = Installation(
        folder / "new",
        UCDASH_ALLOWED_PRIVATE_HOSTS=f"127.0.0.1:{old.s3_port}",
        UCDASH_CRASH_FILE=str(folder / "crash"),
        UCDASH_LEASE_S="2",
    )
    try:
        machine.prepare()
        yield machine, folder / "crash"
    finally:
        machine.stop()


def restore(
    machine: Installation, old: Installation, *options: str, secret: str = ""
) -> tuple[int, dict[str, Any]]:
    bucket = old.bucket
    answer = machine.manage(
        *("restore", "--endpoint", bucket.endpoint_url, "--region", bucket.region),
        *("--bucket", bucket.bucket, "--prefix", PREFIX, "--json"),
        *("--access-key-id", bucket.access_key_id, "--secret-env", "RIG_SECRET"),
        *options,
        check=False,
        RIG_SECRET=secret or bucket.secret_access_key,
    )
    return answer.returncode, json.loads(answer.stdout or "{}")


def test_a_wrong_key_is_refused_and_makes_nothing(old, lost, empty):
    machine, _crash = empty
    code, answer = restore(machine, old, "--project", "Shop", secret="wrong" * 8)
    assert code == 1
    assert answer["error"]["code"] == "auth_denied"
    assert machine.count("storages_app_project WHERE name = 'Shop'") == 0


def test_a_missing_and_a_changed_object_are_gaps_of_a_drill(old, lost, empty):
    machine, _crash = empty
    client, bucket = old.bucket.client(), old.bucket.bucket
    keys = [
        found["Key"]
        for found in client.list_objects_v2(Bucket=bucket, Prefix=PREFIX)["Contents"]
        if found["Key"].endswith(("/n000.bin", "/n001.bin"))
    ]
    kept = {key: old.bucket.read(key) for key in keys}
    try:
        client.delete_object(Bucket=bucket, Key=keys[0])
        client.put_object(Bucket=bucket, Key=keys[1], Body=b"x" * len(kept[keys[1]]))
        code, answer = restore(machine, old, "--project", "Drill", "--drill")
        assert (code, answer["state"], answer["done"]) == (1, "gaps", len(FILES) - 2)
        assert answer["problems"] == {"changed": 1, "object_missing": 1}
        assert machine.count("storages_app_file") == 0
    finally:
        for key, body in kept.items():
            client.put_object(Bucket=bucket, Key=key, Body=body)
        client.close()


def test_every_file_name_metadata_and_checksum_is_equal(old, lost, empty):
    """And addresses: the same path of the new file host serves the same bytes."""
    (project, before), (machine, crash) = lost, empty
    for step in CRASH_POINTS:  # the machine dies in the middle; the same command goes on
        crash.write_text(step)
        code, _ = restore(machine, old, "--project", "Shop")
        assert code == -9
        assert not crash.exists()
    require_no_wrong_bytes(machine)
    code, answer = restore(machine, old, "--project", "Shop")
    assert (code, answer["state"], answer["problems"]) == (0, "done", {}), answer
    assert answer["public_key"] == project.public_key

    machine.start_web()
    secret = machine.manage("shell", "--no-imports", "--command", _NEW_SECRET).stdout.split()[-1]
    again = Project("Shop", answer["project"], answer["public_key"], secret)
    after = facts_of(machine, again)
    for uuid, fact in after.items():
        content = requests.get(f"{machine.files_url}/{uuid}/", timeout=30).content
        fact["sha256"] = hashlib.sha256(content).hexdigest()
    assert after == before
    require_no_wrong_bytes(machine)


_NEW_SECRET = """
from storages_app.models import Project
from storages_app.projects import services
project = Project.objects.get(name="Shop")
print(services.create_secret_key(project=project, label="a test", actor="a test")[1])
"""


def require_no_wrong_bytes(machine: Installation) -> None:
    """No row without its bytes: whatever was restored so far is whole."""
    folder = machine.data_dir / "uploads"
    for name, sha256 in machine.query("SELECT blob_name, sha256 FROM storages_app_file"):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256
