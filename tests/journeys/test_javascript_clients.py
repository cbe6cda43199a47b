"""The main job by the official JavaScript clients, unmodified, from npm."""

import hashlib
import json
import os
import shutil
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.pictures import jpeg
from tests.rig.fixtures import need

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

HERE = Path(__file__).parent / "javascript"
PHOTO = jpeg(800, 600)


@pytest.fixture(scope="module")
def clients(node: str, pytestconfig: pytest.Config) -> Path:
    """A folder with the clients installed; kept between runs until what is pinned changes."""
    pinned = b"".join((HERE / name).read_bytes() for name in ("package.json", "package-lock.json"))
    folder = pytestconfig.cache.mkdir(f"javascript-{hashlib.sha256(pinned).hexdigest()[:12]}")
    if not (folder / "installed").exists():
        install(node, folder)
        (folder / "installed").touch()
    shutil.copy(HERE / "main_job.mjs", folder)
    return folder


def install(node: str, folder: Path) -> None:
    npm = Path(node).with_name("npm")
    need(npm.exists(), "npm is missing: install the one that belongs to Node")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    # npm finds its Node by the PATH; scripts of packages are not needed, so none may run.
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        env=os.environ | {"PATH": f"{npm.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    need(done.returncode == 0, f"npm could not install the clients: {done.stderr.strip()[-300:]}")


@pytest.fixture
def answers(node, clients, installation, project, tmp_path) -> dict[str, Any]:
    """What the clients were answered, all in one run of Node."""
    assert installation.connect_bucket(project, prefix="js/")["state"] == "connected"
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    facts = {
        "url": installation.url,
        "filesURL": installation.files_url,
        "publicKey": project.public_key,
        "secretKey": project.secret_key,
        "photo": str(tmp_path / "photo.jpg"),
    }
    (tmp_path / "facts.json").write_text(json.dumps(facts))
    done = subprocess.run(
        [node, clients / "main_job.mjs", tmp_path / "facts.json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_main_job_goes_through_with_either_authentication(answers, installation):
    for said in (answers["simple"], answers["signed"]):
        check_upload(said, installation.files_url)
        check_rest(said)
        check_copies(said, installation.bucket)
    assert set(answers["direct"]) == {"file"}
    assert answers["wrongKey"]["message"] == "UPLOADCARE_PUB_KEY is invalid."
    assert answers["wrongSecret"]["status"] == 401


def check_upload(said: dict[str, Any], files_url: str) -> None:
    uploaded = said["uploaded"]
    assert uploaded["size"] == said["info"]["size"] == len(PHOTO)
    assert uploaded["originalFilename"] == "Grand harbour.jpg"
    assert uploaded["contentInfo"]["image"]["format"] == "JPEG"
    assert uploaded["metadata"] == {"album": "ports"}
    assert uploaded["cdnUrl"] == f"{files_url}/{uploaded['uuid']}/"
    assert (uploaded["isStored"], uploaded["isImage"]) == (False, True)


def check_rest(said: dict[str, Any]) -> None:
    uuid = said["uploaded"]["uuid"]
    assert [file["uuid"] for file in said["listed"]["results"]] == [uuid]
    assert said["before"]["datetimeStored"] is None
    assert said["stored"]["datetimeStored"]
    assert said["deleted"]["datetimeRemoved"]
    assert said["unknownTarget"] == {
        "status": 400,
        "message": "[400 Bad Request] Project has no storage with provided name.",
    }


def check_copies(said: dict[str, Any], bucket) -> None:
    uuid = said["uploaded"]["uuid"]
    assert said["copied"]["type"] == said["copiedByPattern"]["type"] == "url"
    original, resized = (
        urlsplit(said[name]["result"]).path.removeprefix("/")
        for name in ("copied", "copiedByPattern")
    )
    assert original.startswith(f"js/{uuid}/")
    assert bucket.read(original) == PHOTO
    assert resized.startswith(f"js/by-pattern/{uuid}")
    assert Image.open(BytesIO(bucket.read(resized))).size == (200, 150)
