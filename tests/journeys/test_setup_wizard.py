"""The whole wizard in a real browser, with a strict S3 in Amazon's place."""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.rig.installation import OPERATOR_EMAIL, Installation, Project
from tests.s3double import Account, Bucket, S3Double, User, allow_all

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(240)]

STEPS = ("What for", "Access", "Bucket policy / ACL checklist", "Test and finish")
MAX_TABS = 80
REGION = "eu-central-1"


@pytest.fixture(scope="module")
def double() -> Iterator[S3Double]:
    with S3Double() as running:
        yield running


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, double: S3Double) -> Iterator[Installation]:
    """Web and worker with an AWS identity, whose Amazon is the strict S3."""
    operator = double.add_user("ucdash", account="999900001111", policies=[allow_all()])
    host, port = double.host_and_port
    running = Installation(
        tmp_path_factory.mktemp("wizard"),
        UCDASH_AWS_PRINCIPAL_ARN=operator.arn,
        UCDASH_AWS_ACCESS_KEY_ID=operator.access_key_id,
        UCDASH_AWS_SECRET_ACCESS_KEY=operator.secret_access_key,
        UCDASH_AWS_S3_URL=double.endpoint_url,
        UCDASH_AWS_STS_URL=double.sts_url,
        UCDASH_ALLOWED_PRIVATE_HOSTS=f"{host}:{port}",
    )
    try:
        running.prepare()
        running.start_web()
        running.start_worker()
        yield running
    finally:
        running.stop()


@dataclass
class World:
    """An owner's account at Amazon with one bucket, and a page that is signed in."""

    machine: Installation
    double: S3Double
    project: Project
    page: Page
    owner: Account
    bucket: Bucket
    user: User
    name: str = field(default_factory=lambda: f"acme-{uuid.uuid4().hex[:8]}")

    @property
    def connect_url(self) -> str:
        return f"{self.machine.url}/projects/{self.project.slug}/storages/connect/"

    def draft(self, name: str, *, secret: str = "", **fields: object) -> str:
        """A draft that lacks nothing but its test; the address of its last step."""
        values = {
            "name": name,
            "provider": "aws",
            "region": REGION,
            "bucket": self.bucket.name,
            "prefix": "up/",
            "access_key_id": self.user.access_key_id,
            "secret": secret or self.user.secret_access_key,
        } | fields
        code = (
            "from storages_app.custom_storages import services\n"
            "from storages_app.models import Project\n"
            f"project = Project.objects.get(slug={self.project.slug!r})\n"
            f"row = services.create_draft(project=project, actor='a test', **{values!r})\n"
            "services.reach_step(custom_storage=row, step=5)\n"
            "str(row.pk)"
        )
        pk = self.machine.shell_json(code)
        return f"{self.machine.url}/projects/{self.project.slug}/storages/{pk}/setup/test/"


@pytest.fixture
def world(machine: Installation, double: S3Double, page: Page) -> World:
    sign_in(page, machine)
    owner = double.add_account("111122223333")
    bucket = double.add_bucket(f"acme-{uuid.uuid4().hex[:8]}", account=owner, region=REGION)
    user = double.add_user(f"user-{uuid.uuid4().hex[:8]}", account=owner, policies=[allow_all()])
    return World(machine, double, machine.create_project(), page, owner, bucket, user)


