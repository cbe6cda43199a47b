"""The official JavaScript clients, unmodified, from npm: the main job, and every way in."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image

from tests.pictures import jpeg
from tests.rig.fixtures import need
from tests.rig.installation import Installation, Project

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

HERE = Path(__file__).parent / "javascript"
PHOTO = jpeg(800, 600)
LARGE = 25 * 1024 * 1024 + 1

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def clients(node: str, pytestconfig: pytest.Config) -> Path:
    """A folder with the clients installed; kept between runs until what is pinned changes."""
    pinned = b"".join((HERE / name).read_bytes() for name in ("package.json", "package-lock.json"))
    folder = pytestconfig.cache.mkdir(f"javascript-{hashlib.sha256(pinned).hexdigest()[:12]}")
    if not (folder / "installed").exists():
        install(node, folder)
        (folder / "installed").touch()
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, folder)
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


@pytest.fixture(scope="module")
def ask(node: str, clients: Path, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Run a script in a Node that reaches this machine only; the JSON that it prints."""
    folder = tmp_path_factory.mktemp("javascript")
    (folder / "photo.jpg").write_bytes(PHOTO)

    def run(script: str, *arguments: str, installation: Installation, **facts: Any) -> Any:
        own = {
            "url": installation.url,
            "filesURL": installation.files_url,
            "photo": str(folder / "photo.jpg"),
        }
        (folder / "facts.json").write_text(json.dumps(own | facts))
        command = [node, "--import", "./only_loopback.mjs", script, folder / "facts.json"]
        done = subprocess.run(
            [*command, *arguments],
            cwd=clients,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def project(installation: Installation) -> Project:
    """One for all tests here: a project takes seconds to make."""
    return installation.create_project()


@pytest.fixture
def upload(ask: Ask, installation: Installation, project: Project) -> Ask:
    """Go one of the ways of `uploads.mjs`; what the client was answered."""

    def by(way: str, **facts: Any) -> Any:
        return ask("uploads.mjs", way, installation=installation, **keys_of(project), **facts)

    return by


def keys_of(project: Project) -> dict[str, str]:
    return {"publicKey": project.public_key, "secretKey": project.secret_key}


@pytest.fixture
def answers(ask, installation, project) -> dict[str, Any]:
    """What the clients were answered in the main job, all in one run of Node."""
    assert installation.connect_bucket(project, prefix="js/")["state"] == "connected"
    found: dict[str, Any] = ask("main_job.mjs", installation=installation, **keys_of(project))
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


class TestUploads:
    """Each way in by `@uploadcare/upload-client`; the script holds what a caller would write."""

    def test_a_small_file_goes_in_one_request(self, upload, uploadcare, tmp_path):
        (tmp_path / "known.txt").write_text("known")
        with (tmp_path / "known.txt").open("rb") as file:
            known = uploadcare.upload(file).uuid
        said = upload("direct", uuid=known)
        file = said["file"]
        assert (file["size"], file["originalFilename"]) == (len(PHOTO), "Grand harbour.jpg")
        assert file["metadata"] == {"album": "ports"}
        assert file["isImage"] is True
        assert (said["stored"], said["notStored"]) == (True, False)
        assert said["again"] == known
        check_progress(said["progress"])

    def test_a_large_file_goes_in_parts(self, upload, installation):
        said = upload("multipart")
        file = said["file"]
        assert (file["size"], file["originalFilename"]) == (LARGE, "film.bin")
        assert (file["metadata"], file["isStored"]) == ({"reel": "2"}, True)
        check_progress(said["progress"])
        check_large(installation, file["uuid"])

    def test_parts_go_in_any_order_and_more_than_once(self, upload, installation):
        """F06: an early end is refused and harms nothing; a second end says the same."""
        said = upload("parts")
        assert said["n"] == 6
        assert said["early"]["code"] == "MultipartUploadSizeTooSmallError"
        assert said["done"]["uuid"] == said["twice"]["value"]["uuid"] == said["uuid"]
        check_large(installation, said["uuid"])

    def test_an_upload_that_is_given_up_leaves_no_file(self, upload, installation, project):
        """F02: the connection ends in the middle of a body."""
        before = n_files_of(installation, project)
        said = upload("abort")
        for way in ("direct", "multipart"):
            assert (said[way]["name"], said[way]["isCancel"]) == ("CancelError", True), way
        assert said["afterwards"] == len(PHOTO)
        assert n_files_of(installation, project) == before + 1

    def test_an_address_is_fetched(self, upload, web_source):
        said = upload("url", sources=sources_of(web_source))
        file = said["file"]
        assert (file["size"], file["originalFilename"]) == (len(PHOTO), "pier.jpg")
        assert (file["metadata"], file["isStored"]) == ({"album": "ports"}, True)
        check_progress([value for value in said["progress"] if value is not None])
        assert said["named"]["originalFilename"] == "mine.jpg"
        assert said["known"]["uuid"] == said["named"]["uuid"] != file["uuid"]
        assert said["status"]["status"] == "error"
        assert said["status"]["error"] == "HTTP client error: 404."
        assert said["status"]["errorCode"] == "DownloadFileHTTPClientError"
        # Docs say how its users keep their browsers from asking there.
        assert said["otherHosts"] == ["ws.pusherapp.com"]

    def test_files_are_put_together(self, upload, installation):
        said = upload("groups")
        made, again, told = said["made"], said["again"], said["told"]
        assert made["filesCount"] == again["filesCount"] == 2
        assert made["cdnUrl"] == f"{installation.files_url}/{made['uuid']}/"
        assert again["id"].endswith("~2")
        members = [file["uuid"] for file in made["files"]]
        assert [file["uuid"] for file in again["files"]] == members[::-1]
        effects = [file["defaultEffects"] for file in again["files"]]
        assert effects == ["", "resize/32x/-/format/png/"]
        assert told == again

    def test_signatures_are_checked_at_every_way_in(self, upload, installation, web_source):
        closed = installation.create_project()
        installation.execute(
            "UPDATE storages_app_project SET requires_signed_uploads = true "
            f"WHERE slug = '{closed.slug}'"
        )
        said = upload("signed", sources=sources_of(web_source), signed=keys_of(closed))
        assert said["filesCount"] == 3
        refused = {why: {one["code"] for one in all_} for why, all_ in said["refused"].items()}
        assert refused == {
            "unsigned": {"SignatureRequiredError"},
            "expired": {"SignatureExpirationError"},
            "foreign": {"SignatureInvalidError"},
        }
        assert n_files_of(installation, closed) == 3

    def test_refusals_carry_their_code(self, upload):
        said = upload("refusals")
        assert said.pop("waiting") == {"value": {"status": "unknown"}}
        assert {code: one.get("code") for code, one in said.items()} == {
            code: code for code in said
        }
        assert {one["name"] for one in said.values()} == {"UploadError"}

    def test_who_asks_too_often_is_told_so(self, ask, strict_installation):
        project = strict_installation.create_project()
        *taken, refused = ask(
            "uploads.mjs", "throttled", installation=strict_installation, **keys_of(project)
        )
        assert 3 <= len(taken) <= 6
        assert all("value" in one for one in taken)
        assert refused["code"] == "RequestThrottledError"
        assert 0 < int(refused["retryAfter"]) <= 60


def sources_of(web_source) -> dict[str, str]:
    return {
        "photo": web_source.serve("/pictures/pier.jpg", PHOTO, content_type="image/jpeg"),
        "missing": web_source.serve("/missing.jpg", status=404),
    }


def n_files_of(installation: Installation, project: Project) -> int:
    return installation.count(
        "storages_app_file JOIN storages_app_project p ON p.id = project_id "
        f"WHERE p.public_key = '{project.public_key}'"
    )


def check_progress(values: list[float]) -> None:
    assert values
    assert values == sorted(values)
    assert 0 < values[0] <= values[-1] == 1


def check_large(installation: Installation, uuid: str) -> None:
    expected = (PHOTO * (LARGE // len(PHOTO) + 1))[:LARGE]
    answer = requests.get(f"{installation.files_url}/{uuid}/", timeout=30)
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(expected).digest()
