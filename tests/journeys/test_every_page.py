"""Every page of the product in a browser: in both themes, on a desk, on a phone, and by keyboard.

The list is the URL configuration (`every_state.py`), so a new page is walked from its first day.
Each page is opened once, and what was seen of it is asked by the tests below.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.journeys import every_page, tabbing
from tests.journeys.every_page import Found, Visitors, World

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(900)]

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 320, "height": 700}
MOST_SHIFT = 0.05
# Of Django: its headings and its wide tables are its own, and operators use it at a desk.
STOCK_ADMIN = "admin"
STOCK_STOPS = ("has a ring that is cut off", "has no name")
STOCK_BARRIERS = ("empty-table-header:", "label-title-only:", "label:", "select-name:")
# Meant to be so: what is gone says so on a page, and some addresses have another of their own.
GONE = {
    "nothing-at-this-address",
    "hand_off-gone",
    "invitation-gone",
    "notification_confirm-gone",
    "notification_stop-gone",
}
ELSEWHERE = {
    "home",
    # allauth's, of what is on the page of the account or is not offered
    "account_confirm_email",
    "account_confirm_login_code",
    "account_email",
    "account_email_verification_sent",
    "account_set_password",
    "mfa_download_recovery_codes",
    "mfa_index",
    "mfa_list_webauthn",
    "mfa_login_webauthn",
    "usersessions_list",
    # what leads to one of several pages
    "backup_manifest",
    "backup_settings-empty",
    "setup",
    "upload_group",
}
ALL_RULES = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
SIZE_OF_TARGETS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["target-size"]},
}
# What the theme changes; the rest is the same document.
RULES_OF_COLOUR = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
WATCH = """
  window.seen = {shift: 0, refused: []};
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      if (!entry.hadRecentInput) window.seen.shift += entry.value;
  }).observe({type: "layout-shift", buffered: true});
  document.addEventListener("securitypolicyviolation", (event) =>
    window.seen.refused.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
LOOK = """() => ({
  ...window.seen,
  title: document.title,
  headings: [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
    .filter((heading) => heading.checkVisibility())
    .map((heading) => Number(heading.tagName[1])),
  top: [...document.querySelectorAll(".topbar > :is(a, button)")]
    .filter((one) => one.checkVisibility()).map((one) => one.textContent.trim()),
})"""
WIDER = """() => {
  const edge = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= edge) return [];
  return [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > edge + 1 && one.checkVisibility())
    .map((one) => `${one.tagName}.${one.className}`.slice(0, 60)).slice(0, 5);
}"""

# Of what is not cut off or scrolled in it; the uploader's dialogs are its own.
OUT_OF_CARD = """() => [...document.querySelectorAll(".card")].flatMap((card) => {
  const edge = card.getBoundingClientRect().right + 1;
  const isHeld = (one) => {
    for (let around = one; around !== card; around = around.parentElement)
      if (around.matches("dialog, .sr-only") || getComputedStyle(around).overflowX !== "visible")
        return true;
    return false;
  };
  return [...card.querySelectorAll("*")]
    .filter((one) => one.getBoundingClientRect().right > edge && one.checkVisibility())
    .filter((one) => !isHeld(one))
    .map((one) => `${one.tagName}.${one.className}`.slice(0, 60)).slice(0, 3);
})"""


@dataclass
class Visit:
    """What a browser saw of one page."""

    page: Found
    barriers: dict[str, list[str]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    n_dialogs: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    too_wide: list[str] = field(default_factory=list)
    out_of_card: list[str] = field(default_factory=list)
    by_tab: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    @property
    def is_stock_admin(self) -> bool:
        return self.page.name.startswith(STOCK_ADMIN)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with every_page.seeded(tmp_path_factory.mktemp("every-page")) as running:
        yield running


@pytest.fixture(scope="module")
def visitors(world: World, chromium: Browser) -> Iterator[Visitors]:
    contexts = every_page.visitors(chromium, world)
    yield contexts
    for context in contexts.values():
        context.close()


@pytest.fixture(scope="module")
def answers(world: World, visitors: Visitors) -> list[Found]:
    return every_page.answers_of(world, visitors)


@pytest.fixture(scope="module")
def visits(world: World, visitors: Visitors, answers: list[Found]) -> list[Visit]:
    tabs = {visitor: _new_tab(context) for visitor, context in visitors.items()}
    pages = [answer for answer in answers if not answer.leads_elsewhere]
    return [_visit(tabs[page.visitor], page, world) for page in pages]


def _new_tab(context: BrowserContext) -> Page:
    context.add_init_script(WATCH)
    return context.new_page()


def _visit(tab: Page, page: Found, world: World) -> Visit:
    visit = Visit(page)
    listeners = {
        "console": lambda line: visit.said.append(line.text) if _matters(line) else None,
        "pageerror": lambda error: visit.said.append(str(error)),
        "request": lambda request: visit.asked.append(request.url),
        "dialog": lambda dialog: (_count(visit), dialog.dismiss()),
    }
    for event, listener in listeners.items():
        tab.on(event, listener)  # type: ignore[call-overload]
    tab.set_viewport_size(DESK)
    tab.emulate_media(color_scheme="light")
    tab.goto(world.installation.url + page.path, wait_until="load")
    visit.facts = tab.evaluate(LOOK)
    for event, listener in listeners.items():  # axe brings styles of its own
        tab.remove_listener(event, listener)
    visit.barriers["light"] = _barriers(tab, ALL_RULES)
    tab.emulate_media(color_scheme="dark")
    visit.barriers["dark"] = _barriers(tab, RULES_OF_COLOUR)
    visit.by_tab["desk"] = tabbing.trouble_of(tab)
    tab.set_viewport_size(PHONE)
    visit.too_wide = tab.evaluate(WIDER)
    visit.out_of_card = tab.evaluate(OUT_OF_CARD)
    if not visit.is_stock_admin:
        visit.barriers["phone"] = _barriers(tab, SIZE_OF_TARGETS)
        if "-" not in page.name:  # one state of each page: only the room is another
            visit.by_tab["phone"] = tabbing.trouble_of(tab)
    return visit


def _matters(line: Any) -> bool:
    """A page that says 404 is told as an error by the browser."""
    return line.type in {"error", "warning"} and "status of 404" not in line.text


def _count(visit: Visit) -> None:
    visit.n_dialogs += 1


def _barriers(tab: Page, rules: dict[str, Any]) -> list[str]:
    return [
        f"{violation['id']}: {node['html'][:160]} ({node['failureSummary'][:160]})"
        for violation in Axe().run(tab, None, rules).response["violations"]
        for node in violation["nodes"][:3]
    ]


def _told(trouble: dict[str, object]) -> str:
    return "\n".join(f"{name}: {what}" for name, what in trouble.items())


def test_every_route_is_walked(world):
    """A new route whose arguments nobody knows gets a line in `every_state.py`."""
    assert world.unknown == []


def test_every_page_is_there(answers):
    """Else what is asked below would be asked of a page that says 404, or of none."""
    refused = {answer.name: (answer.status, answer.path) for answer in answers if answer.is_refused}
    assert dict.fromkeys(GONE, 404) == {name: status for name, (status, _) in refused.items()}
    elsewhere = {answer.name: answer.path for answer in answers if answer.leads_elsewhere}
    assert set(elsewhere) == ELSEWHERE, _told(elsewhere)
    assert len(answers) > 100


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_no_page_has_a_barrier_that_axe_knows(visits, look):
    """All in light, colours in dark, and on a phone the size of what a finger aims at (2.5.8)."""
    barriers = {
        visit.page.name: found
        for visit in visits
        if (
            found := [
                barrier
                for barrier in visit.barriers.get(look, ())
                if not (visit.is_stock_admin and barrier.startswith(STOCK_BARRIERS))
            ]
        )
    }
    assert not barriers, _told(barriers)


@pytest.mark.parametrize("screen", ["desk", "phone"])
def test_every_page_can_be_gone_through_by_tab(visits, screen):
    """All of it, what can be unfolded too; `tabbing.py` tells what is asked of each stop."""
    trouble: dict[str, object] = {
        f"{visit.page.name}, a stop {what}": stops[:3]
        for visit in visits
        for what, stops in visit.by_tab.get(screen, {}).items()
        if not (visit.is_stock_admin and what in STOCK_STOPS)
    }
    assert not trouble, _told(trouble)


def test_no_page_makes_the_browser_complain(visits):
    """Console errors, reports of the content security policy (S079), dialogs of names (S072)."""
    said = {visit.page.name: visit.said for visit in visits if visit.said}
    refused = {
        visit.page.name: visit.facts["refused"] for visit in visits if visit.facts["refused"]
    }
    assert not said | refused, _told(said | refused)
    assert sum(visit.n_dialogs for visit in visits) == 0


def test_no_page_asks_another_host(visits, world):
    own = (world.installation.url, world.installation.files_url, "data:", "blob:")
    foreign = {
        visit.page.name: [url for url in visit.asked if not url.startswith(own)] for visit in visits
    }
    assert not any(foreign.values()), _told(foreign)


def test_no_page_moves_while_it_is_read(visits):
    """Django's sidebar of the admin comes after the first paint, by a script of its own."""
    shifts = {visit.page.name: visit.facts["shift"] for visit in visits if not visit.is_stock_admin}
    moved = {name: shift for name, shift in shifts.items() if shift > MOST_SHIFT}
    assert not moved, _told(moved)


def test_no_page_is_wider_than_a_phone(visits):
    wide = {
        visit.page.name: visit.too_wide
        for visit in visits
        if visit.too_wide and not visit.is_stock_admin
    }
    assert not wide, _told(wide)


def test_nothing_sticks_out_of_its_card_on_a_phone(visits):
    out = {visit.page.name: visit.out_of_card for visit in visits if visit.out_of_card}
    assert not out, _told(out)


def test_every_page_has_a_title_one_first_heading_and_headings_in_order(visits):
    wrong: dict[str, object] = {}
    for visit in visits:
        levels = visit.facts["headings"]
        jumps = any(after > before + 1 for before, after in itertools.pairwise(levels))
        title = visit.facts["title"].strip()
        if visit.is_stock_admin:
            continue
        if not title or title.startswith("·") or levels.count(1) != 1 or jumps:
            wrong[visit.page.name] = (title, levels)
    assert not wrong, _told(wrong)


def test_help_is_at_the_same_place_of_every_page(visits):
    """WCAG 3.2.6: before the account, where somebody is signed in."""
    tops = {visit.page.name: visit.facts["top"] for visit in visits if visit.facts["top"]}
    assert len(tops) > 100
    elsewhere = {
        name: top
        for name, top in tops.items()
        if "Help" not in top or ("Account" in top and top[-2:] != ["Help", "Account"])
    }
    assert not elsewhere, _told(elsewhere)


def test_titles_tell_pages_apart(visits):
    """Several tabs side by side; states of one thing may share theirs."""
    titles = {visit.facts["title"] for visit in visits}
    assert len(titles) > len(visits) / 3


def test_a_part_asks_often_while_somebody_looks_and_seldom_after_a_minute(world, chromium):
    context = every_page.new_context(chromium, world)
    page = context.new_page()
    page.clock.install()
    page.goto(world.installation.url + world.addresses["bulk_job-copying"], wait_until="load")
    assert page.locator("[aria-busy=true]").count() == 1
    asked: list[str] = []
    ended: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfinished", lambda request: ended.append(request.url))

    def n_asked_in(seconds: int) -> int:
        before = len(asked)
        for _ in range(seconds // 2):
            page.clock.run_for(2_000)
            page.wait_for_timeout(30)  # by the real clock
            while len(ended) < len(asked):  # nothing is asked before the last answer
                page.wait_for_timeout(30)
        return len(asked) - before

    assert n_asked_in(50) >= 15
    n_asked_in(20)
    assert n_asked_in(120) <= 3
    page.mouse.move(50, 50)
    page.mouse.move(80, 80)
    assert n_asked_in(20) >= 6
    context.close()


def test_whoever_is_at_a_link_of_a_part_that_comes_anew_stays_there(world, chromium):
    context = every_page.new_context(chromium, world)
    page = context.new_page()
    page.route(  # as if something had changed since
        re.compile(r"[?&]seen="),
        lambda route: route.continue_(url=re.sub(r"seen=[^&]*", "seen=else", route.request.url)),
    )
    page.goto(world.installation.url + world.addresses["copies"], wait_until="load")
    link = page.locator("[aria-busy=true] :is(td, li) a").first
    link.focus()
    link.evaluate("element => element.dataset.before = ''")
    page.locator("[data-before]").wait_for(state="detached")
    expect(link).to_be_focused()
    context.close()
