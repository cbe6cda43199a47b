"""The docs in a real browser: as a stranger, in both themes, on a phone."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from storages_app.dashboard import handbook
from tests.rig.installation import Installation

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(180)]

PAGES = (
    "",
    "checks",
    "checks/write",
    "checks/bpa",
    "errors",
    "operations",
    "operations/crop",
    "providers/aws",
    "storage-selftest",
)


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the docs of a running installation are; nobody is signed in."""
    running = Installation(tmp_path_factory.mktemp("docs"))
    try:
        running.prepare()
        running.start_web()
        yield f"{running.url}/docs/"
    finally:
        running.stop()


@pytest.fixture
def said(page: Page) -> list[str]:
    """What the browser complains of: errors of scripts, and what the content policy refused."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
    return complaints


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_barrier_that_axe_knows(docs, page, said, theme):
    page.emulate_media(color_scheme=theme)
    found = {}
    for path in PAGES:
        page.goto(docs + (f"{path}/" if path else ""))
        results = Axe().run(page).response["violations"]
        found[path] = [(rule["id"], rule["nodes"][0]["html"]) for rule in results]
    assert {path: rules for path, rules in found.items() if rules} == {}
    assert said == []


def test_every_page_fits_a_phone(docs, page, said):
    page.set_viewport_size({"width": 320, "height": 640})
    too_wide = []
    for path in handbook.sources():
        page.goto(docs + (f"{path}/" if path else ""))
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 320:
            too_wide.append((path, width))
    assert too_wide == []
    assert said == []


def test_a_link_of_a_row_leads_to_the_entry_of_its_code(docs, page):
    page.goto(f"{docs}checks/write/#quotaexceeded")
    heading = page.get_by_role("heading", name="The account is full")
    height_of_bar = page.locator(".topbar").bounding_box()["height"]
    assert height_of_bar <= heading.bounding_box()["y"] < page.viewport_size["height"] / 2


def test_a_line_of_code_is_copied_with_its_button(docs, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{docs}checks/write/")
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("echo test | aws s3 cp")


def test_requests_can_be_tried_where_somebody_asks_for_it(docs, page, said):
    """Half a megabyte of Swagger UI, from this host, at the call that was chosen."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(docs.replace("/docs/", "/api/docs/"))
    assert not any("swagger" in address for address in asked)
    page.get_by_role("link", name="/api/v1/custom_storages/{storage_id}/proof/").click()
    call = page.locator(".opblock.is-open")
    call.wait_for()
    expect(call).to_contain_text("/api/v1/custom_storages/{storage_id}/proof/")
    expect(page.locator("#reference-list")).to_be_hidden()
    hosts = {address.split("/")[2] for address in asked if not address.startswith("data:")}
    assert hosts == {docs.split("/")[2]}
    assert said == []


def test_the_list_of_calls_stays_where_swagger_ui_does_not_come(docs, page):
    page.route("**/swagger-ui-bundle*.js", lambda route: route.abort())
    page.goto(docs.replace("/docs/", "/api/docs/"))
    page.get_by_role("button", name="Try requests…").click()
    page.get_by_text("did not load").wait_for()
    expect(page.locator("#reference-list")).to_be_visible()
    expect(page.get_by_role("button", name="Try requests…")).to_be_enabled()
