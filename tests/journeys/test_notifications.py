"""A storage breaks and recovers, and its owner hears of it: real workers, which may die of it."""

import email
from collections.abc import Iterator
from email.message import Message
from email.policy import default

import pytest

from tests import webhook_receiver
from tests.journeys import crashing
from tests.journeys.crashing import Crashes
from tests.rig.installation import Project
from tests.rig.processes import wait_until
from tests.webhook_receiver import Receiver

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
_LOOK_S = 90  # a look every 20 s, by a timetable that ticks as often


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
        tmp_path_factory.mktemp("notifications"),
        UCDASH_ALLOWED_PRIVATE_HOSTS=f"127.0.0.1:{_running.port}",
        UCDASH_TIME_SCALE="0.05",
        UCDASH_EMAIL_BY="file",
    )
    try:
        running.start()
        yield running
    finally:
        running.stop()


def mails(crashes: Crashes) -> list[Message]:
    """What was sent, in the order of sending: one file for each connection."""
    files = sorted((crashes.machine.data_dir / "mail").glob("*.log"))
    texts = [text for file in files for text in file.read_bytes().split(b"-" * 79 + b"\n")]
    return [email.message_from_bytes(text, policy=default) for text in texts if text.strip()]


def hear(crashes: Crashes, project: Project, receiver: Receiver) -> None:
    """Have the operator's mailbox and the receiver told of everything in the project."""
    added = (("email", "operator@example.com"), ("webhook", receiver.url()))
    for kind, address in added:
        crashes.shell(
            "from storages_app.models import Incident, Project\n"
            "from storages_app.notifications import services\n"
            "project = Project.objects.get(slug=slug)\n"
            "channel = services.add(project=project, kind=kind, address=address,"
            " topics=list(Incident.Kind), is_daily=False, actor='a test')\n"
            "channel.state",
            slug=project.slug,
            kind=kind,
            address=address,
        )


def ask_with_secret(crashes: Crashes, project: Project, secret: str) -> None:
    """As if somebody had changed the key at the provider; then the test is run."""
    crashes.shell(
        "from storages_app.custom_storages import services\n"
        "from storages_app.models import CustomStorage\n"
        "storage = CustomStorage.objects.get(project__slug=slug)\n"
        "storage.seal_secret(secret)\n"
        "storage.save(update_fields=['sealed_secret'])\n"
        "services.request_test(custom_storage=storage, asked_by='a test').pk",
        slug=project.slug,
        secret=secret,
    )


def test_it_breaks_and_recovers_and_each_is_told_once(crashes, receiver):
    project = crashes.connect()
    hear(crashes, project, receiver)
    ask_with_secret(crashes, project, "not-the-secret")
    wait_until(lambda: len(receiver.received) >= 1, within=_LOOK_S, what="a POST")
    wait_until(lambda: len(mails(crashes)) >= 1, within=20, what="a mail")
    ask_with_secret(crashes, project, crashes.machine.bucket.secret_access_key)
    wait_until(lambda: len(receiver.received) >= 2, within=_LOOK_S, what="another POST")
    wait_until(lambda: len(mails(crashes)) >= 2, within=20, what="another mail")

    assert [got.payload["event"] for got in receiver.received] == [
        "storage.broken",
        "storage.recovered",
    ]
    broken, recovered = mails(crashes)
    assert (
        broken["Subject"].strip().startswith(f"[{project.name}] Storage “bucket” stopped working: ")
    )
    assert recovered["Subject"].strip() == f"[{project.name}] Storage “bucket” works again"
    text = broken.get_body(("plain",)).get_content()
    assert "What to do:" in text
    assert f"{crashes.machine.url}/projects/{project.slug}/storages/" in text
    doctor = crashes.machine.manage("doctor", "--grace", "1", check=False)
    assert "I12" not in doctor.stdout


@pytest.mark.parametrize("step", crashing.NOTIFICATION)
def test_a_worker_that_dies_tells_again_under_the_same_id(crashes, receiver, step):
    project = crashes.machine.create_project()
    hear(crashes, project, receiver)
    crashes.die_at(step)
    crashes.shell(
        "from storages_app.models import NotificationChannel\n"
        "from storages_app.notifications import services\n"
        "channel = NotificationChannel.objects.get(project__slug=slug, kind='webhook')\n"
        "services.send_test(channel=channel, actor='a test').pk",
        slug=project.slug,
    )
    crashes.wait_for_death(step)
    n_expected = 2 if step == "notification_sent" else 1
    wait_until(lambda: len(receiver.received) >= n_expected, within=60, what="the POST")
    undelivered = "storages_app_notificationdelivery WHERE state <> 'delivered'"
    wait_until(lambda: crashes.machine.count(undelivered) == 0, within=40, what="the outcome")
    assert len({got.id for got in receiver.received}) == 1
