"""Somebody without a mouse: Tab, Enter, Escape and the arrows, from the sign-in to a dialog."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.rig.installation import OPERATOR_EMAIL, Installation, Project

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(180)]

MAX_TABS = 80
IS_SEEN = """element => {
  const box = element.getBoundingClientRect();
  const there = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return there && (element.contains(there) || there.contains(element));
}"""


class Keyboard:
    """Each stop on the way shows its focus and is not under what sticks (2.4.11)."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def go_to(self, wanted: Locator, *, key: str = "Tab") -> None:
        focused = self.page.locator(":focus")
        for _ in range(MAX_TABS):
            if wanted.evaluate("element => element === document.activeElement"):
                assert wanted.evaluate("element => element.matches(':focus-visible')")
                return
            self.page.keyboard.press(key)
            if focused.count():
                assert focused.evaluate(IS_SEEN), focused.evaluate("element => element.outerHTML")
        raise AssertionError(f"{wanted} cannot be reached by {MAX_TABS} tabs")

    def press(self, wanted: Locator) -> None:
        self.go_to(wanted)
        self.page.keyboard.press("Enter")

    def write(self, label: str, text: str) -> None:
        self.go_to(self.page.get_by_label(label, exact=True))
        self.page.keyboard.type(text)


@pytest.fixture
def keyboard(installation: Installation, page: Page) -> Keyboard:
    """Signed in, and nothing was clicked."""
    page.goto(f"{installation.url}/accounts/login/")
    hands = Keyboard(page)
    hands.write("Email", OPERATOR_EMAIL)
    hands.write("Password", installation.operator_password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/projects/**")
    return hands


def test_the_first_tab_leads_past_the_frame(keyboard, installation, project: Project):
    page = keyboard.page
    page.goto(f"{installation.url}/projects/{project.slug}/files/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_from_the_list_of_projects_to_the_first_step_of_a_bucket(
    keyboard, installation, project: Project
):
    page = keyboard.page
    page.goto(f"{installation.url}/projects/")
    keyboard.press(page.get_by_role("link", name=re.compile(re.escape(project.name))).first)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    keyboard.press(page.get_by_role("link", name="Custom storage", exact=True))
    keyboard.press(page.get_by_role("link", name=re.compile("Connect.*bucket")).first)
    expect(page).to_have_title(re.compile("step 1 of 5", re.IGNORECASE))
    keyboard.press(page.get_by_role("link", name="Files", exact=True))
    expect(page.get_by_role("heading", level=1)).to_have_text("Files")


def test_the_list_of_keys_opens_and_gives_the_focus_back(keyboard, installation, project: Project):
    page = keyboard.page
    page.goto(f"{installation.url}/projects/{project.slug}/files/")
    before = page.get_by_role("link", name="Upload", exact=True).first
    keyboard.go_to(before)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(before).to_be_focused()


def test_a_question_mark_in_a_field_is_a_question_mark(keyboard, installation, project: Project):
    page = keyboard.page
    page.goto(f"{installation.url}/projects/{project.slug}/files/")
    page.keyboard.press("/")
    find = page.locator("[data-search]")
    expect(find).to_be_focused()
    page.keyboard.type("why?/")
    expect(find).to_have_value("why?/")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_single_keys_can_be_turned_off(keyboard, installation, project: Project):
    """WCAG 2.1.4: the account says so by an attribute of the page."""
    page = keyboard.page
    page.goto(f"{installation.url}/projects/{project.slug}/files/")
    page.evaluate("document.body.dataset.noShortcuts = ''")
    page.keyboard.press("?")
    page.keyboard.press("/")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    expect(page.locator("[data-search]")).not_to_be_focused()


def test_the_menu_of_a_phone_opens_and_gives_the_focus_back(
    keyboard, installation, project: Project
):
    page = keyboard.page
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(f"{installation.url}/projects/{project.slug}/")
    button = page.get_by_role("button", name="Menu")
    menu = page.get_by_role("navigation", name="Project")
    keyboard.press(button)
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    keyboard.press(menu.get_by_role("link", name="Files", exact=True))
    expect(page.get_by_role("heading", level=1)).to_have_text("Files")


def test_a_menu_that_somebody_tabs_out_of_does_not_stay_over_the_page(
    keyboard, installation, project: Project
):
    page = keyboard.page
    page.goto(f"{installation.url}/projects/{project.slug}/")
    keyboard.press(page.get_by_role("button", name="Account", exact=True))
    menu = page.locator("#account-menu")
    expect(menu).to_be_visible()
    keyboard.go_to(menu.get_by_role("button", name="Sign out"))
    page.keyboard.press("Tab")
    expect(menu).to_be_hidden()
    assert page.evaluate("document.activeElement !== document.body")
