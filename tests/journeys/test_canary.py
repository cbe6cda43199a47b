"""A canary in every field that takes a secret, and a walk: it is found nowhere but sealed (S113).

Looked at are the database, logs, messages of the broker, mails and whatever else is in the folder
of the installation, every page of the project, and what the APIs answer.
"""

import base64
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page

from tests.journeys.every_page import sign_in
from tests.rig.installation import OPERATOR_EMAIL, Installation, Project, wait_until

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(240)]

PAGES = (
    *("", "files/", "storages/", "backup/", "jobs/", "copies/", "keys/", "webhooks/"),
    *("activity/", "settings/uploads/", "settings/signed-urls/"),
)
STORAGE_PAGES = ("", "copies/", "settings/", "rights/", "use/", "auto-copy/", "check/")


class Canaries(dict[str, str]):
    """`canaries["wizard"]` is a new one for that field, as long as a secret of Amazon is."""

    def __missing__(self, field: str) -> str:
        self[field] = f"canary{secrets.token_hex(17)}"
        return self[field]

    def found_in(self, text: bytes) -> list[str]:
        """Fields whose canary is in there: as it is, or as base64 would show it."""
        return [
            field
            for field, canary in self.items()
            if canary.encode() in text or any(piece in text for piece in _in_base64(canary))
        ]


def _in_base64(canary: str) -> Iterator[bytes]:
    """What is the same wherever in a longer text it begins."""
    for shift in range(3):
        yield base64.b64encode(b" " * shift + canary.encode())[4:-4]


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


def test_a_canary_is_found_where_it_is_not_sealed(canaries):
    canary = canaries["a field"]
    for text in (canary, f'{{"secret": "{canary}"}}', f"x={canary}&y"):
        assert canaries.found_in(text.encode()) == ["a field"]
        assert canaries.found_in(base64.b64encode(text.encode())) == ["a field"]
    assert canaries.found_in(b"nothing of it") == []


def test_a_secret_that_was_typed_anywhere_is_found_nowhere(
    installation: Installation, project: Project, page: Page, canaries: Canaries
):
    demo = installation.bucket
    storages = [
        _by_command(installation, project, canaries),
        _by_api(installation, project, canaries),
    ]
    storages.append(_by_wizard(installation, project, page, canaries))
    _change_by_form(installation, project, page, storages[0], canaries)
    _webhook(installation, project, canaries)
    _wrong_password(installation, canaries)
    wait_until(
        lambda: installation.count("storages_app_connectiontest WHERE finished_at IS NULL") == 0,
        within=60,
        what="end of all tests",
    )

    shown: dict[str, bytes] = {}
    for path in PAGES:
        shown[path] = _page(installation, project, page, path)
    for storage in storages:
        for path in STORAGE_PAGES:
            shown[f"{storage} {path}"] = _page(
                installation, project, page, f"storages/{storage}/{path}"
            )
    for path in ("/api/v1/custom_storages/", "/api/v1/events/", "/project/", "/files/"):
        shown[path] = _rest(installation, project, "get", path).content
    shown |= {str(path): content for path, content in _files_of(installation.folder)}

    assert len(canaries) == 7
    assert demo.secret_access_key.encode() in shown[str(installation.data_dir / "env")]
    found = {place: fields for place, text in shown.items() if (fields := canaries.found_in(text))}
    assert found == {}


def _by_command(installation: Installation, project: Project, canaries: Canaries) -> str:
    installation.connect_bucket(project, name="by-command", secret=canaries["command"])
    return _storage(installation, project, "by-command")


def _by_api(installation: Installation, project: Project, canaries: Canaries) -> str:
    demo = installation.bucket
    body = {
        "name": "by-api",
        "bucket": demo.bucket,
        "endpoint_url": demo.endpoint_url,
        "region": demo.region,
        "provider": "other",
        "access_key_id": demo.access_key_id,
        "secret_access_key": canaries["api"],
    }
    made = _rest(installation, project, "post", "/api/v1/custom_storages/", json=body)
    assert made.status_code == 201, made.text
    storage = str(made.json()["id"])
    refused = _rest(
        installation,
        project,
        "post",
        "/api/v1/custom_storages/",
        json=body | {"bucket": "No_Bucket!", "secret_access_key": canaries["refused by the api"]},
    )
    assert refused.status_code == 400
    assert not canaries.found_in(made.content + refused.content)
    _rest(installation, project, "post", f"/api/v1/custom_storages/{storage}/tests/")
    return storage


