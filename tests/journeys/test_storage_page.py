"""The storage page in a real browser, while somebody mends or breaks the bucket behind its back."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.rig.installation import OPERATOR_EMAIL, Installation, Project
from tests.s3double import S3Double, User, allow_all

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(180)]

TABS = ("", "copies/", "auto-copy/", "check/", "settings/", "rights/", "use/", "disconnect/")
READ_ONLY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:List*", "s3:Get*"], "Resource": "*"}],
}


@dataclass
class World:
    """One installation, a strict S3 beside it, and a page that is signed in."""

    machine: Installation
    double: S3Double
    project: Project
    page: Page
    user: User

    def connect(self, name: str) -> str:
        """A storage of a bucket of its own, connected or a draft; the address of its page."""
        self.double.add_bucket(name)
        answer = self.machine.arrange(
            *("connect_storage", "--project", self.project.slug, "--name", name),
            *("--endpoint", self.double.endpoint_url, "--region", "us-east-1"),
            *("--bucket", name, "--prefix", "copies/"),
            *("--access-key-id", self.user.access_key_id, "--secret-env", "SECRET"),
            check=False,
            SECRET=self.user.secret_access_key,
        )
        assert "Traceback" not in answer.stderr, answer.stderr
        ((pk,),) = self.machine.query(
            f"SELECT id FROM storages_app_customstorage WHERE name = '{name}'"
        )
        return f"{self.machine.url}/projects/{self.project.slug}/storages/{uuid.UUID(str(pk))}/"

    def row(self, check_id: str, state: str) -> str:
        return f"#check-{check_id}[data-state={state}]"


@pytest.fixture(scope="module")
def double() -> Iterator[S3Double]:
    with S3Double() as running:
        yield running


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, double: S3Double) -> Iterator[Installation]:
    """Web and worker, which may reach the strict S3; no other bucket is needed."""
    host, port = double.host_and_port
    running = Installation(
        tmp_path_factory.mktemp("storage-page"), UCDASH_ALLOWED_PRIVATE_HOSTS=f"{host}:{port}"
    )
    try:
        running.prepare()
        running.start_web()
        running.start_worker()
        yield running
    finally:
        running.stop()


@pytest.fixture
def world(machine: Installation, double: S3Double, page: Page) -> World:
    page.goto(f"{machine.url}/accounts/login/")
    page.get_by_label("Email").fill(OPERATOR_EMAIL)
    page.get_by_label("Password", exact=True).fill(machine.operator_password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/projects/**")
    user = double.add_user(f"user-{uuid.uuid4().hex[:8]}", policies=[allow_all()])
    return World(machine, double, machine.create_project(), page, user)


def test_a_bucket_that_is_mended_behind_its_back_turns_the_page_green(world):
    world.user.policies = [READ_ONLY]
    page = world.page
    page.goto(world.connect("mended"))
    expect(page.locator("#test")).to_contain_text("Not connected yet.")
    expect(page.locator("#watch")).to_contain_text("Checking again every 10 s")
    expect(page.locator(world.row("write", "failed"))).to_contain_text("Do this")
    expect(page.locator(world.row("read", "skipped"))).to_contain_text("Waits for “Write”")
    world.user.policies = [allow_all()]
    expect(page.locator("#test h2")).to_contain_text("Ready to connect.", timeout=40_000)
    expect(page.locator("#live")).to_contain_text("Ready to connect.")
    expect(page.locator("#watch")).to_have_count(0)
    expect(page.locator(world.row("write", "passed"))).to_be_visible()


def test_a_page_that_was_stopped_asks_no_more(world):
    world.user.policies = [READ_ONLY]
    page = world.page
    page.goto(world.connect("stopped"))
    page.get_by_role("link", name="Stop").click()
    expect(page.get_by_role("link", name="Check again every 10 s")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(3_000)
    assert asked == []


def test_one_row_is_run_again_and_the_focus_stays(world):
    world.user.policies = [READ_ONLY]
    page = world.page
    page.goto(world.connect("again"))
    page.get_by_role("link", name="Stop").click()
    expect(page.get_by_role("link", name="Check again every 10 s")).to_be_visible()
    world.user.policies = [allow_all()]
    page.get_by_role("button", name="Run again “Write”").press("Enter")
    expect(page.locator(world.row("write", "passed"))).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "again-write"
    assert world.machine.count("storages_app_connectiontest WHERE again = 'write'") == 1


def test_a_state_that_cannot_be_read_gives_way_to_the_last_known_one(world):
    pk = world.connect("unread").rstrip("/").rpartition("/")[2]
    world.machine.shell_json(
        "from datetime import timedelta\n"
        "from django.utils import timezone\n"
        "from storages_app.models import ConnectionTest\n"
        "until = timezone.now() + timedelta(hours=1)\n"
        f"row = dict(custom_storage_id={pk!r}, asked_by='a test', state='running')\n"
        "ConnectionTest.objects.create(**row, lease_until=until).pk"
    )
    page = world.page
    page.goto(f"{world.machine.url}/projects/{world.project.slug}/storages/")
    state = page.locator(f"#state-{pk}")
    expect(state.get_by_text("Connected", exact=True)).to_be_visible()
    expect(state.get_by_text("checking…")).to_be_visible()
    page.route("**/state/?*", lambda route: route.abort())
    expect(state.get_by_text("Could not read the state. Last known: Connected")).to_be_visible()
    expect(state.get_by_text("checking…")).to_be_hidden()
    page.unroute("**/state/?*")
    expect(state.get_by_text("checking…")).to_be_visible()


def test_new_keys_that_do_not_fit_leave_the_old_ones_in_use(world):
    page = world.page
    storage = world.connect("keys")
    page.goto(f"{storage}settings/")
    page.get_by_label("Secret access key").fill("not-the-secret")
    page.get_by_role("button", name="Save").click()
    sentence = "The new keys failed “Identity”. The old ones are still in use."
    expect(page.locator("#test h2")).to_have_text(sentence)
    page.goto(f"{storage}settings/")
    expect(page.locator("#main")).to_contain_text(sentence)
    expect(page.get_by_label("Secret access key")).to_have_value("")
    page.get_by_label("Secret access key").fill(world.user.secret_access_key + " ")
    page.get_by_label("Access key id").fill(world.user.access_key_id)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#main")).to_contain_text("Saved.")  # they are the ones in use


def test_the_preview_of_a_pattern_follows_the_typing(world):
    page = world.page
    storage = world.connect("patterns")
    page.goto(f"{storage}settings/")
    field = page.get_by_label("Naming pattern")
    field.fill("${foo}")
    preview = page.locator("#pattern-preview")
    expect(preview).to_contain_text("Did you mean ${ext}?")
    field.fill("archive/")
    page.get_by_role("button", name="${yyyy}").click()
    page.keyboard.type("-")
    page.get_by_role("button", name="${uuid}", exact=True).click()
    expect(field).to_have_value("archive/${yyyy}-${uuid}")
    expect(preview).to_contain_text("copies/archive/20")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#main")).to_contain_text("Saved.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_tab_is_accessible(world, scheme):
    page = world.page
    page.emulate_media(color_scheme=scheme)
    green = world.connect(f"tabs-{scheme}")
    world.user.policies = [READ_ONLY]
    red = world.connect(f"red-{scheme}")
    listing = f"{world.machine.url}/projects/{world.project.slug}/storages/"
    addresses = [listing, red, *(f"{green}{tab}" for tab in TABS)]
    for address in addresses:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(address)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{address}\n{found.generate_report()}"
        page.set_viewport_size({"width": 320, "height": 900})
        is_wider = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not is_wider, f"{address} is wider than a small screen"


def test_everything_works_without_a_script(world, chromium):
    storage = world.connect("plain")
    cookies = world.page.context.cookies()
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(storage)
    with page.expect_navigation():
        page.get_by_role("button", name="Run the test").click()
    reload = page.get_by_role("link", name="Reload to see the newest state")
    while reload.count():
        with page.expect_navigation():
            reload.click()
    expect(page.locator("#test h2")).to_contain_text("Connected.")
    page.goto(f"{storage}settings/")
    page.get_by_label("Naming pattern").fill("${yyyy}/${uuid}")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#pattern-preview")).to_contain_text("copies/20")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#main")).to_contain_text("Saved.")
    context.close()
