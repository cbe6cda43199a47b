"""The main job with real processes: bytes come in, and are proved to be in the bucket."""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image
from pyuploadcare import File, Uploadcare

from tests.pictures import camera_jpeg, jpeg
from tests.rig.installation import Installation, Project
from tests.rig.processes import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

N_FILES = 200
N_FRESH = 12


def key_of(result: str, bucket: str) -> str:
    """The object key in `s3://bucket/key`."""
    parts = urlsplit(result)
    assert (parts.scheme, parts.netloc) == ("s3", bucket)
    return parts.path.removeprefix("/")


class TestOfficialClient:
    def test_a_photo_is_uploaded_listed_stored_and_copied_byte_for_byte(
        self, installation, project, uploadcare, tmp_path
    ):
        assert installation.connect_bucket(project, prefix="photos/")["state"] == "connected"
        photo = camera_jpeg(800, 600)
        uploaded = upload(uploadcare, photo, tmp_path, store=False)
        info = uploadcare.file(uploaded.uuid).info
        assert info["size"] == len(photo)
        assert info["is_image"]
        assert info["content_info"]["image"]["format"] == "JPEG"
        assert [file.uuid for file in uploadcare.list_files()] == [uploaded.uuid]
        uploaded.store()
        assert uploadcare.file(uploaded.uuid).is_stored

        result = uploaded.create_remote_copy(target="demo")
        bucket = installation.bucket
        key = key_of(result, bucket.bucket)
        assert key.startswith(f"photos/{uploaded.uuid}/")
        assert bucket.read(key) == photo

    def test_a_resized_copy_lands_under_a_key_that_names_its_effects(
        self, installation, project, uploadcare, tmp_path
    ):
        installation.connect_bucket(project, prefix="small/")
        photo = jpeg(800, 600)
        uploaded = upload(uploadcare, photo, tmp_path)
        result = uploaded.create_remote_copy(target="demo", effects="resize/200x/")
        key = key_of(result, installation.bucket.bucket)
        assert "resize" in key
        assert "200x" in key
        assert Image.open(BytesIO(installation.bucket.read(key))).size == (200, 150)

    def test_the_file_host_serves_what_was_uploaded(self, installation, uploadcare, tmp_path):
        photo = jpeg(400, 300)
        uploaded = upload(uploadcare, photo, tmp_path)
        answer = requests.get(f"{installation.files_url}/{uploaded.uuid}/", timeout=10)
        assert answer.content == photo
        assert "set-cookie" not in answer.headers


@pytest.mark.browser
class TestBrowser:
    def test_connect_a_bucket_switch_auto_copy_on_and_see_an_upload_copied(
        self, installation, project, page, tmp_path
    ):
        sign_in(page, installation)
        walk_the_wizard(page, installation, project, secret="")
        page.get_by_role("button", name="Connect", exact=True).click()
        page.get_by_role("heading", name="“demo” is connected.").wait_for()
        page.get_by_role("button", name=re.compile("auto-copy", re.I)).first.click()

        photo = tmp_path / "harbour.jpg"
        photo.write_bytes(jpeg(640, 480))
        page.get_by_role("link", name="Upload", exact=True).first.click()
        page.locator("uc-file-uploader-regular").get_by_role("button").first.click()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="From device").click()
        chooser.value.set_files(photo)
        link = page.get_by_label("Uploaded files").get_by_role("link", name="harbour.jpg")
        link.wait_for()
        address = link.get_attribute("href")
        wait_until(
            lambda: is_done(page, f"{installation.url}{address}"), within=30, what="the copy's Done"
        )
        url = page.get_by_text(re.compile(r"^s3://demo-bucket/")).first.inner_text()
        assert installation.bucket.read(key_of(url, "demo-bucket")) == photo.read_bytes()

    def test_a_wrong_secret_shows_the_failing_row_and_its_fix(self, installation, project, page):
        sign_in(page, installation)
        walk_the_wizard(page, installation, project, secret="not-the-secret-of-this-key")
        page.get_by_role("heading", name="Not connected yet.").wait_for()
        row = page.get_by_role("listitem").filter(has_text="Identity").filter(has_text="Failed")
        assert row.get_by_text("SignatureDoesNotMatch").count() == 1
        assert row.get_by_role("listitem").first.is_visible()  # the first step of the fix
        assert "not-the-secret-of-this-key" not in page.content()


class TestWorkerDies:
    def test_no_file_is_lost_or_doubled_when_the_worker_is_killed_with_leases(
        self, installation, project
    ):
        bucket = installation.new_bucket(versioned=True)
        jobs, running = order_copies(installation, project, bucket)
        contents = upload_many(installation, project)

        installation.start_worker(wait=False)
        wait_until(lambda: running() > 0, within=60, what="a lease", every=0.002)
        installation.kill_worker()
        assert running() > 0

        installation.start_worker()
        wait_for_done(installation, jobs)
        assert installation.count(f"{jobs} AND evidence <> '' AND sha256 <> ''") == N_FILES
        assert installation.count(f"{jobs} AND takeovers > 0") > 0
        assert objects_in(installation, bucket) == contents

    def test_a_worker_that_is_told_to_stop_gives_back_what_it_holds(self, installation, project):
        bucket = installation.new_bucket(versioned=True)
        jobs, running = order_copies(installation, project, bucket)
        contents = upload_many(installation, project)

        installation.start_worker(wait=False)
        wait_until(lambda: running() > 0, within=60, what="a lease", every=0.002)
        installation.stop_worker()
        assert running() == 0

        installation.start_worker()
        wait_for_done(installation, jobs)
        assert installation.count(f"{jobs} AND (crashes > 0 OR takeovers > 0)") == 0
        assert objects_in(installation, bucket) == contents


