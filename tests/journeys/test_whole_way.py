"""Owners' whole ways through the product, in a browser: from nothing to a file that came back."""

import re
import uuid
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.pictures import jpeg
from tests.rig.installation import OPERATOR_EMAIL, RARELY, Installation, Project
from tests.rig.processes import wait_until
from tests.s3double import S3Double, User, allow_all

pytestmark = [pytest.mark.real, pytest.mark.browser, pytest.mark.timeout(300)]

READ_ONLY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:List*", "s3:Get*"], "Resource": "*"}],
}


@pytest.fixture(scope="module")
def double() -> Iterator[S3Double]:
    with S3Double() as running:
        yield running


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, double: S3Double) -> Iterator[Installation]:
    """A new instance, which may reach the strict S3, and has no project."""
    host, port = double.host_and_port
    running = Installation(
        tmp_path_factory.mktemp("whole-way"),
        UCDASH_ALLOWED_PRIVATE_HOSTS=f"{host}:{port}",
        UCDASH_TIME_SCALE="0.05",
    )
    try:
        running.prepare()
        running.start_web()
        running.start_worker()
        yield running
    finally:
        running.stop()


@pytest.fixture
def user(double: S3Double) -> User:
    return double.add_user(f"user-{uuid.uuid4().hex[:8]}", policies=[allow_all()])


@pytest.fixture
def signed_in(machine: Installation, page: Page) -> Page:
    page.goto(f"{machine.url}/")
    page.get_by_label("Email").fill(OPERATOR_EMAIL)
    page.get_by_label("Password", exact=True).fill(machine.operator_password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", level=1).wait_for()
    return page


def test_from_the_first_run_to_a_deleted_file_that_is_restored(
    machine, double, user, signed_in, tmp_path
):
    page = signed_in
    page.goto(f"{machine.url}/setup/")
    expect(page.get_by_role("heading", level=2).first).to_contain_text("This instance is ready")
    page.get_by_role("link", name="Projects").first.click()
    page.get_by_role("link", name="Create project").first.click()
    page.get_by_label("Name").fill("Harbour shop")
    page.get_by_role("button", name="Create project").click()
    menu = page.get_by_role("navigation", name="Project")

    first = upload(page, menu, tmp_path, "harbour.jpg", jpeg(640, 480))
    double.add_bucket("harbour")
    connect(page, menu, double, user, bucket="harbour", name="main", prefix="files/")
    page.get_by_role("button", name=re.compile("auto-copy", re.I)).first.click()
    second = upload(page, menu, tmp_path, "quay.jpg", jpeg(320, 200))
    wait_until(lambda: is_done(page, machine, second), within=60, what="the copy's Done")

    menu.get_by_role("link", name="Backup").click()
    page.get_by_role("link", name="Connect backup bucket").first.click()
    page.get_by_role("radio", name="main").check()
    page.get_by_label("Full pass").select_option(label="Other, as cron")
    page.get_by_label("Cron").fill(RARELY)
    page.get_by_role("button", name="Turn on backup").click()
    expect(page.locator("#main")).to_contain_text("Backed up. All 2 stored files are in harbour")

    menu.get_by_role("link", name="Files", exact=True).click()
    page.get_by_role("checkbox", name="harbour.jpg").check()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete 1 file").click()
    expect(page.locator("#main")).to_contain_text("1 file leaves this project in 10 minutes.")
    machine.execute(
        "UPDATE storages_app_file SET removal_due_at = uploaded_at WHERE removal_due_at IS NOT NULL"
    )
    wait_until(lambda: status_of(machine, first) == 404, within=90, what="the file's removal")

    menu.get_by_role("link", name="Backup").click()
    page.get_by_role("link", name="Restore…").click()
    page.get_by_role("button", name="Show what would happen").click()
    page.get_by_role("button", name=re.compile("Restore 1 file")).click()
    expect(page.locator("#main")).to_contain_text("1 file restored, all match")
    answer = requests.get(f"{machine.files_url}/{first}/", timeout=10)
    assert answer.content == jpeg(640, 480)


def test_a_storage_that_breaks_says_so_everywhere_and_recovers_by_itself(
    machine, double, user, signed_in, tmp_path
):
    page, project = signed_in, machine.create_project("Broken shop")
    double.add_bucket("fragile")
    page.goto(home(machine, project))
    menu = page.get_by_role("navigation", name="Project")
    connect(page, menu, double, user, bucket="fragile", name="fragile", prefix="")
    page.get_by_role("button", name=re.compile("auto-copy", re.I)).first.click()

    user.policies = [READ_ONLY]
    late = send(machine, project, "late.txt")
    bar = "Storage “fragile” has failed its check since"
    wait_until(lambda: bar in text_of(page, home(machine, project)), within=90, what="the bar")
    for path in ("files/", "keys/", "activity/"):
        assert bar in text_of(page, home(machine, project) + path)
    assert "1 file is waiting." in text_of(page, home(machine, project))
    page.get_by_role("link", name="Fix it").click()
    expect(page.locator("#main")).to_contain_text("We may not write to")

    user.policies = [allow_all()]
    wait_until(lambda: is_done(page, machine, late, project), within=120, what="the late copy")
    assert bar not in text_of(page, home(machine, project))
    assert "recovered" in text_of(page, home(machine, project) + "activity/")


def test_a_rolled_key_works_twice_until_the_old_one_is_deleted(machine, signed_in):
    page, project = signed_in, machine.create_project("Key shop")
    assert rest(machine, project, project.secret_key) == 200
    page.goto(f"{home(machine, project)}keys/")
    page.get_by_role("link", name="Roll…").click()
    page.get_by_role("button", name="Roll the key").click()
    expect(page.locator("#main")).to_contain_text("You will not see it again")
    new = page.locator("#secret").inner_text().strip()
    assert new != project.secret_key
    assert rest(machine, project, new) == rest(machine, project, project.secret_key) == 200
    page.get_by_role("link", name="I have stored it").click()
    old = page.get_by_role("listitem").filter(has_text="The old secret works until")
    expect(old).to_contain_text("Requests that still use it are counted here: 1.")
    assert new not in page.content()

    old.get_by_role("link", name="Delete…").click()
    label = re.search(r"Delete “(.*)”", page.get_by_role("heading", level=1).inner_text())
    page.get_by_label("label").fill(label[1])
    page.get_by_role("button", name="Delete the key").click()
    page.get_by_role("heading", level=1, name="API keys").wait_for()
    assert rest(machine, project, project.secret_key) == 401
    assert rest(machine, project, new) == 200


def home(machine: Installation, project: Project) -> str:
    return f"{machine.url}/projects/{project.slug}/"


def text_of(page: Page, address: str) -> str:
    page.goto(address)
    return page.locator("#main").inner_text()


def upload(page: Page, menu, folder, name: str, content: bytes) -> str:
    """By the official uploader; the file's UUID."""
    path = folder / name
    path.write_bytes(content)
    menu.get_by_role("link", name="Upload", exact=True).click()
    page.locator("uc-file-uploader-regular").get_by_role("button").first.click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="From device").click()
    chooser.value.set_files(path)
    link = page.get_by_label("Uploaded files").get_by_role("link", name=name)
    link.wait_for()
    address = link.get_attribute("href") or ""
    page.reload()  # away with the uploader's dialog
    return address.rstrip("/").rpartition("/")[2]


