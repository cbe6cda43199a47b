"""docs/many-machines.md, done: the data of one machine moves, and two of each kind work on it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.rig import services
from tests.rig.installation import ROOT, Installation, Project
from tests.rig.processes import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
needs_services = pytest.mark.skipif(
    "UCDASH_TEST_DATABASE_URL" not in os.environ, reason="make test-services asks it"
)

PAGE = (ROOT / "docs" / "many-machines.md").read_text()
KEEP, MOVE, STATIC, START, HEALTH = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
(SETTINGS,) = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)


def run(commands: str, machine: Installation, replaced: dict[str, str], **environment: str) -> str:
    """The commands of the page as they stand there, with this machine's names."""
    bin_folder = Path(sys.executable).parent
    for written, meant in {".venv/bin/python": sys.executable, **replaced}.items():
        commands = commands.replace(written, meant)
    path = f"{bin_folder}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", commands],
        env=machine.env | {"PATH": path} | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def upload(machine: Installation, project: Project, content: bytes) -> str:
    answer = requests.post(
        f"{machine.url}/base/",
        data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
        files={"file": ("some.bin", content, "application/octet-stream")},
        timeout=30,
    )
    assert answer.ok, answer.text
    return str(answer.json()["file"])


def download(machine: Installation, file: str) -> bytes:
    answer = requests.get(f"{machine.files_url}/{file}/", timeout=30)
    assert answer.ok, answer.text
    return answer.content


def all_copied(machine: Installation, n: int) -> None:
    done = "storages_app_copyjob WHERE state = 'done'"
    wait_until(lambda: machine.count(done) == n, within=60, what=f"{n} copies")


class Moved(Installation):
    """A machine with the settings of the page; its rows are asked for in PostgreSQL."""

    def query(self, sql: str):
        import psycopg

        with psycopg.connect(self.settings["DATABASE_URL"]) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[str, str]]:
    """PostgreSQL and Redis of the test's own."""
    with tempfile.TemporaryDirectory(prefix="ucdash-many-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user
        with services.postgresql(folder) as database, services.redis(folder) as redis:
            yield database, redis


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Installation]:
    """One machine, as `make run` makes it."""
    made = Installation(tmp_path / "first", on_services=False, UCDASH_WORKER_PROCESSES="1")
    try:
        made.prepare()
        made.start()
        yield made
    finally:
        made.stop()


@needs_services
def test_from_one_machine_to_two_of_each(first, servers, tmp_path):
    project = first.create_project("Moves")
    assert first.connect_bucket(project, "--auto-copy")["state"] == "connected"
    contents = {upload(first, project, os.urandom(1_000)): b"" for _ in range(3)}
    contents = {file: download(first, file) for file in contents}
    all_copied(first, 3)
    web, worker = (
        next(each for each in first.processes if each.name == name) for name in ("web", "worker")
    )
    web.stop()
    worker.stop()

    rows = str(tmp_path / "rows.jsonl")
    run(KEEP, first, {"var/rows.jsonl": rows})

    database, redis = servers
    originals = first.new_bucket()
    values = {
        "DATABASE_URL": database,
        "CELERY_BROKER_URL": redis,
        "UCDASH_CACHE_URL": redis.removesuffix("/0") + "/1",
        "UCDASH_UPLOADS_S3_BUCKET": originals,
        "UCDASH_UPLOADS_S3_ENDPOINT": first.bucket.endpoint_url,
        "UCDASH_UPLOADS_S3_REGION": first.bucket.region,
        "UCDASH_UPLOADS_S3_ACCESS_KEY_ID": first.bucket.access_key_id,
        "UCDASH_UPLOADS_S3_SECRET_ACCESS_KEY": first.bucket.secret_access_key,
    }
    assert list(values) == re.findall(r"^(\w+)=", SETTINGS, re.MULTILINE)
    machines = [
        Moved(
            tmp_path / name,
            on_services=False,
            UCDASH_DEMO_S3_PORT=str(first.s3_port),
            UCDASH_WORKER_PROCESSES="1",
            **values,
        )
        for name in ("one", "other")
    ]
    one, other = machines
    try:
        for machine in machines:
            shutil.copy(first.data_dir / "env", machine.data_dir / "env")
        said = run(
            MOVE,
            one,
            {
                "var/rows.jsonl": rows,
                "https://s3.example.com": first.bucket.endpoint_url,
                '"var/uploads/*"': f'"{first.data_dir}/uploads/*"',
                "s3://ucdash-originals/": f"s3://{originals}/",
            },
            AWS_ACCESS_KEY_ID=first.bucket.access_key_id,
            AWS_SECRET_ACCESS_KEY=first.bucket.secret_access_key,
        )
        assert said.rstrip().endswith("Nothing is wrong.")

        for machine in machines:
            run(STATIC, machine, {})
            machine.start_web()
            machine.start_worker()
            run(
                HEALTH,
                machine,
                {"dash.example.com": f"localhost:{machine.port}", ":8000/": f":{machine.port}/"},
            )
        for machine in machines:
            assert {file: download(machine, file) for file in contents} == contents
        for n in range(10):
            content = os.urandom(1_000)
            file = upload(machines[n % 2], project, content)
            assert download(machines[1 - n % 2], file) == content
        all_copied(one, 13)
        assert one.count("storages_app_workerheartbeat") == 2

        one.kill_worker()
        for _ in range(5):
            upload(one, project, os.urandom(1_000))
        all_copied(one, 18)
        doctor = other.manage("doctor", "--deep", check=False).stdout
        assert doctor.strip() == "Nothing is wrong."
    finally:
        for machine in machines:
            machine.stop()


def test_the_page_starts_what_the_units_start():
    units = ROOT / "deploy" / "systemd"
    started = [
        re.findall(r"^ExecStart=/srv/ucdash/(.*)$", (units / name).read_text(), re.MULTILINE)[0]
        for name in ("ucdash-web.service", "ucdash-worker.service")
    ]
    assert START.split("\n")[:2] == started
