"""The list of files in a real browser: filtered in its place, with grey rows while it loads."""

import time

import pytest
import requests
from playwright.sync_api import Page, Route, expect

from tests.journeys.test_playground import sign_in
from tests.rig.installation import Installation, Project

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(120)]


def upload(installation: Installation, project: Project, name: str) -> None:
    answer = requests.post(
        f"{installation.url}/base/",
        data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
        files={"file": (name, name.encode())},
        timeout=30,
    )
    assert answer.status_code == 200


def test_a_filter_shows_grey_rows_and_then_what_it_finds(
    installation: Installation, project: Project, page: Page
) -> None:
    for name in ("cat.txt", "dog.txt"):
        upload(installation, project, name)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    sign_in(page, installation)
    page.goto(f"{installation.url}/projects/{project.slug}/files/")
    grey = page.locator(".grey-rows")
    expect(grey).to_be_hidden()

    def slowly(route: Route) -> None:
        time.sleep(1)
        route.continue_()

    page.route("**/files/?*q=cat*", slowly)
    page.get_by_label("Name or UUID", exact=True).fill("cat")
    page.get_by_role("button", name="Find").click()
    expect(grey).to_be_visible()
    expect(page.get_by_role("link", name="dog.txt")).to_have_count(0)
    expect(grey).to_be_hidden()
    expect(page.get_by_role("link", name="cat.txt")).to_be_visible()
    expect(page.locator("#found")).to_have_text("1 file on this page")
    expect(page.get_by_role("button", name="Find")).to_be_focused()
    assert "q=cat" in page.url
    page.get_by_label("Select all files of this page").check()
    expect(page.get_by_text("1 selected", exact=True).first).to_be_visible()

    page.go_back()
    expect(page.get_by_role("link", name="dog.txt")).to_be_visible()
    assert "q=cat" not in page.url
    kept = page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
    assert "cat.txt" not in kept
    assert complaints == []
