"""Lists in a real browser: other pages and views come in their place.

Where one is then, what is said, and what stands there when they do not come.
"""

import re
import time

import pytest
from playwright.sync_api import Page, Route, expect

from tests.journeys.test_playground import sign_in
from tests.rig.installation import Installation, Project

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(120)]

N_FILES = 60  # a page has 50, and one of the activity 100
FAILED = "The list could not be loaded (code {}). Your filters are kept. Try again"


@pytest.fixture
def lists(installation: Installation, project: Project, page: Page) -> Page:
    """Signed in, with more files, copies and lines of the activity than a page has."""
    installation.shell_json(
        "from datetime import timedelta\n"
        "from django.utils import timezone\n"
        "from storages_app.models import Event, Project\n"
        "from tests.factories import make_copy_job, make_custom_storage, make_file\n"
        f"project = Project.objects.get(slug={project.slug!r})\n"
        "storage = make_custom_storage(project)\n"
        f"for n in range({N_FILES}):\n"
        "    at = timezone.now() - timedelta(minutes=n)\n"
        "    name = f'file-{n:02}.txt'\n"
        "    file = make_file(project, b'', name=name, uploaded_at=at, stored_at=at)\n"
        "    make_copy_job(file, storage, created_at=at)\n"
        "    for _ in range(2):\n"
        "        Event.objects.record('file.stored', project=project, actor='x', subject=name)\n"
        "True"
    )
    sign_in(page, installation)
    return page


def address(installation: Installation, project: Project, path: str) -> str:
    return f"{installation.url}/projects/{project.slug}/{path}"


def rows(page: Page, part: str) -> int:
    return page.locator(f"#{part}").locator("tbody > tr, .rows > li").count()


@pytest.mark.parametrize(
    ("path", "part", "said"),
    [
        ("files/", "list", "10 files on this page"),
        ("activity/", "list", "lines on this page"),
        ("copies/", "copies", "Copies: 10 on this page"),
    ],
)
def test_another_page_comes_in_the_place_of_the_list(
    installation: Installation, project: Project, lists: Page, path: str, part: str, said: str
) -> None:
    page, complaints = lists, []
    page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    page.goto(address(installation, project, path))
    page.evaluate("window.isTheSame = true")
    n_rows = rows(page, part)

    def slowly(route: Route) -> None:
        time.sleep(0.8)
        route.continue_()

    page.route(re.compile(r"[?&]before="), slowly)
    first = page.locator(f"#{part} a[rel=next]")
    first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"#{part} .grey-rows")).to_be_visible()
    expect(page.get_by_role("link", name="← Newer")).to_be_visible()
    expect(page.locator(f"#{part} .grey-rows")).to_be_hidden()
    assert 0 < rows(page, part) < n_rows
    assert page.evaluate("window.isTheSame"), "the page was loaded whole"
    assert "before=" in page.url
    expect(page.locator(f"#{part}")).to_be_focused()
    expect(page.locator(f"#{part}")).to_be_in_viewport()
    region = "#found" if page.locator("#found").count() else "#live"
    expect(page.locator(region)).to_contain_text(said)

    page.go_back()
    expect(page.get_by_role("link", name="Older →")).to_be_visible()
    assert rows(page, part) == n_rows
    assert "before=" not in page.url
    kept = page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
    assert "htmx-history" not in kept
    assert "file-0" not in kept
    assert complaints == []


def test_a_list_that_keeps_itself_new_does_not_take_away_what_is_loaded(
    installation: Installation, project: Project, lists: Page
) -> None:
    """It asks every three seconds, and the other page takes longer."""
    page = lists
    installation.shell_json(
        "from datetime import timedelta\n"
        "from django.utils import timezone\n"
        "from storages_app.models import CustomStorage, Project\n"
        "from tests.factories import make_copy_job, make_file\n"
        f"project = Project.objects.get(slug={project.slug!r})\n"
        "storage = CustomStorage.objects.get(project=project)\n"
        "until = timezone.now() + timedelta(days=9)\n"
        "make_copy_job(make_file(project), storage, state='leased', lease_until=until,"
        " finished_at=None, verified_at=None).pk"
    )
    page.goto(address(installation, project, "copies/"))
    expect(page.locator("#copies")).to_have_attribute("hx-trigger", "every 3s")

    def slowly(route: Route) -> None:
        time.sleep(4)
        route.continue_()

    page.route(re.compile(r"copies/\?.*before="), slowly)
    changed = "UPDATE storages_app_copyjob SET attempts = attempts + 1 WHERE state = 'leased'"
    installation.execute(changed)  # so that what is asked for comes anew
    page.get_by_role("link", name="Older →").click()
    expect(page.get_by_role("link", name="← Newer")).to_be_visible()
    assert rows(page, "copies") == N_FILES + 1 - 50
    expect(page.locator("#copies")).to_be_focused()


