"""A page gone through by Tab, with real keys: what is wrong with its stops.

WCAG 2.2: everything is reached and nothing holds (2.1.1, 2.1.2), in the order of the page (2.4.3),
each stop shows its focus (2.4.7), lies under nothing (2.4.11), and has a name (4.1.2).
"""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_WATCH = Path(__file__).with_suffix(".js").read_text()
# But what lies over the page when it is open is a menu.
_OPEN_ALL = """() => {
  for (const part of document.querySelectorAll("details")) {
    part.open = true;
    const isOver = (one) => getComputedStyle(one).position === "absolute";
    if ([...part.children].some(isOver)) part.open = false;
  }
}"""
# Pressed by the browser itself, without the letting go: Playwright's takes twice as long.
_TAB = {"type": "rawKeyDown", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
# A page whose parts come again while somebody walks may have some more stops than at first.
_MOST_MORE = 60


def trouble_of(tab: Page) -> dict[str, list[str]]:
    """What is wrong → the stops of which it is true, with all that can be unfolded unfolded."""
    keys = tab.context.new_cdp_session(tab)
    tab.evaluate(_OPEN_ALL)
    n_stops = tab.evaluate(_WATCH)
    for _ in range(n_stops):
        keys.send("Input.dispatchKeyEvent", _TAB)
    for _ in range(n_stops + _MOST_MORE):
        if tab.evaluate("tabbing.isOver()"):
            break
        keys.send("Input.dispatchKeyEvent", _TAB)
    nodes = keys.send("Accessibility.getFullAXTree")["nodes"]
    keys.detach()
    told = tab.evaluate("tabbing.told()") | {"has no name": _nameless(nodes)}
    return {what: stops for what, stops in told.items() if stops}


def _nameless(nodes: list[dict[str, Any]]) -> list[str]:
    """By what the browser tells screen readers."""
    return [
        f"{node['role']['value']} {node['nodeId']}"
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"] not in _NEED_NO_NAME
        and not node.get("name", {}).get("value", "").strip()
        and any(
            fact["name"] == "focusable" and fact["value"]["value"]
            for fact in node.get("properties", ())
        )
    ]


_NEED_NO_NAME = {"RootWebArea", "generic", "main", "none"}
