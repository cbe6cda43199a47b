"""A copy of 500 files in a real browser, while its storage breaks in the middle and is mended."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.rig.installation import OPERATOR_EMAIL, Installation, Project
from tests.rig.processes import wait_until
from tests.s3double import S3Double, allow_all

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(180)]

N_FILES = 500
READ_ONLY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:List*", "s3:Get*"], "Resource": "*"}],
}
# Each text that the live region has had, kept where the page cannot lose it.
LISTEN = """
window.heard = [];
const says = document.querySelector("#bulk-job-says");
new MutationObserver(() => window.heard.push(says.textContent.trim()))
  .observe(says, {childList: true, characterData: true, subtree: true});
"""


@pytest.fixture(scope="module")
def double() -> Iterator[S3Double]:
    with S3Double() as running:
        yield running


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, double: S3Double) -> Iterator[Installation]:
    """Web and worker; a broken storage is tried again after a second and not after a minute."""
    host, port = double.host_and_port
    running = Installation(
        tmp_path_factory.mktemp("bulk-job"),
        UCDASH_ALLOWED_PRIVATE_HOSTS=f"{host}:{port}",
        UCDASH_TIME_SCALE="0.02",
        UCDASH_POLL_S="1",
    )
    try:
        running.prepare()
        running.start_web()
        running.start_worker()
        yield running
    finally:
        running.stop()


def sign_in(page: Page, machine: Installation) -> None:
    page.goto(f"{machine.url}/accounts/login/")
    page.get_by_label("Email").fill(OPERATOR_EMAIL)
    page.get_by_label("Password", exact=True).fill(machine.operator_password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/projects/**")


def upload(machine: Installation, project: Project) -> int:
    """N_FILES files, each of another size; their bytes together."""

    def upload_one(n: int) -> int:
        content = f"file {n} ".encode() * (n % 100 + 1)
        answer = requests.post(
            f"{machine.url}/base/",
            data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
            files={"file": (f"file-{n}.txt", content)},
            timeout=60,
        )
        answer.raise_for_status()
        return len(content)

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(upload_one, range(N_FILES)))


def test_500_files_arrive_although_the_storage_breaks_in_the_middle(machine, double, page):
    """F39 as people see it: rights are revoked half way through, and given back."""
    project = machine.create_project()
    n_bytes = upload(machine, project)
    user = double.add_user("worker", policies=[allow_all()])
    bucket = double.add_bucket("archive")
    machine.manage(
        *("connect_storage", "--project", project.slug, "--name", "archive"),
        *("--endpoint", double.endpoint_url, "--region", "us-east-1", "--bucket", "archive"),
        *("--access-key-id", user.access_key_id, "--secret-env", "SECRET"),
        SECRET=user.secret_access_key,
    )
    probes = set(bucket.objects)
    sign_in(page, machine)

    page.goto(f"{machine.url}/projects/{project.slug}/files/")
    page.get_by_role("link", name="Copy all to…").click()
    expect(page.get_by_label("Dry run first")).to_be_checked()
    page.get_by_role("button", name="Count and copy").click()
    start = page.get_by_role("button", name="Copy 500 files")
    expect(start).to_be_visible(timeout=30_000)
    expect(page.get_by_text("500 to copy")).to_contain_text("0 already there and the same")
    assert set(bucket.objects) == probes

    double.quirks.delay_s = 0.1
    start.click()
    page.wait_for_url("**/jobs/*/")
    page.evaluate(LISTEN)
    wait_until(lambda: len(bucket.objects) > N_FILES // 5, within=30, what="a part of the copies")
    user.policies = [READ_ONLY]
    job = page.locator("#bulk-job")
    expect(job.get_by_text("Needs attention")).to_be_visible(timeout=30_000)
    expect(job).to_contain_text("Nothing is lost")
    expect(job).to_have_attribute("aria-busy", "true")
    n_before = len(bucket.objects)
    assert n_before < N_FILES

    double.quirks.delay_s = 0
    user.policies = [allow_all()]
    expect(job).to_contain_text("Done. 500 files copied, 0 already there.", timeout=60_000)
    expect(job).not_to_have_attribute("aria-busy", "true")
    expect(page).to_have_title("Done · Copy to archive · " + project.name + " · ucdash")

    objects = {key: found for key, found in bucket.objects.items() if key not in probes}
    assert len(objects) == N_FILES
    assert sum(found.size for found in objects.values()) == n_bytes
    shown = dict(
        zip(
            page.locator("#bulk-job dt").all_inner_texts(),
            page.locator("#bulk-job dd").all_inner_texts(),
            strict=True,
        )
    )
    assert shown == {
        "Copied": "500",
        "There already": "0",
        "Skipped": "0",
        "Failed": "0",
        "Not copied": "0",
    }
    ((counted,),) = machine.query("SELECT n_bytes_ended FROM storages_app_bulkjob")
    assert counted == n_bytes
    heard = page.evaluate("window.heard")
    assert heard[-1] == "Done. 500 files copied, 0 already there."
    assert "Needs attention." in heard
    assert len(heard) <= 10  # quarters and changes, not each poll
    assert machine.count("storages_app_copyjob WHERE state <> 'done'") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_the_pages_fit_and_can_be_used_by_everybody(machine, chromium, scheme, width):
    ((slug, pk),) = machine.query(
        "SELECT p.slug, j.id FROM storages_app_bulkjob j "
        "JOIN storages_app_project p ON p.id = j.project_id ORDER BY j.id LIMIT 1"
    )
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    sign_in(page, machine)
    for path in ("jobs/", "jobs/new/", f"jobs/{pk}/"):
        page.goto(f"{machine.url}/projects/{slug}/{path}")
        page.wait_for_load_state("networkidle")
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{path} is {overflow} px too wide"
        found = Axe().run(page).response["violations"]
        assert found == [], [(one["id"], one["nodes"][0]["html"]) for one in found]
    context.close()