def connect(
    page: Page, menu, double: S3Double, user: User, *, bucket: str, name: str, prefix: str
) -> None:
    menu.get_by_role("link", name="Custom storage").click()
    page.get_by_role("link", name="Connect S3 bucket").first.click()
    page.get_by_role("radio", name="Other S3").check()
    page.get_by_label("Endpoint").fill(double.endpoint_url)
    page.get_by_label("Storage name").fill(name)
    page.get_by_label("Region").fill("us-east-1")
    page.get_by_label("Bucket", exact=True).fill(bucket)
    page.get_by_label("Prefix").fill(prefix)
    go_on(page, "What for")
    page.get_by_label("Backup").check()
    page.get_by_label("Restore").check()
    go_on(page, "Access")
    page.get_by_label("Access key id").fill(user.access_key_id)
    page.get_by_label("Secret access key").fill(user.secret_access_key)
    go_on(page, "Bucket policy / ACL checklist")
    go_on(page, "Test and finish")
    page.get_by_role("button", name="Connect", exact=True).click()
    page.get_by_role("heading", name=f"“{name}” is connected.").wait_for()


def go_on(page: Page, title: str) -> None:
    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", level=1, name=title).wait_for()


def is_done(
    page: Page, machine: Installation, file_uuid: str, project: Project | None = None
) -> bool:
    slug = project.slug if project else "harbour-shop"
    page.goto(f"{machine.url}/projects/{slug}/files/{file_uuid}/")
    row = page.get_by_role("listitem").filter(has_text="s3://")
    return bool(row.count()) and "Done" in row.first.inner_text()


def send(machine: Installation, project: Project, name: str) -> str:
    answer = requests.post(
        f"{machine.url}/base/",
        data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
        files={"file": (name, b"meow")},
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json()["file"])


def rest(machine: Installation, project: Project, secret: str) -> int:
    answer = requests.get(
        f"{machine.url}/project/",
        headers={
            "Accept": "application/vnd.uploadcare-v0.7+json",
            "Authorization": f"Uploadcare.Simple {project.public_key}:{secret}",
        },
        timeout=10,
    )
    return answer.status_code


def status_of(machine: Installation, file_uuid: str) -> int:
    return requests.get(f"{machine.files_url}/{file_uuid}/", timeout=10).status_code