def _by_wizard(installation: Installation, project: Project, page: Page, canaries: Canaries) -> str:
    """The third step, where somebody types it into a browser."""
    demo = installation.bucket
    values = {
        "name": "by-wizard",
        "provider": "other",
        "endpoint_url": demo.endpoint_url,
        "region": demo.region,
        "bucket": demo.bucket,
    }
    storage = str(
        installation.shell_json(
            "from storages_app.custom_storages import services\n"
            "from storages_app.models import Project\n"
            f"project = Project.objects.get(slug={project.slug!r})\n"
            f"row = services.create_draft(project=project, actor='a test', **{values!r})\n"
            "services.reach_step(custom_storage=row, step=3)\n"
            "str(row.pk)"
        )
    )
    sign_in(page, installation)
    page.goto(f"{installation.url}/projects/{project.slug}/storages/{storage}/setup/access/")
    page.get_by_label("Access key id").fill(demo.access_key_id)
    page.get_by_label("Secret access key").fill(canaries["wizard"])
    page.get_by_role("button", name="Next", exact=True).click()
    page.wait_for_url("**/setup/bucket/**")
    page.goto(f"{installation.url}/projects/{project.slug}/storages/{storage}/setup/access/")
    assert not canaries.found_in(page.content().encode())
    return storage


def _change_by_form(
    installation: Installation, project: Project, page: Page, storage: str, canaries: Canaries
) -> None:
    page.goto(f"{installation.url}/projects/{project.slug}/storages/{storage}/settings/")
    page.get_by_label("Secret access key").fill(canaries["settings"])
    page.get_by_role("button", name="Save").click()
    page.wait_for_load_state()
    assert not canaries.found_in(page.content().encode())


def _webhook(installation: Installation, project: Project, canaries: Canaries) -> None:
    """REST gives it back to who may see it, as the API that it follows does; pages do not."""
    body = {
        "target_url": "https://hooks.example.com/canary",
        "event": "file.uploaded",
        "signing_secret": canaries["webhook"][:32],
    }
    canaries["webhook"] = canaries["webhook"][:32]
    made = _rest(installation, project, "post", "/webhooks/", json=body)
    assert made.status_code == 201, made.text


def _wrong_password(installation: Installation, canaries: Canaries) -> None:
    with requests.Session() as browser:
        form = browser.get(f"{installation.url}/accounts/login/", timeout=30).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
        assert token
        answer = browser.post(
            f"{installation.url}/accounts/login/",
            data={
                "login": "somebody-" + OPERATOR_EMAIL,
                "password": canaries["wrong password"],
                "csrfmiddlewaretoken": token[1],
            },
            timeout=30,
        )
    assert "do not match" in answer.text
    assert not canaries.found_in(answer.content)


def _storage(installation: Installation, project: Project, name: str) -> str:
    answer = _rest(installation, project, "get", "/api/v1/custom_storages/")
    return next(str(row["id"]) for row in answer.json()["results"] if row["name"] == name)


def _rest(
    installation: Installation, project: Project, method: str, path: str, **options: Any
) -> requests.Response:
    return requests.request(
        method,
        installation.url + path,
        headers={
            "Accept": "application/vnd.uploadcare-v0.7+json",
            "Authorization": f"Uploadcare.Simple {project.public_key}:{project.secret_key}",
        },
        timeout=30,
        **options,
    )


def _page(installation: Installation, project: Project, page: Page, path: str) -> bytes:
    answer = page.context.request.get(f"{installation.url}/projects/{project.slug}/{path}")
    assert answer.ok, (path, answer.status)
    return answer.body()


def _files_of(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Database, its journal, logs, messages, mails: all that an installation writes down."""
    for path in folder.rglob("*"):
        if path.is_file() and "/static/" not in str(path):
            yield path, path.read_bytes()