def sign_in(page: Page, machine: Installation) -> None:
    page.goto(f"{machine.url}/accounts/login/")
    page.get_by_label("Email").fill(OPERATOR_EMAIL)
    page.get_by_label("Password", exact=True).fill(machine.operator_password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/projects/**")


class Keyboard:
    """Somebody without a mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def go_to(self, wanted: Locator) -> None:
        """Tab until it has the focus, and see that it shows so."""
        for _ in range(MAX_TABS):
            if wanted.evaluate("element => element === document.activeElement"):
                assert wanted.evaluate("element => element.matches(':focus-visible')")
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{wanted} cannot be reached by {MAX_TABS} tabs")

    def press(self, name: str | re.Pattern[str]) -> None:
        self.go_to(self.page.get_by_role("button", name=name, exact=isinstance(name, str)))
        self.page.keyboard.press("Enter")

    def write(self, label: str, text: str) -> None:
        self.go_to(self.page.get_by_label(label, exact=True))
        self.page.keyboard.type(text)

    def arrive(self, title: str) -> None:
        """The next step is there, and its heading has the focus."""
        heading = self.page.get_by_role("heading", level=1, name=title)
        heading.wait_for()
        expect(heading).to_be_focused()
        number = STEPS.index(title) + 2
        expect(self.page).to_have_title(re.compile(f"step {number} of 5"))

    def where_and_uses(self, world: World) -> None:
        self.page.goto(world.connect_url)
        self.write("Storage name", "photos")
        self.write("Bucket", world.bucket.name)
        self.write("Prefix optional", "up")
        self.page.keyboard.press("Enter")  # as people do at the end of a form
        self.arrive("What for")
        self.go_to(self.page.get_by_label("Remove copies"))
        self.page.keyboard.press("Space")
        expect(self.page.locator("#rights")).to_contain_text("s3:DeleteObject")
        expect(self.page.get_by_label("Remove copies")).to_be_focused()
        self.press("Next")
        self.arrive("Access")

    def finish(self) -> None:
        self.arrive("Bucket policy / ACL checklist")
        expect(self.page.locator("#checklist")).to_contain_text("Block Public Access: 4 of 4 on")
        self.press("Next")
        self.arrive("Test and finish")
        expect(self.page.locator("#test")).to_contain_text(
            re.compile("Ready to connect|Works, with")
        )
        self.press("Connect")
        heading = self.page.get_by_role("heading", level=1, name="“photos” is connected.")
        expect(heading).to_be_visible()


def grant_of(page: Page, title: str) -> dict[str, object]:
    """A policy as the page shows it, for whoever puts it in place at the provider."""
    found = page.locator(f'pre[aria-label="{title}"]').first
    policy: dict[str, object] = json.loads(found.text_content() or "")
    return policy


def test_a_service_that_is_chosen_before_the_scripts_came_shows_its_fields(world):
    """On a slow line somebody is quicker than htmx."""
    page = world.page
    script = re.compile(r"/htmx[^/]*\.js")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(script, hold)
    with page.expect_request(script):
        page.goto(world.connect_url, wait_until="commit")
    page.get_by_role("radio", name="Other S3").check()
    expect(page.get_by_label("Endpoint")).to_be_hidden()
    for route in held:
        route.continue_()
    expect(page.get_by_label("Endpoint")).to_be_visible()
    expect(page.get_by_role("radio", name="Other S3")).to_be_checked()


class TestByKeyboard:
    def test_with_an_access_key_that_has_the_rights_of_the_page(self, world):
        page, keyboard = world.page, Keyboard(world.page)
        keyboard.where_and_uses(world)
        world.user.policies = [grant_of(page, "Policy of the access key's user")]
        keyboard.write("Access key id", world.user.access_key_id)
        keyboard.write("Secret access key", world.user.secret_access_key)
        keyboard.press("Next")
        keyboard.finish()
        assert world.user.secret_access_key not in page.content()

    def test_with_a_role_that_a_colleague_makes_and_reports(self, world, chromium):
        page, keyboard = world.page, Keyboard(world.page)
        keyboard.where_and_uses(world)
        keyboard.press(re.compile("^IAM role"))
        expect(page.get_by_role("button", name=re.compile("^IAM role"))).to_have_attribute(
            "aria-pressed", "true"
        )
        keyboard.press("Send to a colleague…")
        link = page.locator("#link").inner_text()
        keyboard.go_to(page.get_by_role("link", name="Back to step 3"))
        page.keyboard.press("Enter")
        expect(page.locator("#hand-off")).to_be_focused()

        colleague = Keyboard(chromium.new_context().new_page())
        colleague.page.goto(link)
        role = world.double.add_role(
            f"role-{uuid.uuid4().hex[:8]}",
            account=world.owner,
            trust=grant_of(colleague.page, "Trust policy of the role"),
            policies=[grant_of(colleague.page, "Policy of the role")],
        )
        colleague.write("Role ARN", role.arn)
        colleague.press("Report the role")
        expect(colleague.page.locator("#reported")).to_contain_text("Role ARN received")
        colleague.page.context.close()

        page.reload()
        expect(page.get_by_label("Role ARN", exact=True)).to_have_value(role.arn)
        expect(page.locator("#main").get_by_text("Role ARN received")).to_be_visible()
        keyboard.press("Next")
        keyboard.finish()

    def test_with_a_bucket_policy_after_ownership_was_proved(self, world):
        page, keyboard = world.page, Keyboard(world.page)
        keyboard.where_and_uses(world)
        keyboard.press(re.compile("^Bucket policy for our principal"))
        world.bucket.policy = grant_of(page, "Bucket policy")
        keyboard.press("Check")
        expect(page.locator("#proof .note")).to_be_visible()
        nonce = page.locator("#nonce").text_content() or ""
        client = world.double.client(world.owner, region=REGION)
        client.put_object(Bucket=world.bucket.name, Key="up/.ucdash-proof", Body=nonce.encode())
        client.close()
        keyboard.press("Check")
        expect(page.locator("#proof")).to_contain_text("Ownership is proved.")
        keyboard.press("Next")
        keyboard.finish()


def fill_where(page: Page, world: World) -> None:
    page.goto(world.connect_url)
    page.get_by_label("Storage name").fill("photos")
    page.get_by_label("Bucket", exact=True).fill(world.bucket.name)


def go_on(page: Page, title: str) -> None:
    page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_role("heading", level=1, name=title).wait_for()


def test_who_leaves_at_step_3_comes_back_to_it_with_the_same_external_id(world):
    page = world.page
    fill_where(page, world)
    go_on(page, "What for")
    page.get_by_label("Restore").check()
    go_on(page, "Access")
    page.get_by_role("button", name=re.compile("^IAM role")).click()
    external_id = page.locator("#external-id").inner_text()

    page.goto(f"{world.machine.url}/projects/{world.project.slug}/storages/")
    expect(page.get_by_text("step 3 of 5")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Continue")).click()
    expect(page.locator("#external-id")).to_have_text(external_id)
    page.get_by_role("link", name=re.compile("What for$")).click()
    expect(page.get_by_label("Restore")).to_be_checked()
    page.get_by_role("link", name=re.compile("Where$")).click()
    expect(page.get_by_label("Bucket", exact=True)).to_have_value(world.bucket.name)
    page.go_back()
    expect(page.get_by_label("Restore")).to_be_checked()
    page.go_forward()
    page.reload()
    expect(page.get_by_label("Storage name")).to_have_value("photos")


def test_a_pasted_address_is_read_when_its_field_is_left_and_not_while_typing(world):
    page = world.page
    fill_where(page, world)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    field = page.get_by_label("Bucket", exact=True)
    field.clear()
    field.press_sequentially(f"https://{world.bucket.name}.s3.{REGION}.amazonaws.com/up/")
    assert [one for one in asked if one.startswith("POST")] == []
    page.get_by_label("Prefix").focus()
    expect(page.locator("#reading")).to_contain_text("That address has the bucket in it.")
    expect(page.get_by_label("Prefix")).to_be_focused()
    page.get_by_role("button", name="Use this").click()
    expect(page.get_by_label("Bucket", exact=True)).to_have_value(world.bucket.name)
    expect(page.get_by_label("Prefix")).to_have_value("up/")
    expect(page.get_by_label("Region")).to_have_value(REGION)


def test_a_switch_of_the_service_shows_its_fields_and_keeps_what_was_typed(world):
    page = world.page
    fill_where(page, world)
    page.get_by_role("radio", name=re.compile("^MinIO")).check()
    expect(page.get_by_label("Endpoint")).to_be_visible()
    expect(page.get_by_label("Storage name")).to_have_value("photos")
    expect(page.get_by_text("Good to know about MinIO")).to_be_visible()


def test_a_policy_is_merged_beside_a_secret_that_stays_typed(world):
    page = world.page
    page.goto(world.draft("merged", public_mode="policy").replace("/test/", "/access/"))
    page.get_by_label("Secret access key").fill("typed-but-not-sent")
    page.locator("#policy").fill(json.dumps({"Version": "2012-10-17", "Statement": []}))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    page.get_by_role("button", name="Put both together").click()
    expect(page.get_by_role("heading", name="The difference")).to_be_visible()
    expect(page.get_by_label("Secret access key")).to_have_value("typed-but-not-sent")
    assert not any("typed-but-not-sent" in data for data in sent)
    grant = grant_of(page, "Bucket policy")
    assert [each["Sid"] for each in grant["Statement"]] == ["PublicRead"]


def test_six_troubles_have_six_titles_and_six_fixes(world):
    page, user = world.page, world.user
    no_write = world.double.add_user(
        f"reader-{user.name}",
        account=world.owner,
        policies=[allow_all(["s3:List*", "s3:Get*"])],
    )
    keys = {"access_key_id": no_write.access_key_id, "secret": no_write.secret_access_key}
    drafts = [
        world.draft("unknown-key", access_key_id="AKIAIOSFODNN7EXAMPLE"),
        world.draft("wrong-secret", secret="not-the-secret-of-this-key"),
        world.draft("no-bucket", bucket="there-is-no-such-bucket"),
        world.draft("no-write", **keys),
        world.draft("acls-off", public_mode="acl"),
        world.draft("no-host", provider="other", endpoint_url="https://nowhere.invalid"),
    ]
    told = []
    for draft in drafts:
        page.goto(draft)
        expect(page.locator("#test")).to_contain_text("Not connected yet.")
        row = page.locator("#test [data-state=failed]").first
        title = row.locator(".said p").first.inner_text()
        fix = row.locator(".steps").first.inner_text()
        told.append((title, fix))
        expect(page.get_by_role("button", name="Connect", exact=True)).to_have_count(0)
        expect(page.get_by_role("button", name="Save as draft")).to_be_visible()
    assert len({title for title, _ in told}) == len(drafts), told
    assert len({fix for _, fix in told}) == len(drafts), told


def test_a_bucket_mended_behind_its_back_can_be_connected_without_another_click(world):
    page = world.page
    world.user.policies = [allow_all(["s3:List*", "s3:Get*"])]
    page.goto(world.draft("mended"))
    expect(page.locator("#test")).to_contain_text("Not connected yet.")
    expect(page.locator("#finish")).to_contain_text("A required check fails")
    world.user.policies = [allow_all()]
    expect(page.locator("#test h2").first).to_contain_text("Ready to connect.", timeout=40_000)
    expect(page.get_by_role("button", name="Connect", exact=True)).to_be_visible()


def test_a_key_that_may_only_write_can_be_connected_and_the_page_says_what_it_cannot(world):
    page = world.page
    only_put = allow_all("s3:PutObject", f"arn:aws:s3:::{world.bucket.name}/up/*")
    world.user.policies = [only_put]
    page.goto(world.draft("only-put", uses=["copies"]))
    expect(page.locator("#test")).to_contain_text("Works, with limits. Copies go through;")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("“only-put” is connected.")


def test_without_scripts_the_whole_wizard_works(world, chromium: Browser):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, world.machine)
    fill_where(page, world)
    page.get_by_role("radio", name=re.compile("^Backblaze")).check()
    page.get_by_role("button", name="Show the fields of this service").click()
    expect(page.get_by_text("Good to know about Backblaze B2")).to_be_visible()
    page.get_by_role("radio", name=re.compile("^Amazon")).check()
    go_on(page, "What for")
    page.get_by_label("Restore").check()
    page.get_by_role("button", name="Show the rights for these ticks").click()
    expect(page.get_by_label("Restore")).to_be_checked()
    go_on(page, "Access")
    page.get_by_role("radio", name="Terraform").check(force=True)
    expect(page.locator("pre[aria-label='Configuration']")).to_be_visible()
    page.get_by_label("Access key id").fill(world.user.access_key_id)
    page.get_by_label("Secret access key").fill(world.user.secret_access_key)
    go_on(page, "Bucket policy / ACL checklist")
    page.get_by_role("button", name="Read the bucket").click()
    reload_until(page, "Block Public Access: 4 of 4 on")
    go_on(page, "Test and finish")
    page.get_by_role("button", name="Run the test").first.click()
    reload_until(page, "Ready to connect.")
    page.goto(re.sub(r"/(tests/\d+|setup/test)/.*", "/setup/test/", page.url))
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("“photos” is connected.")
    context.close()


def reload_until(page: Page, text: str) -> None:
    """As somebody does who reads “Reload to see the newest state”."""
    for _ in range(100):
        if text in page.locator("main").inner_text():
            return
        page.wait_for_timeout(200)
        page.goto(page.url.partition("#")[0])
    raise AssertionError(f"“{text}” never came")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_step_has_a_barrier_that_axe_knows(theme, world):
    page = world.page
    page.emulate_media(color_scheme=theme)
    test_url = world.draft("seen-by-axe", uses=["copies", "public_links"], public_mode="policy")
    base = test_url.removesuffix("test/")
    page.goto(test_url)
    expect(page.locator("#test")).to_contain_text("Not connected yet.")
    seen = {"test": violations(page)}
    for step in ("where", "uses", "access", "bucket"):
        page.goto(f"{base}{step}/")
        if step == "bucket":
            expect(page.locator("#checklist")).to_contain_text("Block Public Access: 4 of 4 on")
        seen[step] = violations(page)
    page.goto(world.connect_url)
    page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_role("alert").wait_for()
    seen["error"] = violations(page)
    for way in ("IAM role", "Bucket policy for our principal"):
        page.goto(f"{base}access/")
        choice = page.get_by_role("button", name=re.compile(f"^{way}"))
        choice.click()
        expect(choice).to_have_attribute("aria-pressed", "true")
        seen[way] = violations(page)
    page.locator("#policy").fill('{"Statement": []}')
    page.get_by_role("button", name="Put both together").click()
    page.get_by_role("heading", name="The difference").wait_for()
    seen["merged"] = violations(page)
    page.get_by_role("button", name="Send to a colleague…").click()
    link = page.locator("#link").inner_text()
    seen["handed off"] = violations(page)
    page.goto(link)
    seen["hand-off"] = violations(page)
    assert {name: found for name, found in seen.items() if found} == {}


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


@pytest.mark.parametrize("width", [1280, 320])
def test_no_step_is_wider_than_its_window(width, world):
    page = world.page
    page.set_viewport_size({"width": width, "height": 800})
    base = world.draft("narrow", public_mode="policy").removesuffix("test/")
    for step in ("where", "uses", "access", "bucket", "test"):
        page.goto(f"{base}{step}/")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, step
