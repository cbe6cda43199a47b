"""An owner invites; a viewer joins from the link in a browser, looks, and changes nothing."""

from urllib.parse import urlsplit

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.journeys.every_page import sign_in
from tests.rig.installation import Installation, Project

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(180)]

GUEST = "guest@example.com"
PASSWORD = "a viewer's long password"
# What would change something, by its address below the project's.
CHANGES = (
    "team/invite/",
    "keys/new/",
    "settings/",
    "settings/pause/",
    "settings/delete/",
    "settings/uploads/",
    "upload/fetch/",
    "files/selection/",
    "storages/connect/",
    "backup/run/",
)


@pytest.fixture
def guest_page(chromium: Browser):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def test_an_invited_viewer_joins_looks_and_changes_nothing(
    installation: Installation, project: Project, page: Page, guest_page: Page
):
    home = f"{installation.url}/projects/{project.slug}/"
    upload(installation, project, "harbour.txt")
    link = invite(page, home, installation)

    complaints: list[str] = []
    for tab in (page, guest_page):
        tab.on("console", lambda said: complaints.append(said.text) if said.type == "error" else "")
    guest_page.goto(link)
    assert Axe().run(guest_page).response["violations"] == []
    guest_page.get_by_label("Your name").fill("Guest")
    guest_page.get_by_label("Password", exact=True).fill(PASSWORD)
    guest_page.get_by_role("button", name="Make an account and join").click()
    guest_page.wait_for_url(home)
    expect(guest_page.get_by_role("status").first).to_contain_text("Welcome to")

    guest_page.get_by_role("link", name="Files", exact=True).click()
    expect(guest_page.get_by_role("main")).to_contain_text("harbour.txt")
    guest_page.get_by_role("link", name="Team").click()
    expect(guest_page.get_by_role("main")).to_contain_text("You are viewer")
    expect(guest_page.get_by_role("link", name="Invite…")).to_have_count(0)
    assert Axe().run(guest_page).response["violations"] == []
    guest_page.get_by_role("link", name="Settings", exact=True).click()
    for words in ("Save the name", "Pause uploads", "Delete project…"):
        expect(guest_page.get_by_text(words)).to_have_count(0)
    assert complaints == []
    assert refusals_of(guest_page, home) == {403}

    remove_guest(page, home)
    answer = guest_page.goto(home)
    assert answer
    assert answer.status == 404


def upload(installation: Installation, project: Project, name: str) -> None:
    requests.post(
        f"{installation.url}/base/",
        data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
        files={"file": (name, b"a harbour")},
        timeout=30,
    ).raise_for_status()


def invite(page: Page, home: str, installation: Installation) -> str:
    """This installation has no mail server, so the page shows the link, once."""
    sign_in(page, installation)
    page.goto(f"{home}team/")
    page.get_by_role("link", name="Invite…").click()
    page.get_by_label("Email").fill(GUEST)
    page.get_by_label("Viewer:").check()
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name="Send the invitation").click()
    link = page.locator("#secret").text_content()
    assert link
    assert urlsplit(link).path.startswith("/invitations/")
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("main")).to_contain_text(GUEST)
    return link


def refusals_of(page: Page, home: str) -> set[int]:
    """Statuses of all changes, sent with the viewer's own cookies and token."""
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    token = next(value for name, value in cookies.items() if name.endswith("csrf"))
    headers = {"X-CSRFToken": token, "Referer": home}
    return {
        page.context.request.post(f"{home}{change}", form={"name": "mine"}, headers=headers).status
        for change in CHANGES
    }


def remove_guest(page: Page, home: str) -> None:
    page.goto(f"{home}team/")
    page.get_by_role("link", name=f"Change… {GUEST}").click()
    page.get_by_role("button", name="Remove this member").click()
    expect(page.get_by_role("status").first).to_contain_text("is no member of this project")
