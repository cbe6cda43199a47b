"""One installation with everything in it, and every page of it as a browser finds it.

What walks the pages (tests, the screenshots of the docs) takes the list from here.
"""

import mimetypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import requests
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, BrowserContext, Page

from tests.rig.installation import OPERATOR_EMAIL, Installation, Project

PICTURES = {
    "harbour-at-dawn.jpg": ((18, 52, 92), (244, 162, 97)),
    "poster-final.png": ((61, 12, 78), (255, 89, 143)),
    "forest-path.jpg": ((13, 59, 46), (190, 219, 57)),
    "team-photo-2026.jpg": ((73, 49, 41), (255, 221, 161)),
    "winter-lake.webp": ((20, 33, 61), (202, 240, 248)),
}
_COPIED_WITHIN_S = 60

Visitors = dict[str, BrowserContext]


@dataclass
class Careful:
    """Somebody with second factors; each code works once."""

    email: str
    password: str
    codes: list[str]


@dataclass
class World:
    """The installation, its full project, and all addresses that it answers, pages or not."""

    installation: Installation
    project: Project
    addresses: dict[str, str]
    unknown: list[str]
    careful: Careful | None = None


@dataclass(frozen=True)
class Found:
    """A page: its name, its address, its answer, and which visitor it is for."""

    name: str
    path: str
    status: int
    visitor: str = "operator"

    @property
    def leads_elsewhere(self) -> bool:
        return 300 <= self.status < 400

    @property
    def is_refused(self) -> bool:
        return self.status >= 400


@contextmanager
def seeded(
    folder: Path, *, at_first: Callable[[World], None] | None = None, **settings: str
) -> Iterator[World]:
    """Real files, copies and a backup, made by a worker; then rows in every state; no worker.

    `at_first` sees it while all is well.
    """
    installation = Installation(folder, **settings)
    try:
        installation.prepare()
        installation.start()
        project = installation.create_project("Holiday house")
        _fill(installation, project)
        installation.stop_worker()  # what is running stays so
        if at_first:
            at_first(World(installation, project, {}, []))
        told = installation.shell_json(
            "from tests.journeys import every_state\n"
            f"every_state.fill({project.slug!r}, {OPERATOR_EMAIL!r})"
        )
        yield World(
            installation, project, told["addresses"], told["unknown"], Careful(**told["careful"])
        )
    finally:
        installation.stop()


def visitors(browser: Browser, world: World) -> Visitors:
    """Everybody for whom there are pages: an operator, who owns the project; a stranger; somebody
    with second factors, and the same person who has typed the password alone.
    """
    found = {
        "operator": new_context(browser, world),
        "stranger": new_context(browser, world, is_signed_in=False),
    }
    if world.careful:
        found["careful"] = _signed_in_carefully(browser, world, world.careful)
        found["halfway"] = _signed_in_carefully(browser, world, world.careful, is_whole=False)
    return found


def answers_of(world: World, visitors: Visitors) -> list[Found]:
    """What each address is to the visitor it is for: a page, or a way to another address.

    Others are parts, files and orders.
    """
    found = []
    for name, path in world.addresses.items():
        answers = []
        for visitor, context in visitors.items():
            status = _status_of(context, world.installation.url + path)
            answers.append(Found(name, path, status, visitor))
            if status < 300:
                break
        is_for_last = answers[-1].status < 300
        found.append(answers[-1] if is_for_last else answers[0])
    return [one for one in found if one.status]


def pages_of(world: World, visitors: Visitors) -> list[Found]:
    """Those of the addresses that answer with a whole page."""
    return [found for found in answers_of(world, visitors) if not found.leads_elsewhere]


def _status_of(context: BrowserContext, address: str) -> int:
    """0 if it is neither a page nor a way to another address."""
    answer = context.request.get(address, max_redirects=0, headers={"Accept": "text/html"})
    if 300 <= answer.status < 400:
        return answer.status
    is_html = answer.headers.get("content-type", "").startswith("text/html")
    is_page = is_html and answer.text().lstrip()[:15].lower() == "<!doctype html>"
    return answer.status if is_page else 0


def new_context(
    browser: Browser, world: World, *, is_signed_in: bool = True, **options: object
) -> BrowserContext:
    context = browser.new_context(reduced_motion="reduce", **options)  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    if is_signed_in:
        page = context.new_page()
        sign_in(page, world.installation)
        page.close()
    return context


def sign_in(page: Page, installation: Installation) -> None:
    _sign_in(page, installation, OPERATOR_EMAIL, installation.operator_password)


def _sign_in(page: Page, installation: Installation, email: str, password: str) -> None:
    page.goto(f"{installation.url}/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: not urlsplit(url).path.startswith("/accounts/login/"))


def _signed_in_carefully(
    browser: Browser, world: World, person: Careful, *, is_whole: bool = True
) -> BrowserContext:
    context = new_context(browser, world, is_signed_in=False)
    page = context.new_page()
    _sign_in(page, world.installation, person.email, person.password)
    if is_whole:
        page.get_by_label("Code").fill(person.codes.pop())
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(lambda url: not urlsplit(url).path.startswith("/accounts/"))
    page.close()
    return context


def picture(name: str, colours: tuple[tuple[int, int, int], tuple[int, int, int]]) -> bytes:
    """A soft abstract picture in two colours."""
    below, above = (Image.new("RGB", (1200, 800), colour) for colour in colours)
    shape = Image.effect_mandelbrot((1200, 800), (-1.9, -0.9, 0.8, 0.9), 60)
    mixed = Image.composite(above, below, shape.filter(ImageFilter.GaussianBlur(9)))
    out = BytesIO()
    mixed.save(out, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[name.rpartition(".")[2]])
    return out.getvalue()


def upload(installation: Installation, project: Project, name: str) -> str:
    answer = requests.post(
        f"{installation.url}/base/",
        data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
        files={"file": (name, picture(name, PICTURES[name]), mimetypes.guess_type(name)[0])},
        timeout=30,
    )
    return str(answer.json()["file"])


def _fill(installation: Installation, project: Project) -> None:
    """Upload, connect, copy and back up; the storage “archive” stays a draft."""
    wrong = {"secret": "not-the-secret"}
    installation.connect_bucket(project, name="archive", prefix="archive/", **wrong)
    *before, after = PICTURES
    for name in before:
        upload(installation, project, name)
    installation.connect_bucket(project, "--auto-copy", "--backup", name="photos", prefix="photos/")
    file = upload(installation, project, after)
    requests.post(
        f"{installation.url}/files/remote_copy/",
        json={"source": f"{file}/-/resize/600x/", "target": "photos"},
        headers={
            "Accept": "application/vnd.uploadcare-v0.7+json",
            "Authorization": f"Uploadcare.Simple {project.public_key}:{project.secret_key}",
        },
        timeout=30,
    ).raise_for_status()
    _wait_until_copied(installation)


def _wait_until_copied(installation: Installation) -> None:
    ends_at = time.monotonic() + _COPIED_WITHIN_S
    open_rows = (
        "SELECT (SELECT count(*) FROM storages_app_copyjob WHERE state <> 'done')"
        " + (SELECT count(*) FROM storages_app_backuprun WHERE finished_at IS NULL)"
    )
    while installation.query(open_rows) != [(0,)]:
        if time.monotonic() > ends_at:
            raise AssertionError(f"The copies were not done in {_COPIED_WITHIN_S} s.")
        time.sleep(0.2)