class TestFreshness:
    @pytest.mark.parametrize("broker", ["up", "down"])
    def test_g5_new_files_are_in_the_bucket_within_seconds(
        self, installation, project, uploadcare, tmp_path, broker
    ):
        """In small: files one after the other, at their own pace; with no wake-up by polling."""
        bucket = installation.new_bucket()
        jobs = jobs_of(installation, project, bucket)
        with no_wake_ups(installation) if broker == "down" else nullcontext():
            for n in range(N_FRESH):
                upload(uploadcare, jpeg(64 + n, 64), tmp_path)
            wait_until(
                lambda: installation.count(f"{jobs} AND state = 'done'") == N_FRESH,
                within=60,
                what="the copies",
                every=0.2,
            )
        times = installation.query(f"SELECT created_at, finished_at FROM {jobs}")
        lags = sorted((moment(end) - moment(begin)).total_seconds() for begin, end in times)
        assert lags[int(0.95 * N_FRESH)] <= 10, lags
        was_down = "No wake-up was sent" in installation.logs()
        assert was_down or broker == "up" or installation.on_postgresql  # there Redis goes on


def upload(client: Uploadcare, content: bytes, folder: Path, *, store: bool = True) -> File:
    path = folder / "Grand harbour.jpg"
    path.write_bytes(content)
    with path.open("rb") as file:
        return client.upload(file, store=store)


def sign_in(page, installation: Installation) -> None:
    page.goto(f"{installation.url}/")
    page.get_by_label("Email").fill("operator@example.com")
    page.get_by_label("Password").fill(installation.operator_password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", level=1).wait_for()


def walk_the_wizard(page, installation: Installation, project: Project, *, secret: str) -> None:
    """Find it as a newcomer does, and go to its last step for the demo bucket."""
    bucket = installation.bucket
    page.goto(f"{installation.url}/projects/{project.slug}/")
    page.get_by_role("link", name="Connect S3 bucket").first.click()
    page.get_by_role("radio", name="Other S3").check()
    page.get_by_label("Endpoint").fill(bucket.endpoint_url)
    page.get_by_label("Storage name").fill("demo")
    page.get_by_label("Region").fill(bucket.region)
    page.get_by_label("Bucket", exact=True).fill(bucket.bucket)
    page.get_by_label("Prefix").fill(f"{project.slug}/")
    go_on(page, "What for")
    go_on(page, "Access")
    page.get_by_label("Access key id").fill(bucket.access_key_id)
    page.get_by_label("Secret access key").fill(secret or bucket.secret_access_key)
    go_on(page, "Bucket policy / ACL checklist")
    go_on(page, "Test and finish")


def go_on(page, title: str) -> None:
    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", level=1, name=title).wait_for()


def is_done(page, address: str) -> bool:
    page.goto(address)
    row = page.get_by_role("listitem").filter(has_text="demo").filter(has_text="s3://")
    return bool(row.count()) and "Done" in row.first.inner_text()


def upload_many(installation: Installation, project: Project) -> dict[str, int]:
    """N different files by several threads; how many objects of each content there must be."""
    contents = {}
    local = threading.local()

    def upload(n: int) -> None:
        body = hashlib.sha256(str(n).encode()).digest() * 4_000
        contents[hashlib.sha256(body).hexdigest()] = 1
        local.session = getattr(local, "session", None) or requests.Session()
        answer = local.session.post(
            f"{installation.url}/base/",
            data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
            files={"file": (f"file {n}.bin", body)},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(upload, range(N_FILES)))
    return contents


def order_copies(
    installation: Installation, project: Project, bucket: str
) -> tuple[str, Callable[[], int]]:
    """Auto-copy to `bucket` with no worker there; its jobs in SQL, and how many are running."""
    jobs = jobs_of(installation, project, bucket)
    installation.stop_worker()
    return jobs, lambda: installation.count(f"{jobs} AND state IN ('leased', 'written')")


def jobs_of(installation: Installation, project: Project, bucket: str) -> str:
    """Auto-copy to `bucket`; its jobs in SQL."""
    connected = installation.connect_bucket(project, "--auto-copy", bucket=bucket)
    assert connected["state"] == "connected"
    # SQLite has no type for a UUID.
    pk = connected["id"] if installation.on_postgresql else connected["id"].replace("-", "")
    return f"storages_app_copyjob WHERE custom_storage_id = '{pk}'"


@contextmanager
def no_wake_ups(installation: Installation) -> Iterator[None]:
    """The embedded broker's folder is no folder: nothing can be sent, and nothing comes."""
    folder = installation.data_dir / "broker"
    away = folder.rename(folder.with_name("broker-away"))
    folder.touch()
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)


def moment(value: Any) -> datetime:
    """A time as either database gives it."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def wait_for_done(installation: Installation, jobs: str) -> None:
    wait_until(
        lambda: installation.count(f"{jobs} AND state = 'done'") == N_FILES,
        within=120,
        what=f"{N_FILES} done copies",
        every=0.5,
    )


def objects_in(installation: Installation, bucket: str) -> dict[str, int]:
    """How many versions of each content the bucket holds."""
    client = installation.bucket.client()
    found: dict[str, int] = {}
    for listed in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in listed.get("Versions", []):
            if version["Key"].startswith(".connection-test/"):
                continue  # a versioned bucket keeps what the connection test wrote and deleted
            body = client.get_object(
                Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"]
            )["Body"].read()
            digest = hashlib.sha256(body).hexdigest()
            found[digest] = found.get(digest, 0) + 1
    client.close()
    return found
