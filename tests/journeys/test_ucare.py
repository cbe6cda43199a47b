"""`ucare`, the command line of pyuploadcare, as its users type it: each command it has."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyuploadcare.ucare_cli.main import ucare_argparser

from tests.pictures import jpeg
from tests.rig.installation import Installation, Project, wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

PHOTO = jpeg(320, 240)
TARGET = "https://hooks.example.com/uploads"

Typed = Callable[..., list[Any]]
Type = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def project(installation: Installation) -> Project:
    return installation.create_project()


@pytest.fixture(scope="module")
def type_in(installation: Installation, project: Project, tmp_path_factory) -> Type:
    """Run a command in a home of its own, with the keys and addresses in its environment."""
    home = tmp_path_factory.mktemp("ucare")
    (home / "Grand harbour.jpg").write_bytes(PHOTO)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "UPLOADCARE_PUBLIC_KEY": project.public_key,
        "UPLOADCARE_SECRET_KEY": project.secret_key,
        "UPLOADCARE_API_BASE": f"{installation.url}/",
        "UPLOADCARE_UPLOAD_BASE": f"{installation.url}/",
        "UPLOADCARE_CDN_BASE": f"{installation.files_url}/",
    }
    command = Path(sys.executable).with_name("ucare")

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [command, *arguments],
            env=env,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture(scope="module")
def ucare(type_in: Type) -> Typed:
    """What a command prints, one value after the other."""

    def say(*arguments: str) -> list[Any]:
        done = type_in(*arguments)
        assert done.returncode == 0, done.stderr
        return values_in(done.stdout)

    return say


def values_in(text: str) -> list[Any]:
    found, text = [], text.strip()
    while text:
        value, end = json.JSONDecoder().raw_decode(text)
        found.append(value)
        text = text[end:].strip()
    return found


@pytest.fixture(scope="module")
def photo(ucare: Typed) -> dict[str, Any]:
    """A file that was uploaded and not stored."""
    (info,) = ucare("upload", "--info", "Grand harbour.jpg", "--metadata", "album=ports")
    return dict(info)


def error(of: list[Any]) -> str:
    """The one line that a command ends with when it was refused."""
    (said,) = of
    assert said.startswith("ERROR: ")
    return str(said)


def test_the_project_tells_of_itself(ucare, project):
    (told,) = ucare("get_project")
    assert (told["name"], told["pub_key"]) == (project.name, project.public_key)
    assert "Invalid signature" in error(ucare("--secret", "not-the-secret", "get_project"))
    assert "Public key nobody not found" in error(ucare("--pub_key", "nobody", "list_files"))


def test_a_file_is_uploaded_stored_shown_and_deleted(ucare, photo, installation):
    assert (photo["original_filename"], photo["size"]) == ("Grand harbour.jpg", len(PHOTO))
    assert photo["metadata"] == {"album": "ports"}
    stored, address = ucare("upload", "--cdnurl", "Grand harbour.jpg")
    assert stored == "File stored successfully."
    assert address.startswith(f"CDN url: {installation.files_url}/")
    file = address.split("/")[-2]
    assert ucare("get", file)[0]["datetime_stored"]
    assert ucare("delete", file) == []
    assert ucare("get", file)[0]["datetime_removed"]
    (removed,) = ucare("list_files", "--removed", "true")
    assert file in {one["uuid"] for one in removed}
    assert photo["uuid"] not in {one["uuid"] for one in removed}


def test_files_are_stored_together(ucare, photo, installation):
    (other,) = ucare("upload", "--info", "Grand harbour.jpg")
    # This release can not wait: it calls a property.
    assert ucare("store", "--nowait", photo["uuid"], other["uuid"]) == []
    (listed,) = ucare("list_files", "--stored", "true")
    assert {photo["uuid"], other["uuid"]} <= {file["uuid"] for file in listed}


def test_files_that_are_not_there_are_not_found(ucare):
    assert "Not found." in error(ucare("get", str(uuid.uuid4())))


def test_lists_are_cut_ordered_and_filtered(ucare, photo):
    newest = ucare("list_files", "--limit", "1", "--ordering=-datetime_uploaded")[0]
    assert len(newest) == 1
    begin = ("--starting_point", photo["datetime_uploaded"])
    later = ucare("list_files", *begin, "--request_limit", "1")[0]
    assert photo["uuid"] not in {file["uuid"] for file in later}
    assert newest[0]["uuid"] in {file["uuid"] for file in [*later, photo]}
    # Lists print a refusal as it came.
    (refusal,) = ucare("list_files", "--ordering", "colour")
    assert "`ordering`" in refusal["detail"]


def test_groups_are_made_and_listed(ucare, photo, installation):
    address = f"{installation.files_url}/{photo['uuid']}/-/resize/32x/"
    (made,) = ucare("create_group", photo["uuid"], address)
    assert made["files_count"] == 2
    assert made["files"][1]["default_effects"] == "resize/32x/"
    (groups,) = ucare("list_groups", "--ordering=-datetime_created", "--limit", "1")
    assert [group["id"] for group in groups] == [made["id"]]
    assert "Some files not found" in error(ucare("create_group", str(uuid.uuid4())))


def test_files_are_downloaded(ucare, type_in, photo, tmp_path):
    pattern = f"{tmp_path}/${{uuid}}/${{filename}}"
    done = type_in("sync", pattern, "--uuids", photo["uuid"], "--no-input")
    assert done.returncode == 0, done.stderr
    saved = tmp_path / photo["uuid"] / "Grand harbour.jpg"
    assert saved.read_bytes() == PHOTO
    resized = ("--effects", "resize/32x/", "--limit", "1", "--replace")
    done = type_in("sync", f"{tmp_path}/small", *resized, "--stored", "none", "--no-input")
    assert done.returncode == 0, done.stderr
    (small,) = (tmp_path / "small").iterdir()
    assert 0 < small.stat().st_size < len(PHOTO)


def test_a_file_is_fetched_from_an_address(type_in, installation, project, web_source):
    """This release cannot print the token that it was given; the file comes none the less."""
    name = f"{uuid.uuid4()}.jpg"
    done = type_in("upload_from_url", web_source.serve(f"/{name}", PHOTO))
    assert "FileFromUrl is not JSON serializable" in done.stderr
    wanted = f"storages_app_file WHERE original_filename = '{name}'"
    wait_until(lambda: installation.count(wanted) == 1, within=30, what="file from the web")


def test_private_addresses_are_not_fetched(ucare):
    refusal = error(ucare("upload_from_url", "http://169.254.169.254/"))
    assert "Only public IPs are allowed" in refusal


def test_webhooks_are_made_changed_listed_and_deleted(ucare):
    (made,) = ucare("create_webhook", TARGET, "--active", "--signing_secret", "12345X")
    assert (made["target_url"], made["is_active"]) == (TARGET, True)
    assert (made["event"], made["signing_secret"]) == ("file.uploaded", "12345X")
    hook_id = str(made["id"])
    assert "already subscribed" in error(ucare("create_webhook", TARGET))
    (changed,) = ucare("update_webhook", hook_id, "--deactivate", "--event", "file.stored")
    assert (changed["id"], changed["is_active"]) == (made["id"], False)
    assert ucare("list_webhooks") == [[changed]]
    assert ucare("delete_webhook", hook_id) == []
    assert "Not found." in error(ucare("delete_webhook", hook_id))
    assert "Not found." in error(ucare("update_webhook", hook_id, "--activate"))


@pytest.mark.parametrize("kind", ["document", "video"])
def test_nothing_is_converted(ucare, photo, kind):
    options = {
        "document": ("--format", "pdf", "--store", "--save-in-group"),
        "video": ("--transformation", "size/640x480/", "--store"),
    }
    refusal = error(ucare(f"convert_{kind}", photo["uuid"], *options[kind]))
    feature = f"{kind.capitalize()} conversion feature"
    assert f"{feature} is not available for this project." in refusal


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("get_file_tags", []),
        ("set_file_tags", ["ports"]),
        ("update_file_tags", ["--add", "ports"]),
    ],
)
def test_tags_are_not_here(ucare, photo, command, options):
    assert "Not found." in error(ucare(command, photo["uuid"], *options))


def test_search_is_not_here(ucare):
    said = ucare("search_files", "--query", "harbour", "--sort=-datetime_uploaded")
    assert error(said)


def test_every_command_is_typed_above():
    (commands,) = ucare_argparser()._subparsers._group_actions
    source = Path(__file__).read_text()
    typed = {name for name in commands.choices if f'("{name}"' in source}
    assert set(commands.choices) - typed == {"convert_document", "convert_video"}  # by their kind
