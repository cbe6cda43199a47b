"""S121: the same order fifty times at once. One is taken, the others hear why not; no fault."""

from collections import Counter
from collections.abc import Callable

import pytest
import requests

from tests.rig.installation import Installation, Project
from tests.rig.together import at_once

N = 50
JSON = "application/vnd.uploadcare-v0.7+json"

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def poster(
    installation: Installation, project: Project, path: str, body: object, **headers: str
) -> Callable[[], requests.Response]:
    authorization = f"Uploadcare.Simple {project.public_key}:{project.secret_key}"
    own = {"Authorization": authorization, "Accept": JSON}

    def ask() -> requests.Response:
        url = f"{installation.url}{path}"
        return requests.post(url, json=body, headers=own | headers, timeout=60)

    return ask


def test_a_name_is_given_to_one_storage(installation, project):
    body = {"name": "archive", "bucket": "archive-of-tests"}
    answers = at_once(*[poster(installation, project, "/api/v1/custom_storages/", body)] * N)

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: N - 1}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {
        "storage_name_taken"
    }


def test_an_event_is_told_to_an_address_once(installation, project):
    body = {"event": "file.uploaded", "target_url": "https://8.8.8.8/hook"}
    answers = at_once(*[poster(installation, project, "/webhooks/", body)] * N)

    assert Counter(answer.status_code for answer in answers) == {201: 1, 400: N - 1}
    refused = {answer.text for answer in answers if answer.status_code == 400}
    assert len(refused) == 1
    assert "already subscribed" in refused.pop()


def test_uploads_at_once_do_not_go_over_a_quota(installation, project):  # S097
    installation.execute(
        f"UPDATE storages_app_project SET max_files = 10 WHERE public_key = '{project.public_key}'"
    )

    def upload() -> requests.Response:
        return requests.post(
            f"{installation.url}/base/",
            data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
            files={"file": ("note.txt", b"one of fifty")},
            timeout=60,
        )

    answers = at_once(*[upload] * N)
    assert Counter(answer.status_code for answer in answers) == {200: 10, 403: N - 10}
    assert {answer.text.strip() for answer in answers if answer.status_code == 403} == {
        "Account has reached its limits."
    }
    assert installation.count("storages_app_file WHERE removed_at IS NULL") >= 10


def test_one_idempotency_key_is_one_order(installation, project):
    body = {"name": "twice", "bucket": "twice-of-tests"}
    path = "/api/v1/custom_storages/"
    ask = poster(installation, project, path, body, **{"Idempotency-Key": "of-a-test-1"})
    answers = at_once(*[ask] * N)

    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert ask().json()["id"] in made
