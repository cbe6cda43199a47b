"""deploy/Dockerfile: its steps as a script in a scratch folder, and its server."""

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.rig.installation import ROOT
from tests.rig.processes import Process, free_port

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
BIN = ROOT / ".venv" / "bin"
KEYS = {
    "UCDASH_SECRET_KEY": "a secret key for a container of the tests, long enough",
    "UCDASH_DATA_KEYS": "tests:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
}


def stage(name: str) -> str:
    """The lines of one stage, continued lines joined, without comments."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    text = text.replace("\\\n", " ")
    (found,) = re.findall(
        rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM|\Z)", text, re.DOTALL | re.MULTILINE
    )
    return str(found)


def words(instruction: str, name: str = "ucdash") -> list[str]:
    return re.findall(rf"^{instruction} (.*)", stage(name), re.MULTILINE)


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    """The folder as the image has it: what is copied, and what is built of it."""
    folder = tmp_path_factory.mktemp("image")
    for line in words("COPY"):
        if line.startswith("--from"):
            continue
        *sources, target = line.split()
        for source in sources:
            there = folder / (source if target == "./" else target)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, there, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, there)
    (build,) = [line for line in words("RUN") if "collectstatic" in line]
    build = build.replace("/tmp/build", str(folder.parent / "build"))
    done = subprocess.run(
        ["sh", "-ec", build],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "UCDASH_STATIC_ROOT": str(folder / "static-collected"),
        **more,
    }


def test_what_is_copied_is_what_the_ignore_file_lets_in():
    ignored = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        source.removesuffix("/")
        for name in ("packages", "s3", "ucdash")
        for line in words("COPY", name)
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }
    assert copied == allowed
    assert ignored[1] == "*"


def test_the_static_files_are_collected_and_no_key_stays(image):
    assert (image / "static-collected" / "staticfiles.json").is_file()
    assert not (image.parent / "build").exists()
    assert not [*image.rglob("env")]


def test_nothing_runs_as_root_and_every_wheel_is_the_one_with_the_hash():
    assert words("USER") == ["ucdash"]
    assert words("USER", "s3") == ["ucdash"]
    for name in ("packages", "s3"):
        (install,) = [line for line in words("RUN", name) if "pip install" in line]
        assert "--require-hashes --only-binary :all:" in install
    after = stage("ucdash").partition("USER ucdash")[2]
    assert "RUN" not in after
    assert "COPY" not in after


@pytest.mark.real
def test_its_server_starts_from_what_is_in_it_and_says_whether_it_is_ready(image, tmp_path):
    port = free_port()
    env = environment(
        image,
        UCDASH_DATA_DIR=str(tmp_path),
        UCDASH_ENV_FILE="none",
        UCDASH_PORT=str(port),
        UCDASH_FILES_PORT=str(free_port()),
        UCDASH_DASHBOARD_URL="https://dash.example.com",
        UCDASH_WEB_PROCESSES="1",
        **KEYS,
    )

    def run(*command: str) -> int:
        return subprocess.run(
            command, cwd=image, env=env, check=False, capture_output=True
        ).returncode

    (healthy,) = re.findall(r"HEALTHCHECK .* CMD (\[.*\])", stage("ucdash"))
    asked = re.findall(r'"([^"]+)"', healthy)
    assert run(*asked) == 1, "nobody is there"
    (command,) = words("CMD")
    starts = re.findall(r'"([^"]+)"', command)
    server = Process("web", ["env", "-C", str(image), *starts], env=env, log=tmp_path / "log")
    try:
        server.wait_until(lambda: _listens(port), within=60, what="web")
        assert run(*asked) == 1, "it has no tables yet"
        assert run("python", "manage.py", "migrate", "--verbosity", "0") == 0
        assert run(*asked) == 0
    finally:
        server.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
