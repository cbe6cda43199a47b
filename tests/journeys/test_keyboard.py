"""Somebody without a mouse: Tab, Enter, Escape and the arrows, from the sign-in to a dialog."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.keyboard import Keyboard, signed_in
from tests.rig.installation import Installation, Project

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(180)]


@pytest.fixture
def keyboard(installation: Installation, page: Page) -> Keyboard:
    return signed_in(page, installation)


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


@pytest.mark.parametrize(
    ("opener", "inside"),
    [("Switch project", "#projects-menu"), ("Account", "#account-menu")],
)
def test_a_menu_takes_the_focus_and_gives_it_back(
    keyboard, installation, project: Project, opener, inside
):
    page = keyboard.page
    page.goto(f"{installation.url}/projects/{project.slug}/")
    button, menu = page.get_by_role("button", name=opener), page.locator(inside)
    keyboard.press(button)
    expect(menu).to_be_visible()
    page.keyboard.press("Tab")
    expect(menu.locator(":focus")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()


def test_a_dialog_begins_at_its_way_out_and_gives_the_focus_back(keyboard, installation):
    page = keyboard.page
    page.goto(f"{installation.url}/docs/style-guide/")
    button = page.get_by_role("button", name="Open a dialog…")
    dialog = page.get_by_role("dialog", name="A dialog")
    for way_out in ("Escape", "Enter"):
        keyboard.press(button)
        expect(dialog.get_by_role("button", name="Close")).to_be_focused()
        page.keyboard.press(way_out)
        expect(dialog).to_be_hidden()
        expect(button).to_be_focused()


def test_arrows_lead_through_tabs_and_what_they_show_comes_next(
    keyboard, installation, project: Project
):
    page = keyboard.page
    page.goto(f"{installation.url}/projects/{project.slug}/keys/")
    keyboard.choose(page.get_by_role("radio", name="Python"))
    shown = page.locator('section[aria-label="Python"] pre').first
    expect(shown).to_be_visible()
    expect(page.locator('section[aria-label="curl"]')).to_be_hidden()
    keyboard.go_to(shown)


def test_what_is_folded_opens_with_enter_and_is_on_the_way(
    keyboard, installation, project: Project
):
    page = keyboard.page
    page.goto(f"{installation.url}/projects/{project.slug}/files/")
    more = page.get_by_text("More filters")
    keyboard.press(more)
    field = page.locator("details[open] :is(input, select)").first
    keyboard.go_to(field)
    keyboard.go_to(more, key="Shift+Tab")
    page.keyboard.press("Enter")
    expect(field).to_be_hidden()
    expect(more).to_be_focused()


def test_the_row_of_tabs_of_a_storage_goes_along_on_a_phone(
    keyboard, installation, project: Project
):
    """What is open is in sight at once, and what has the focus is in sight whole."""
    page = keyboard.page
    storage = installation.connect_bucket(project, name="photos", prefix="tabs/")
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(f"{installation.url}/projects/{project.slug}/storages/{storage['id']}/use/")
    tabs = page.get_by_role("navigation", name="Storage")
    expect(tabs.get_by_role("link", name="Use it")).to_be_in_viewport(ratio=1)
    for name in ("Health", "Check", "Settings", "Use it"):
        tab = tabs.get_by_role("link", name=name, exact=True)
        keyboard.go_to(tab)
        expect(tab).to_be_in_viewport(ratio=1)
