"""What the walk by Tab finds on a page that has one thing wrong with it."""

import pytest
from playwright.sync_api import Page

from tests.journeys import tabbing

pytestmark = [pytest.mark.real, pytest.mark.pages]

PAGE = """<!doctype html><title>A page</title>
<style>:focus-visible {{ outline: 2px solid blue; outline-offset: 2px }} {style}</style>
<main>
  <p><a href="#one">One</a> <button>Two</button> <label>Three <input type="date"></label></p>
  <p><label><input type="radio" name="four" checked> 4a</label>
     <label><input type="radio" name="four"> 4b</label></p>
  <details><summary>Five</summary><a href="#six">Six</a></details>
  {more}
</main>"""


def trouble(page: Page, more: str = "", style: str = "") -> set[str]:
    page.set_content(PAGE.format(more=more, style=style))
    return set(tabbing.trouble_of(page))


def test_nothing_is_wrong_with_a_plain_page(page):
    assert trouble(page) == set()


@pytest.mark.parametrize(
    ("more", "style", "found"),
    [
        ('<a href="#x" tabindex="-1">Skipped</a>', "", "is not reached"),
        ('<button id="bare">Bare</button>', "#bare { outline: none }", "does not show the focus"),
        (
            '<a href="#x" id="bare">Bare</a>',
            "main a:focus-visible { outline: 0 }",
            "does not show the focus",
        ),
        (
            '<div id="bar">Bar</div>',
            "#bar { position: fixed; inset: 0 0 50% 0; background: grey }",
            "is under something",
        ),
        (
            '<div id="box"><a href="#x">A long text</a></div>',
            "#box { overflow: hidden } #box a { display: block }",
            "has a ring that is cut off",
        ),
        ('<a href="#x" tabindex="3">First</a>', "", "has an order of its own"),
        ('<button style="width: 3em; height: 2em"></button>', "", "has no name"),
    ],
)
def test_one_fault_is_found(page, more, style, found):
    assert found in trouble(page, more, style)


def test_a_trap_is_found(page):
    page.set_content(PAGE.format(more='<button id="trap">In</button>', style=""))
    page.evaluate("trap.addEventListener('keydown', (event) => event.preventDefault())")
    assert "does not let go" in tabbing.trouble_of(page)
