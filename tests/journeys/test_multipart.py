"""Multipart uploads against real processes: at the same time, cut off, and killed (G2, F06)."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from tests.journeys import crashing
from tests.journeys.crashing import Crashes
from tests.journeys.multipart import PART, Upload, together
from tests.rig.installation import Project
from tests.rig.processes import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

_SWEEP_TWO_HOURS_LATER = """
from datetime import timedelta
from django.utils import timezone
from storages_app.uploads.runner import sweep
sweep(now=timezone.now() + timedelta(hours=2))
"""
_SWEEP_A_DAY_LATER = """
from datetime import timedelta
from django.utils import timezone
from storages_app.uploads.runner import sweep
sweep(now=timezone.now() + timedelta(hours=26))
"""


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crashes]:
    """Originals on the disk, completed in the request."""
    running = Crashes(tmp_path_factory.mktemp("multipart"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def at_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crashes]:
    """Originals in a bucket of SeaweedFS, completed by the worker."""
    running = Crashes(tmp_path_factory.mktemp("multipart-s3"), UCDASH_COMPLETE_IN_REQUEST_MB="0")
    machine = running.machine
    try:
        machine.prepare()
        machine.settings |= {
            "UCDASH_UPLOADS_S3_BUCKET": machine.bucket.bucket,
            "UCDASH_UPLOADS_S3_ENDPOINT": machine.bucket.endpoint_url,
            "UCDASH_UPLOADS_S3_REGION": machine.bucket.region,
            "UCDASH_UPLOADS_S3_ACCESS_KEY_ID": machine.bucket.access_key_id,
            "UCDASH_UPLOADS_S3_SECRET_ACCESS_KEY": machine.bucket.secret_access_key,
        }
        machine.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def project(crashes: Crashes) -> Project:
    return crashes.machine.create_project()


def begun(crashes: Crashes, project: Project) -> Upload:
    upload = Upload(crashes.machine, project)
    upload.start()
    return upload


def left_in_incoming(crashes: Crashes) -> list[str]:
    return sorted(path.name for path in (crashes.machine.data_dir / "incoming").iterdir())


class TestAtTheSameTime:
    def test_parts_in_parallel_and_two_completions_are_one_file(self, crashes, project):
        """F06: each part twice, all at once; then two ask for the file."""
        before = crashes.machine.count("storages_app_file")
        upload = begun(crashes, project)
        numbers = [3, 1, 2, 1, 2, 3]
        answers = together([lambda n=n: upload.send(n) for n in numbers])
        assert {answer.status_code for answer in answers} <= {200, 409}
        upload.send_all()
        completed = together([upload.complete] * 4)
        assert {answer.status_code for answer in completed} == {200}
        assert {answer.json()["uuid"] for answer in completed} == {upload.uuid}
        wait_until(upload.is_ready, within=30, what="the file")
        assert crashes.machine.count("storages_app_file") == before + 1
        assert upload.kept() == upload.content
        assert left_in_incoming(crashes) == []

    def test_a_part_after_the_completion_changes_nothing(self, crashes, project):
        """F06."""
        upload = begun(crashes, project)
        upload.send_all()
        upload.complete().raise_for_status()
        assert upload.send(1).status_code == 400
        assert upload.kept() == upload.content
        assert left_in_incoming(crashes) == []


class TestCutOff:
    def test_a_part_that_broke_off_is_not_there_until_it_comes_again(self, crashes, project):
        upload = begun(crashes, project)
        upload.send_all()
        answer = self._send_half(upload, 2)
        assert b" 400 " in answer.splitlines()[0]
        refused = upload.complete()
        assert (refused.status_code, refused.text) == (
            400,
            "File size mismatch. Not all parts uploaded?",
        )
        assert upload.send(2).status_code == 200
        upload.complete().raise_for_status()
        assert upload.kept() == upload.content

    def _send_half(self, upload: Upload, number: int) -> bytes:
        parts = urlsplit(upload.urls[number - 1])
        head = (
            f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Connection: close\r\nContent-Length: {PART}\r\n\r\n"
        )
        with socket.create_connection((parts.hostname, parts.port), timeout=20) as connected:
            connected.sendall(head.encode() + upload.part(number)[: PART // 2])
            connected.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connected.recv(65_536):
                answer += chunk
        return answer


class TestDeaths:
    """SIGKILL of the web process; the client asks again, as clients do."""

    def die_at(self, crashes: Crashes, step: str, call) -> None:
        crashes.die_at(step)
        with pytest.raises(requests.ConnectionError):
            call()
        crashes.wait_for_death(step)
        wait_until(crashes.machine.web_answers, within=30, what="web again")

    def test_before_the_session_was_written(self, crashes, project):
        before = crashes.machine.count("storages_app_uploadsession")
        upload = Upload(crashes.machine, project)
        self.die_at(crashes, "upload_session_begun", upload.start)
        assert crashes.machine.count("storages_app_uploadsession") == before

    def test_while_a_part_was_written(self, crashes, project):
        upload = begun(crashes, project)
        upload.send_all()
        self.die_at(crashes, "upload_part_written", lambda: upload.send(2))
        assert upload.complete().status_code == 400
        assert upload.send(2).status_code == 200
        upload.complete().raise_for_status()
        assert upload.kept() == upload.content

    @pytest.mark.parametrize("step", ["upload_session_claimed", *crashing.UPLOAD])
    def test_while_it_was_completed(self, crashes, project, step):
        """One file, with the right bytes, and nothing beside it."""
        before = crashes.machine.count("storages_app_file")
        upload = begun(crashes, project)
        upload.send_all()
        self.die_at(crashes, step, upload.complete)
        upload.complete().raise_for_status()
        wait_until(upload.is_ready, within=30, what="the file")
        assert crashes.machine.count("storages_app_file") == before + 1
        assert upload.kept() == upload.content

    def test_and_nothing_is_left_of_all_that(self, crashes, project):
        crashes.shell(_SWEEP_TWO_HOURS_LATER)
        assert left_in_incoming(crashes) == []
        crashes.shell(_SWEEP_A_DAY_LATER)
        assert crashes.machine.count("storages_app_uploadsession WHERE finished_at IS NULL") == 0
        assert crashes.violations() == []


class TestAtS3:
    def test_parts_go_to_the_bucket_and_a_worker_completes(self, at_s3):
        upload = begun(at_s3, at_s3.machine.create_project())
        assert all(url.startswith(at_s3.machine.bucket.endpoint_url) for url in upload.urls)
        upload.send_all()
        told = upload.complete().json()
        assert (told["uuid"], told["is_ready"]) == (upload.uuid, False)
        wait_until(upload.is_ready, within=30, what="the file")
        assert upload.kept() == upload.content
        assert left_in_incoming(at_s3) == []

    def test_a_worker_that_dies_when_the_bucket_has_completed(self, at_s3):
        upload = begun(at_s3, at_s3.machine.create_project())
        upload.send_all()
        at_s3.die_at("upload_session_completed")
        upload.complete().raise_for_status()
        at_s3.wait_for_death("upload_session_completed")
        wait_until(upload.is_ready, within=60, what="the file")
        assert upload.kept() == upload.content
        assert at_s3.violations() == []
