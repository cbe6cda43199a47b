"""Pictures of the pages, of a real installation with real files: `make screenshots`.

Every page in light and dark, 1280 and 320 px wide, into docs/screenshots/ (all) and the README's
picture. The pages are those that the tests walk, so a new one is in the pictures by itself, and
nothing is drawn by hand. `ONLY=files,copy` takes those whose names begin so.
"""

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.journeys import every_page
from tests.journeys.every_page import Found, World
from tests.rig.fixtures import CHROMIUM, CHROMIUM_FLAGS

FOLDER = Path(__file__).parent / "screenshots"
WIDTHS = (1280, 320)
HEIGHT = 900
_LONGEST_PX = 6_000  # of the docs some pages are longer, and no eye reads them so


def take(browser: Browser, world: World, only: tuple[str, ...]) -> int:
    """One sign-in and one tab for each kind of visitor; the theme and the width change in it."""
    signed_in = every_page.new_context(browser, world)
    stranger = every_page.new_context(browser, world, is_signed_in=False)
    pages = [
        page
        for page in every_page.pages_of(world, signed_in, stranger)
        if page.name.startswith(only)
    ]
    tabs = {False: signed_in.new_page(), True: stranger.new_page()}
    for page in pages:
        tab = tabs[page.is_for_strangers]
        for width in WIDTHS:
            tab.set_viewport_size({"width": width, "height": HEIGHT})
            tab.emulate_media(color_scheme="light")
            tab.goto(world.installation.url + page.path, wait_until="load")
            for scheme in ("light", "dark"):
                tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                tab.wait_for_timeout(150)
                height = int(tab.evaluate("document.documentElement.scrollHeight"))
                tab.screenshot(
                    path=FOLDER / f"{_file_name(page)}-{scheme}-{width}.png",
                    full_page=True,
                    clip={"x": 0, "y": 0, "width": width, "height": min(height, _LONGEST_PX)},
                )
    return len(pages)


def take_front_page(browser: Browser, world: World) -> None:
    """The README's picture, of a project in which nothing has gone wrong yet."""
    context = every_page.new_context(browser, world)
    tab = context.new_page()
    tab.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
    tab.goto(f"{world.installation.url}/projects/{world.project.slug}/")
    tab.screenshot(path=FOLDER / "front-page.png")
    context.close()


def _file_name(page: Found) -> str:
    return page.name.replace(":", "-").replace("_", "-")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    only = tuple(os.environ.get("ONLY", "").split(","))
    with (
        tempfile.TemporaryDirectory(prefix="ucdash-pictures-") as folder,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        at_first = partial(take_front_page, browser)
        with every_page.seeded(Path(folder) / "installation", at_first=at_first) as world:
            n_pages = take(browser, world, only)
        browser.close()
    shutil.move(FOLDER / "front-page.png", FOLDER / "overview.png")
    print(f"{n_pages} pages, in light and dark, {WIDTHS[0]} and {WIDTHS[1]} px wide")  # noqa: T201


if __name__ == "__main__":
    main()
