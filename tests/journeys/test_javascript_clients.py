"""The official JavaScript clients, unmodified, from npm: the main job, and every way in."""

import hashlib
import json
import os
import re
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
from tests.rig.clients import official_client
from tests.rig.fixtures import need
from tests.rig.installation import Bucket, Installation, Project

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

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


@pytest.fixture(scope="module")
def bucket(installation: Installation, project: Project) -> Bucket:
    assert installation.connect_bucket(project, prefix="js/")["state"] == "connected"
    return installation.bucket


@pytest.fixture
def answers(ask, installation, project, bucket) -> dict[str, Any]:
    """What the clients were answered in the main job, all in one run of Node."""
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


@pytest.fixture(scope="module")
def told(
    ask: Ask,
    installation: Installation,
    strict_installation: Installation,
    project: Project,
    bucket: Bucket,
) -> dict[str, Any]:
    """What `rest.mjs` was answered, part by part, in one run of Node."""
    another = installation.create_project()
    with official_client(installation, another) as client:
        foreign = client.file(client.upload_api.upload({"a.jpg": ("a.jpg", PHOTO)})["a.jpg"])
        group = client.create_file_group([foreign])
    found: dict[str, Any] = ask(
        "rest.mjs",
        installation=installation,
        **keys_of(project),
        listed=keys_of(installation.create_project()),
        strict={"url": strict_installation.url, **keys_of(strict_installation.create_project())},
        foreign=foreign.uuid,
        foreignGroup=group.id,
    )
    with official_client(installation, another) as client:
        assert not client.file(foreign.uuid).is_removed
        assert client.file_group(group.id).update_info()
    return found


