"""A worker tells a receiver, and may die of it (F81, G2, I8)."""

from collections.abc import Iterator

import pytest
import requests
from standardwebhooks import Webhook as Verifier

from storages_app.webhooks import signing
from tests import webhook_receiver
from tests.journeys import crashing
from tests.journeys.crashing import Crashes
from tests.rig.installation import Project
from tests.rig.processes import wait_until
from tests.webhook_receiver import Received, Receiver

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def _running() -> Iterator[Receiver]:
    with webhook_receiver.running() as server:
        yield server


@pytest.fixture
def receiver(_running: Receiver) -> Receiver:
    _running.forget()
    return _running


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory, _running: Receiver) -> Iterator[Crashes]:
    running = Crashes(
        tmp_path_factory.mktemp("webhooks"),
        UCDASH_ALLOWED_PRIVATE_HOSTS=f"127.0.0.1:{_running.port}",
        UCDASH_TIME_SCALE="0.05",
    )
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def project(crashes: Crashes, receiver: Receiver) -> Project:
    """One that tells of uploads."""
    project = crashes.machine.create_project()
    answer = requests.post(
        f"{crashes.machine.url}/webhooks/",
        data={
            "target_url": receiver.url(),
            "event": "file.uploaded",
            "signing_secret": "12345X",
        },
        headers={
            "Accept": "application/vnd.uploadcare-v0.7+json",
            "Authorization": f"Uploadcare.Simple {project.public_key}:{project.secret_key}",
        },
        timeout=30,
    )
    assert answer.status_code == 201, answer.text
    return project


def heard(receiver: Receiver, n: int) -> list[Received]:
    wait_until(lambda: len(receiver.received) >= n, within=40, what=f"{n} requests")
    return receiver.received


def test_an_upload_is_told_within_seconds(crashes, project, receiver):
    uuid = crashes.upload(project, b"meow")
    (got,) = heard(receiver, 1)
    assert got.payload["data"]["uuid"] == uuid
    assert Verifier(signing.standard_key("12345X")).verify(got.body, got.headers)


def test_a_receiver_that_fails_is_told_again(crashes, project, receiver):
    receiver.answers.append(500)
    crashes.upload(project, b"meow")
    first, second = heard(receiver, 2)
    assert (first.id, first.body) == (second.id, second.body)


@pytest.mark.parametrize("step", crashing.WEBHOOK)
def test_a_worker_that_dies_tells_again_under_the_same_id(crashes, project, receiver, step):
    """F81: at least once, with one id."""
    crashes.die_at(step)
    uuid = crashes.upload(project, b"meow")
    crashes.wait_for_death(step)
    got = heard(receiver, 2 if step == "webhook_sent" else 1)
    assert {one.payload["data"]["uuid"] for one in got} == {uuid}
    assert len({one.id for one in got}) == 1
    undelivered = "storages_app_webhookdelivery WHERE state <> 'delivered'"
    wait_until(lambda: crashes.machine.count(undelivered) == 0, within=40, what="the outcome")
