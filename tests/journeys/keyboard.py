"""Somebody without a mouse: keys alone, and each stop on the way shows its focus under nothing."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.rig.installation import OPERATOR_EMAIL, Installation

MAX_TABS = 120
LOOK = """wanted => {
  const one = document.activeElement;
  if (one === document.body) return {isThere: false, hidden: ""};
  const {x, y, width, height} = one.getBoundingClientRect();
  const hit = document.elementFromPoint(x + width / 2, y + height / 2);
  const isSeen = hit && (one.contains(hit) || hit.contains(one));
  const isMarked = one.matches(":focus-visible");
  return {isThere: one === wanted, hidden: isSeen && isMarked ? "" : one.outerHTML};
}"""


class Keyboard:
    """Each stop on the way shows its focus and is not under what sticks (2.4.11)."""

    def __init__(self, page: Page) -> None:
        self.page = page
        # Heard from the beginning: what begins to listen with the key may be late for it.
        page.on("filechooser", lambda _: None)

    def go_to(self, wanted: Locator, *, key: str = "Tab") -> None:
        stop = wanted.evaluate(LOOK)
        for _ in range(MAX_TABS):
            if stop["isThere"]:
                return
            self.page.keyboard.press(key)
            stop = wanted.evaluate(LOOK)
            assert not stop["hidden"], stop["hidden"]
        raise AssertionError(f"{wanted} cannot be reached by {MAX_TABS} tabs")

    def press(self, wanted: Locator) -> None:
        self.go_to(wanted)
        self.page.keyboard.press("Enter")

    def link(self, name: str) -> None:
        self.press(self.page.get_by_role("link", name=name, exact=True).first)

    def button(self, name: str | re.Pattern[str]) -> None:
        exact = isinstance(name, str)
        self.press(self.page.get_by_role("button", name=name, exact=exact).first)

    def tick(self, wanted: Locator) -> None:
        self.go_to(wanted)
        self.page.keyboard.press("Space")
        expect(wanted).to_be_checked()

    def choose(self, wanted: Locator) -> None:
        """One of a group of radio buttons: Tab leads to the group, arrows lead through it."""
        group = wanted.evaluate("element => element.name")
        stop = self.page.locator(f'input[name="{group}"]')
        chosen = self.page.locator(f'input[name="{group}"]:checked')
        self.go_to(chosen if chosen.count() else stop.first)
        for _ in range(stop.count()):
            if wanted.is_checked():
                return
            self.page.keyboard.press("ArrowDown")
        expect(wanted).to_be_checked()

    def write(self, label: str, text: str) -> None:
        self.go_to(self.page.get_by_label(label, exact=True).first)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def pick(self, field: Locator, file: Path) -> None:
        """What opens is a dialog of the machine, which has keys of its own."""
        self.go_to(field)
        with self.page.expect_file_chooser() as chooser:
            self.page.keyboard.press("Enter")
        chooser.value.set_files(file)

    def hears(self, text: str) -> None:
        """What the polite live region says."""
        expect(self.page.locator("#live")).to_contain_text(text)


def signed_in(page: Page, installation: Installation) -> Keyboard:
    """Nothing was clicked."""
    page.goto(f"{installation.url}/accounts/login/")
    hands = Keyboard(page)
    hands.write("Email", OPERATOR_EMAIL)
    hands.write("Password", installation.operator_password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/projects/**")
    return hands
