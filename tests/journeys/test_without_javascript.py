"""The product in a browser that runs no script: forms, links, and “Reload to see the newest state”.

The wizard, the connection test and the upload page have such journeys beside their others.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.every_page import sign_in
from tests.rig.installation import Installation, Project

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(180)]


@pytest.fixture
def plain(chromium: Browser, installation: Installation) -> Iterator[Page]:
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(20_000)
    page = context.new_page()
    sign_in(page, installation)
    yield page
    context.close()


def reload_until(page: Page, text: str) -> None:
    for _ in range(100):
        if text in page.locator("main").inner_text():
            return
        page.wait_for_timeout(300)
        reload = page.get_by_role("link", name="Reload to see the newest state").first
        if reload.count():
            reload.click()
    raise AssertionError(f"“{text}” never came")


def test_sign_in_list_upload_copy_and_the_end_of_a_job(plain, installation, project: Project):
    page = plain
    installation.connect_bucket(project, name="photos")
    page.goto(f"{installation.url}/projects/")
    page.get_by_role("link", name=project.name).first.click()
    page.get_by_role("link", name="Upload", exact=True).first.click()
    notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"some notes"}
    page.locator("input[type=file]").first.set_input_files([notes])
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_role("link", name="Files", exact=True).first.click()
    expect(page.get_by_role("link", name="notes.txt").first).to_be_visible()

    page.get_by_role("link", name="Copy all to…").click()
    page.get_by_label("Dry run first").uncheck()
    page.get_by_role("button", name="Count and copy").click()
    reload_until(page, "Done. 1 file copied")
    page.get_by_role("link", name="Jobs", exact=True).first.click()
    expect(page.locator("main")).to_contain_text("Done")


def test_menus_and_the_list_of_keys_open(plain, installation, project: Project):
    """They are the browser's own."""
    page = plain
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(f"{installation.url}/projects/{project.slug}/")
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("navigation", name="Project").get_by_role("link", name="Files").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Files")
    page.get_by_role("button", name="Account", exact=True).click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Account", exact=True).click()
    page.get_by_role("button", name="Keys…").click()
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