def part(name: str, told: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = told[name]
    assert "failed" not in said, said
    return said


def statuses(refused: dict[str, Any]) -> dict[str, int | None]:
    """The status of each refusal; none was met by something that is no error of the client."""
    assert all(said.get("isOfClient") for said in refused.values()), refused
    return {name: said["status"] for name, said in refused.items()}


class TestRest:
    """Each function of `@uploadcare/rest-client`, where it succeeds and where it fails."""

    def test_none_is_left_out(self, told):
        assert told["uncalled"] == []

    def test_a_file_is_shown_stored_once_and_deleted(self, told, installation):
        said = part("files", told)
        info = said["info"]
        assert (info["originalFilename"], info["size"]) == ("Grand harbour.jpg", len(PHOTO))
        assert info["originalFileUrl"].startswith(f"{installation.files_url}/{info['uuid']}/")
        assert (info["metadata"], info["isReady"]) == ({"album": "ports"}, True)
        assert "appdata" not in info
        assert said["withAppdata"]["appdata"] == {}
        assert said["stored"]["datetimeStored"]
        assert said["isStoredOnce"]
        for deleted in (said["deleted"], said["known"]):
            assert deleted["datetimeRemoved"]
            assert deleted["datetimeStored"] is deleted["originalFileUrl"] is None
        assert set(statuses(said["refused"]).values()) == {404}
        assert said["refused"]["noUuid"]["message"] == "[404 Not Found] Not found."

    def test_many_files_are_stored_and_deleted(self, told):
        said = part("batches", told)
        for verb, states in (("stored", [True, False]), ("deleted", [False, True])):
            assert said[verb]["status"] == "ok"
            assert sorted(said[verb]["problems"].values()) == ["Invalid", "Missing in the project"]
            assert said[verb]["uuids"] == said["uuids"]
            assert said[verb]["states"] == [states] * 2
        assert [one["message"] for one in said["refused"].values()] == [
            "[400 Bad Request] List of UUIDs can not be empty",
            "[400 Bad Request] Maximum UUIDs per request is exceeded. The limit is 100",
            "[400 Bad Request] Expected list of UUIDs",
        ]

    def test_lists_are_walked_page_by_page(self, told):
        said = part("lists", told)
        assert said["pages"] == [[0, 1], [2]]
        # On the way back this client leaves out `to`, and so begins anew.
        assert said["walked"] == [[2], [1], [0], None, [2], None, None]
        assert (said["removed"], said["unstored"], said["from"]) == ([3], [0, 1], [1, 2])
        totals = {"removed": 1, "stored": 1, "unstored": 2}
        assert said["counted"] == {"total": 1, "totals": totals, "perPage": 2}
        assert set(statuses(said["refused"]).values()) == {400}

    def test_copies_are_made_here_and_in_the_bucket(self, told, installation):
        said = part("copies", told)
        assert said["copied"]["type"] == "file"
        copy = said["info"]
        assert copy["uuid"] == said["copied"]["result"]["uuid"] != said["source"]
        assert (copy["originalFilename"], copy["size"]) == ("Grand harbour.jpg", len(PHOTO))
        assert (copy["metadata"], bool(copy["datetimeStored"])) == ({"album": "copies"}, True)
        assert said["resized"]["contentInfo"]["image"]["width"] == 32
        assert said["resized"]["datetimeStored"] is None
        assert said["remote"] == said["again"]
        key = urlsplit(said["remote"]["result"]).path.removeprefix("/")
        assert key == f"js/{said['source']}/Grandharbour.jpg"
        assert installation.bucket.read(key) == PHOTO
        bad_source = "[400 Bad Request] Bad `source` parameter. Use UUID or CDN URL."
        assert {name: one["message"] for name, one in said["refused"].items()} == {
            "local": bad_source,
            "remote": bad_source,
            "target": "[400 Bad Request] Project has no storage with provided name.",
            "pattern": "[400 Bad Request] Invalid pattern provided: `${colour}`",
        }

    def test_metadata_is_written_read_and_deleted(self, told):
        said = part("metadata", told)
        assert (said["made"], said["changed"], said["one"]) == ("ports", "harbours", "harbours")
        assert said["all"] == {"taken_by": "Zoë", "album": "harbours"}
        assert (said["deleted"], said["left"]) == (None, {"taken_by": "Zoë"})
        assert statuses(said["refused"]) == {
            "gone": 404,
            "badKey": 400,
            "longValue": 400,
            "noText": 400,
            "get": 404,
            "set": 404,
            "remove": 404,
        }

    def test_groups_are_listed_shown_and_deleted(self, told, installation):
        said = part("groups", told)
        assert [file["uuid"] for file in said["info"]["files"]] == said["uuids"]
        assert said["info"]["cdnUrl"] == f"{installation.files_url}/{said['id']}/"
        assert [group["id"] for group in said["listed"]["results"]] == [said["id"]]
        assert said["listed"]["perPage"] == 1
        assert said["deleted"] is None
        found = statuses(said["refused"])
        assert found.pop("limit") == 400
        assert set(found.values()) == {404}

    def test_webhooks_are_made_changed_and_deleted(self, told):
        said = part("webhooks", told)
        made, changed = said["made"], said["changed"]
        assert said["listed"] == [made]
        assert (made["event"], made["isActive"], made["signingSecret"]) == (
            "file.uploaded",
            True,
            "12345X",
        )
        assert (changed["id"], changed["event"], changed["isActive"]) == (
            made["id"],
            "file.deleted",
            False,
        )
        assert (said["twice"]["status"], said["twice"]["isOfFields"]) == (400, True)
        (message,) = said["twice"]["errors"]["nonFieldErrors"]
        assert "project is already subscribed on this event" in message
        assert (said["deleted"], said["left"]) == (None, [])
        found = statuses(said["refused"])
        assert found.pop("gone") == 404
        assert set(found.values()) == {400}
        missing = "[400 Bad Request] `target_url` is missing."
        assert said["refused"]["noTarget"]["message"] == missing

    def test_what_a_project_has_not_got_is_told(self, told):
        said = part("features", told)
        for kind in ("document", "video"):
            refused = said[f"{kind}s"]
            assert all(one["isOfClient"] for one in refused.values())
            words = f"{kind.capitalize()} conversion feature is not available for this project."
            assert refused["convert"]["message"] == f"[400 Bad Request] {words}"
            assert refused["poll"]["message"] == refused["convert"]["message"]
        assert set(statuses(said["addons"]).values()) <= {400, 403}
        assert said["addonStatus"]["status"] == "unknown"
        assert said["addonNoStatus"]["errors"] == {"requestId": ["Must be a valid UUID."]}
        assert set(statuses(said["notHere"]).values()) <= {404, 405}

    def test_who_has_no_key_is_told_nothing(self, told):
        said = part("keys", told)
        for who, words in (
            ("nobody", "Public key nobody not found."),
            ("wrong", "Invalid signature. Please check your Secret key."),
        ):
            for one in said["refused"][who].values():
                assert one["message"] == f"[401 Unauthorized] {words}"
        assert said["signed"] == 1

    def test_who_asks_too_often_is_told_so(self, told):
        *answered, refused = told["throttled"]
        assert 5 <= len(answered) <= 10
        assert {said["status"] for said in answered} == {404}
        words = (
            r"\[429 Too Many Requests\] Request was throttled. Expected available in \d+ seconds."
        )
        assert re.fullmatch(words, refused["message"])


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