def test_the_grid_comes_in_the_place_of_the_table_and_a_filter_keeps_it(
    installation: Installation, project: Project, lists: Page
) -> None:
    page = lists
    page.goto(address(installation, project, "files/"))
    page.evaluate("window.isTheSame = true")
    grid = page.get_by_role("link", name="Grid", exact=True)
    grid.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#list table")).to_have_count(0)
    expect(grid).to_have_attribute("aria-current", "true")
    expect(grid).to_be_focused()
    assert page.url.endswith("?view=grid")
    page.get_by_label("Name or UUID", exact=True).fill("file-07")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#found")).to_have_text("1 file on this page")
    expect(page.locator("#list table")).to_have_count(0)
    assert "view=grid" in page.url
    page.get_by_role("link", name="Table", exact=True).click()
    expect(page.locator("#list tbody > tr")).to_have_count(1)
    page.get_by_role("link", name="Clear the filters").click()
    expect(page.locator("#list tbody > tr")).to_have_count(50)
    assert "view=grid" not in page.url


@pytest.mark.parametrize("path", ["files/", "copies/"])
def test_a_list_that_does_not_come_says_so_at_once_and_can_be_asked_again(
    installation: Installation, project: Project, lists: Page, path: str
) -> None:
    page = lists
    part = {"files/": "list", "copies/": "copies"}[path]
    page.goto(address(installation, project, path))
    page.route(re.compile(r"[?&]before="), lambda route: route.abort())
    page.get_by_role("link", name="Older →").click()
    expect(page.locator(f"#{part}")).to_have_text(FAILED.format("no answer"))
    expect(page.locator("#alert")).to_have_text(FAILED.format("no answer"))
    assert "before=" not in page.url

    page.unroute(re.compile(r"[?&]before="))
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("link", name="← Newer")).to_be_visible()
    assert "before=" in page.url

    of_ours = {"x-uploadcare-request-id": "a-code-of-ours"}
    failing = re.compile(r"[?&]after=")
    page.route(failing, lambda route: route.fulfill(status=500, headers=of_ours, body="no"))
    page.get_by_role("link", name="← Newer").click()
    expect(page.locator(f"#{part}")).to_have_text(FAILED.format("a-code-of-ours"))
    expect(page.locator("#alert")).to_have_text(FAILED.format("a-code-of-ours"))


def test_a_list_that_the_database_does_not_give_is_told_in_the_assertive_region(
    installation: Installation, project: Project, lists: Page
) -> None:
    """The server's own words; the next list that comes takes them away."""
    page = lists
    page.goto(address(installation, project, "files/"))
    installation.execute("ALTER TABLE storages_app_file RENAME TO storages_app_away")
    try:
        page.get_by_role("link", name="Older →").click()
        expect(page.locator("#alert")).to_have_text(
            re.compile(r"^The list could not be loaded \(code \S+\)")
        )
    finally:
        installation.execute("ALTER TABLE storages_app_away RENAME TO storages_app_file")
    expect(page.locator("#found")).to_have_text("The list could not be loaded")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("link", name="file-00.txt")).to_be_visible()
    expect(page.locator("#alert")).to_have_text("")


def test_whoever_was_signed_out_is_led_to_the_sign_in_and_keeps_the_list(
    installation: Installation, project: Project, lists: Page
) -> None:
    page = lists
    page.goto(address(installation, project, "files/"))
    page.context.clear_cookies()
    page.get_by_role("link", name="Older →").click()
    page.wait_for_url("**/accounts/login/**")
    assert "before%3D" in page.url


def test_a_refusal_is_spoken_in_the_assertive_region_and_stays_on_the_page(
    installation: Installation, project: Project, lists: Page
) -> None:
    page = lists
    number = installation.shell_json(
        "from storages_app.models import Project\n"
        "from tests.factories import make_channel\n"
        f"make_channel(Project.objects.get(slug={project.slug!r})).pk"
    )
    page.goto(address(installation, project, f"notifications/{number}/"))
    installation.shell_json(
        "from storages_app.models import NotificationChannel\n"
        f"NotificationChannel.objects.filter(pk={number}).update(is_active=False)"
    )
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#alert")).to_contain_text("This channel is switched off")
    expect(page.locator("#live")).to_have_text("")
    note = page.locator(".notes .note").filter(has_text="This channel is switched off")
    expect(note).to_be_visible()
    page.wait_for_timeout(6_000)  # longer than a word that goes by itself would stay
    expect(note).to_be_visible()
