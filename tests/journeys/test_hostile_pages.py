"""Every text of a project is an attack, and a browser opens every page that shows it (S072).

Nothing runs: no dialog, no script, no attribute that listens, no report of the content security
policy (which would have stopped it, and is not what keeps it out). Nothing is read as a template.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys import every_page
from tests.journeys.every_page import Found, World
from tests.rig.installation import OPERATOR_EMAIL, Installation, Project

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(600)]

SHOWN = "x{{7*7}}x"
WATCH = """
  window.seen = {owned: 0, refused: []};
  window.attack = () => { window.seen.owned += 1; };
  document.addEventListener("securitypolicyviolation", (event) =>
    window.seen.refused.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
LOOK = """() => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  for (const one of document.querySelectorAll("dialog")) if (!one.open) one.show();
  const all = [...document.querySelectorAll("*")];
  const attributes = all.flatMap((one) => [...one.attributes]);
  return {
    ...window.seen,
    listening: attributes.filter((one) => /^on/i.test(one.name)).map((one) => one.name),
    leading: attributes
      .filter((one) => /^(href|src|action|formaction|data|poster)$/i.test(one.name))
      .filter((one) => /^\\s*(javascript|data:text|vbscript)/i.test(one.value))
      .map((one) => one.value),
    planted: all.filter((one) => one.matches("svg:not([class]), img[src=x], script:not([src])"))
      .map((one) => one.outerHTML.slice(0, 80)).filter((html) => html.includes("attack")),
    text: document.documentElement.outerHTML,
  };
}"""


@dataclass
class Visit:
    """What a browser saw of one page."""

    page: Found
    facts: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A web server alone: no row of it is a worker's."""
    installation = Installation(tmp_path_factory.mktemp("hostile"))
    try:
        installation.prepare()
        installation.start_web()
        told = installation.shell_json(
            "from tests.journeys import every_name_hostile\n"
            f"every_name_hostile.fill({OPERATOR_EMAIL!r})"
        )
        project = Project("Attacked", told["slug"], "", "")
        filled = {name: path for name, path in told["addresses"].items() if "-empty" not in name}
        yield World(installation, project, filled, [])
    finally:
        installation.stop()


@pytest.fixture(scope="module")
def visits(world: World, chromium: Browser) -> list[Visit]:
    visitors = every_page.visitors(chromium, world)
    seen = []
    for page in every_page.pages_of(world, visitors):
        tab = visitors[page.visitor].new_page()
        seen.append(_visit(tab, page, world))
        tab.close()
    for context in visitors.values():
        context.close()
    return seen


def _visit(tab: Page, page: Found, world: World) -> Visit:
    visit = Visit(page)
    tab.add_init_script(WATCH)
    tab.on("dialog", lambda dialog: (visit.dialogs.append(dialog.message), dialog.dismiss()))
    tab.on("console", lambda line: visit.said.append(line.text) if _matters(line) else None)
    tab.on("pageerror", lambda error: visit.said.append(str(error)))
    tab.goto(world.installation.url + page.path, wait_until="load")
    visit.facts = tab.evaluate(LOOK)
    return visit


def _matters(line: Any) -> bool:
    return line.type in {"error", "warning"} and "status of 404" not in line.text


def _told(visits: list[Visit], what: str) -> dict[str, Any]:
    return {visit.page.name: visit.facts[what] for visit in visits if visit.facts[what]}


def test_every_page_answers(visits: list[Visit]):
    assert {visit.page.name: visit.page.status for visit in visits if visit.page.status > 404} == {}
    assert len(visits) > 100


def test_no_page_opens_a_dialog_or_runs_anything(visits: list[Visit]):
    assert [visit.page.name for visit in visits if visit.dialogs] == []
    assert _told(visits, "owned") == {}
    assert {visit.page.name: visit.said for visit in visits if visit.said} == {}


def test_no_page_needs_the_policy_to_stop_it(visits: list[Visit]):
    for what in ("refused", "listening", "leading", "planted"):
        assert _told(visits, what) == {}, what


def test_no_page_takes_it_for_a_template(visits: list[Visit]):
    wrong = [visit.page.name for visit in visits if re.search(r"x49x", visit.facts["text"])]
    assert wrong == []


def test_the_attacks_are_shown(visits: list[Visit]):
    """Else nothing was asked: of each kind of page at least one shows them, as text."""
    shown = {visit.page.name for visit in visits if SHOWN in visit.facts["text"]}
    pages = {
        *("overview", "files", "file", "storages", "storage", "copies", "copy-failed", "keys"),
        *("webhooks", "activity", "jobs", "backup", "notifications", "projects", "upload"),
        *("team", "project_settings", "storage_settings", "storage_test", "check-different"),
        *("restore_run", "delivery-dead", "key_roll", "storage_disconnect", "project_delete"),
        *("admin-file", "admin-file-row", "admin-customstorage-row", "admin-event"),
    }
    assert pages - shown == set()


def test_a_toast_shows_it_as_text(world: World, chromium: Browser):
    """Of a storage that is paused, a file that is deleted, and a project that is renamed."""
    context = every_page.new_context(chromium, world)
    tab = context.new_page()
    visit = Visit(Found("toasts", "", 200))
    tab.add_init_script(WATCH)
    tab.on("dialog", lambda dialog: (visit.dialogs.append(dialog.message), dialog.dismiss()))
    here = f"{world.installation.url}/projects/{world.project.slug}"
    tab.goto(f"{here}/settings/")
    tab.get_by_role("button", name="Save").first.click()
    tab.wait_for_load_state()
    assert SHOWN in tab.content()
    facts = tab.evaluate(LOOK)
    assert (visit.dialogs, facts["owned"], facts["refused"], facts["planted"]) == ([], 0, [], [])
    context.close()
