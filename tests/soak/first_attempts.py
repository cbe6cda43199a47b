"""How long an event waits until a receiver is first asked, of a real server and a real worker."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import requests

from tests import webhook_receiver
from tests.rig.installation import Installation, Project
from tests.rig.processes import wait_until
from tests.webhook_receiver import Moods, Receiver

_A_SECOND = 20


def measure(folder: Path, *, on_services: bool, seconds: int) -> list[float]:
    """Seconds from the row of each event to its first request, the shortest first.

    Twenty files a second are uploaded, for `seconds`; the receiver is in its moods (G9).
    """
    with webhook_receiver.running() as receiver:
        receiver.always = Moods(slow_s=1.0)
        installation = Installation(
            folder,
            on_services=on_services,
            UCDASH_ALLOWED_PRIVATE_HOSTS=f"127.0.0.1:{receiver.port}",
        )
        try:
            installation.prepare()
            installation.start()
            _upload(installation, _project_that_tells(installation, receiver), seconds)
            return _waited(installation, receiver, seconds * _A_SECOND)
        finally:
            installation.stop()


def _project_that_tells(installation: Installation, receiver: Receiver) -> Project:
    project = installation.create_project()
    answer = requests.post(
        f"{installation.url}/webhooks/",
        data={"target_url": receiver.url(), "event": "file.uploaded"},
        headers={
            "Accept": "application/vnd.uploadcare-v0.7+json",
            "Authorization": f"Uploadcare.Simple {project.public_key}:{project.secret_key}",
        },
        timeout=30,
    )
    answer.raise_for_status()
    return project


def _upload(installation: Installation, project: Project, seconds: int) -> None:
    def send(number: int) -> None:
        requests.post(
            f"{installation.url}/base/",
            data={"UPLOADCARE_PUB_KEY": project.public_key},
            files={"file": (f"{number}.txt", b"meow")},
            timeout=60,
        ).raise_for_status()

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        sent = []
        for number in range(seconds * _A_SECOND):
            time.sleep(max(0.0, began + number / _A_SECOND - time.monotonic()))
            sent.append(pool.submit(send, number))
        for one in sent:
            one.result()


def _waited(installation: Installation, receiver: Receiver, n_events: int) -> list[float]:
    def first_asked() -> dict[str, float]:
        asked: dict[str, float] = {}
        for got in [*receiver.received]:
            asked.setdefault(got.id, got.at)
        return asked

    wait_until(lambda: len(first_asked()) >= n_events, within=120, what="all first attempts")
    to_wall = time.time() - time.monotonic()
    rows = installation.query("SELECT id, created_at FROM storages_app_webhookdelivery")
    made = {f"msg_{UUID(str(pk)).hex}": _seconds(moment) for pk, moment in rows}
    return sorted(at + to_wall - made[message] for message, at in first_asked().items())


def _seconds(moment: object) -> float:
    read = datetime.fromisoformat(str(moment))
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
