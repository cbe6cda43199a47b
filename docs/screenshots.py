"""Pictures of the pages, of a real installation with real files: `make screenshots`.

Every page in light and dark, 1280 and 320 px wide, into docs/screenshots/, and those that the
README and the docs show into docs/pictures/. The pages are those that the tests walk, so a new one
is in the pictures by itself, and nothing is drawn by hand. `ONLY=files,copy` takes those whose
names begin so, `ONLY=-` no other than those of the docs.
"""

import os
import tempfile
from functools import partial
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.journeys import every_page
from tests.journeys.every_page import Found, World
from tests.rig.fixtures import CHROMIUM, CHROMIUM_FLAGS

FOLDER = Path(__file__).parent / "screenshots"
PICTURES = Path(__file__).parent / "pictures"
WIDTHS = (1280, 320)
HEIGHT = 900
# What the docs show: the picture and its page, while all is well and when much has happened.
AT_FIRST = {
    "overview": "{project}",
    "files": "{project}files/",
    "storage": "{photos}",
    "backup": "{project}backup/",
    "operators": "/admin/",
}
LATER = {  # with as much of the page as matters
    "access": ("setup_access", HEIGHT),
    "test": ("setup_test", HEIGHT),
    "job": ("bulk_job-copying", 540),
    "restore": ("restore_run-counted", 600),
}
_COLOURS = 128
_LONGEST_PX = 6_000  # of the docs some pages are longer, and no eye reads them so


def take(browser: Browser, world: World, only: tuple[str, ...]) -> int:
    """One sign-in and one tab for each kind of visitor; the theme and the width change in it."""
    visitors = every_page.visitors(browser, world)
    pages = [page for page in every_page.pages_of(world, visitors) if page.name.startswith(only)]
    tabs = {visitor: context.new_page() for visitor, context in visitors.items()}
    for page in pages:
        tab = tabs[page.visitor]
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


def take_at_first(browser: Browser, world: World) -> None:
    """Most of what the docs show, of a project in which nothing has gone wrong yet."""
    tab = _desk(browser, world)
    project = f"/projects/{world.project.slug}/"
    tab.goto(f"{world.installation.url}{project}storages/")
    photos = tab.get_by_role("link", name="photos", exact=True).first.get_attribute("href")
    for name, page in AT_FIRST.items():
        tab.goto(world.installation.url + page.format(project=project, photos=photos))
        _keep(tab, name, height=HEIGHT)
    tab.context.close()


def take_later(browser: Browser, world: World) -> None:
    tab = _desk(browser, world)
    for name, (page, height) in LATER.items():
        tab.goto(world.installation.url + world.addresses[page])
        _keep(tab, name, height=height)
    tab.context.close()


def _desk(browser: Browser, world: World) -> Page:
    tab = every_page.new_context(browser, world).new_page()
    tab.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
    return tab


def _keep(tab: Page, name: str, *, height: int) -> None:
    """As small as a page of few colours can be: these pictures are part of the repository."""
    tab.wait_for_load_state("networkidle")
    shown = tab.screenshot(clip={"x": 0, "y": 0, "width": WIDTHS[0], "height": height})
    colours = Image.open(BytesIO(shown)).convert("RGB")
    few = colours.quantize(_COLOURS, dither=Image.Dither.NONE)
    few.save(PICTURES / f"{name}.png", optimize=True)


def _file_name(page: Found) -> str:
    return page.name.replace(":", "-").replace("_", "-")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    PICTURES.mkdir(exist_ok=True)
    only = tuple(os.environ.get("ONLY", "").split(","))
    with (
        tempfile.TemporaryDirectory(prefix="ucdash-pictures-") as folder,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        at_first = partial(take_at_first, browser)
        with every_page.seeded(Path(folder) / "installation", at_first=at_first) as world:
            take_later(browser, world)
            n_pages = take(browser, world, only)
        browser.close()
    print(f"{n_pages} pages, in light and dark, {WIDTHS[0]} and {WIDTHS[1]} px wide")  # noqa: T201


if __name__ == "__main__":
    main()
