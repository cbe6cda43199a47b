"""The upload page in Chromium: the official uploader, unmodified, and the plain form."""

import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Response, expect

from tests.journeys.keyboard import Keyboard
from tests.pictures import jpeg
from tests.rig.fixtures import CHROMIUM, CHROMIUM_FLAGS, need
from tests.rig.installation import OPERATOR_EMAIL, Installation, Project
from tests.rig.web_source import WebSource

pytestmark = [pytest.mark.real, pytest.mark.browser, pytest.mark.timeout(180)]

MB = 1024 * 1024
FILM = random.Random(30).randbytes(30 * MB)
PHOTO = jpeg(640, 480)
UPLOADER = "uc-file-uploader-regular"


@pytest.fixture(scope="module")
def net_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chromium") / "net-log.json"


@pytest.fixture(scope="module")
def chromium(net_log: Path) -> Iterator[Browser]:
    """A Chromium that writes down whatever it asks of the network, and has a camera."""
    need(Path(CHROMIUM).exists(), "Chromium is missing: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    flags = [
        *CHROMIUM_FLAGS,
        f"--log-net-log={net_log}",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def project(installation: Installation) -> Project:
    return installation.create_project()


@pytest.fixture(scope="module")
def cookies(chromium: Browser, installation: Installation) -> list[Any]:
    """Those of somebody who is signed in."""
    page = chromium.new_page()
    page.goto(f"{installation.url}/accounts/login/")
    page.get_by_label("Email").fill(OPERATOR_EMAIL)
    page.get_by_label("Password", exact=True).fill(installation.operator_password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/projects/**")
    found = page.context.cookies()
    page.close()
    return found


@pytest.fixture
def open_page(
    page: Page, cookies: list[Any], installation: Installation
) -> Callable[[Project], Page]:
    """The upload page of a project."""

    def do(project: Project) -> Page:
        page.context.add_cookies(cookies)
        page.goto(f"{installation.url}/projects/{project.slug}/upload/")
        return page

    return do


@pytest.fixture
def upload_page(open_page: Callable[[Project], Page], project: Project) -> Page:
    return open_page(project)


def choose(page: Page, *paths: Path) -> None:
    """Files from this device, by the uploader's own dialog."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="From device").click()
    chooser.value.set_files(paths)


def open_uploader(page: Page) -> None:
    """By the keyboard."""
    page.locator(UPLOADER).get_by_role("button", name="Upload files").press("Enter")


def link_to(page: Page, name: str) -> str:
    """Where the page sends who looks for what was uploaded."""
    link = page.get_by_label("Uploaded files").get_by_role("link", name=name, exact=True)
    expect(link).to_have_count(1, timeout=60_000)
    return str(link.get_attribute("href"))


def content_of(installation: Installation, address: str) -> bytes:
    """The bytes of the file whose page that is."""
    uuid = address.rstrip("/").rpartition("/")[2]
    answer = requests.get(f"{installation.files_url}/{uuid}/", timeout=30)
    answer.raise_for_status()
    return answer.content


def test_three_files_and_an_address_become_a_group(
    upload_page: Page, installation: Installation, web_source: WebSource, tmp_path: Path
) -> None:
    page = upload_page
    contents = {"harbour.jpg": PHOTO, "notes.txt": b"ebb and flow", "film.bin": FILM}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108
    progress_of_film(page)

    open_uploader(page)
    choose(page, *(tmp_path / name for name in contents))
    expect(page.get_by_text("3 files uploaded")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Add more").click()
    page.get_by_role("button", name="From link").click()
    address = web_source.serve("/tide-table.jpg", jpeg(320, 200), content_type="image/jpeg")
    page.locator("uc-url-source input").fill(address)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("4 files uploaded")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Done").click()

    for name, content in contents.items():
        assert content_of(installation, link_to(page, name)) == content, name
    assert content_of(installation, link_to(page, "tide-table.jpg")) == jpeg(320, 200)
    group = page.context.request.get(f"{installation.url}{link_to(page, '4 files')}")
    assert group.ok
    archive = requests.get(f"{group.url}archive/zip/", timeout=60)
    with zipfile.ZipFile(io.BytesIO(archive.content)) as files:
        assert sorted(files.namelist()) == [*sorted([*contents, "tide-table.jpg"])]
        assert files.read("film.bin") == FILM

    parts = [answer for answer in answers if answer.request.method == "PUT"]
    assert [answer.status for answer in parts] == [200] * 6
    told = page.evaluate("window.toldOfFilm")
    assert told[0] < 100, told
    assert told == sorted(told)
    assert told[-1] == 100
    own = {urlsplit(installation.url).netloc, urlsplit(installation.files_url).netloc}
    asked = {urlsplit(answer.url) for answer in answers}
    assert {url.netloc for url in asked if url.scheme not in {"blob", "data"}} <= own


def progress_of_film(page: Page) -> None:
    page.evaluate(
        """() => {
          window.toldOfFilm = []
          document.querySelector('uc-upload-ctx-provider').addEventListener(
            'file-upload-progress',
            ({ detail }) => detail.name === 'film.bin' && toldOfFilm.push(detail.uploadProgress)
          )
        }"""
    )


def test_a_file_is_dropped(upload_page: Page, installation: Installation, tmp_path: Path) -> None:
    page = upload_page
    (tmp_path / "dropped.txt").write_bytes(b"dropped")
    area = page.locator(UPLOADER).get_by_role("button", name="Upload files").bounding_box()
    assert area
    what = {
        "x": area["x"] + area["width"] / 2,
        "y": area["y"] + area["height"] / 2,
        "data": {
            "items": [],
            "files": [str(tmp_path / "dropped.txt")],
            "dragOperationsMask": 1,
        },
    }
    mouse = page.context.new_cdp_session(page)
    for event in ("dragEnter", "dragOver", "drop"):
        mouse.send("Input.dispatchDragEvent", {"type": event, **what})
    assert content_of(installation, link_to(page, "dropped.txt")) == b"dropped"


def test_a_file_is_uploaded_by_keys_alone(
    upload_page: Page, installation: Installation, tmp_path: Path
) -> None:
    """Escape closes the uploader's dialog as Done does, and the focus is where it was before."""
    page, hands = upload_page, Keyboard(upload_page)
    (tmp_path / "typed.txt").write_bytes(b"by keys")
    opener = page.locator(UPLOADER).get_by_role("button", name="Upload files")
    dialog = page.locator("uc-modal dialog[open]")
    opener.wait_for()  # the script comes after the page

    hands.press(opener)
    expect(page.get_by_role("button", name="From device")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()

    page.wait_for_timeout(500)  # quicker than hands are, it does not open anew
    page.keyboard.press("Space")
    hands.pick(page.get_by_role("button", name="From device"), tmp_path / "typed.txt")
    expect(page.get_by_text("1 file uploaded")).to_be_visible(timeout=60_000)
    expect(dialog.locator(":focus")).to_have_count(1)
    hands.press(page.get_by_role("button", name="Done"))
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()
    hands.hears("typed.txt")
    link_to(page, "typed.txt")
    hands.link("typed.txt")
    page.wait_for_url("**/files/*/")
    assert content_of(installation, page.url) == b"by keys"


def test_a_picture_is_taken(upload_page: Page, installation: Installation) -> None:
    page = upload_page
    open_uploader(page)
    page.get_by_role("button", name="Camera").click()
    page.locator(".uc-shot-btn").click()
    page.get_by_role("button", name="Accept").click()
    link = page.get_by_label("Uploaded files").get_by_role("link").first
    expect(link).to_be_visible(timeout=60_000)
    picture = content_of(installation, str(link.get_attribute("href")))
    assert picture.startswith(b"\xff\xd8")


def test_a_refusal_is_shown_at_the_file(
    open_page: Callable[[Project], Page], installation: Installation, tmp_path: Path
) -> None:
    """F09: the address leads nowhere; the uploader says why."""
    page = open_page(installation.create_project())
    open_uploader(page)
    page.get_by_role("button", name="From link").click()
    page.locator("uc-url-source input").fill("http://169.254.169.254/latest/meta-data/")
    page.get_by_role("button", name="Import").click()
    expect(page.locator("uc-file-item")).to_contain_text("Only public IPs are allowed.")
    expect(page.locator("#live")).to_contain_text("Only public IPs are allowed.")
    expect(page.get_by_label("Uploaded files").get_by_role("link")).to_have_count(0)


def test_the_page_signs_where_signatures_are_required(
    open_page: Callable[[Project], Page], installation: Installation, tmp_path: Path
) -> None:
    closed = installation.create_project()
    installation.execute(
        "UPDATE storages_app_project SET requires_signed_uploads = true "
        f"WHERE slug = '{closed.slug}'"
    )
    page = open_page(closed)
    (tmp_path / "signed.txt").write_bytes(b"signed")
    (tmp_path / "film.bin").write_bytes(FILM)
    open_uploader(page)
    choose(page, tmp_path / "signed.txt", tmp_path / "film.bin")
    assert content_of(installation, link_to(page, "signed.txt")) == b"signed"
    assert content_of(installation, link_to(page, "film.bin")) == FILM
    link_to(page, "2 files")
    assert closed.secret_key not in page.content()


def test_files_go_in_without_a_script(
    chromium: Browser,
    cookies: list[Any],
    installation: Installation,
    project: Project,
    tmp_path: Path,
) -> None:
    names = ["first.txt", "second.txt"]
    for name in names:
        (tmp_path / name).write_text(name)
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"{installation.url}/projects/{project.slug}/upload/")
    expect(page.locator("#main").get_by_text("The uploader script did not load.")).to_be_visible()
    page.locator("input[type=file]").set_input_files([tmp_path / name for name in names])
    page.get_by_label("Put them together as a group").check()
    page.get_by_role("button", name="Upload", exact=True).click()
    said = page.get_by_text("Uploaded 2 files as one group")
    address = said.inner_text().split()[-1]
    archive = requests.get(f"{address}archive/zip/", timeout=30)
    with zipfile.ZipFile(io.BytesIO(archive.content)) as files:
        assert [files.read(name).decode() for name in names] == names
    for name in names:
        expect(page.get_by_role("link", name=name)).to_be_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits_a_small_screen(upload_page: Page, scheme: str) -> None:
    page = upload_page
    page.emulate_media(color_scheme=scheme)
    page.reload()
    for is_open in (False, True):
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 900})
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            is_wider = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert not is_wider, (width, is_open)
        if not is_open:
            open_uploader(page)
            expect(page.get_by_role("button", name="From device")).to_be_visible()
            until_at_rest(page)


def until_at_rest(page: Page) -> None:
    """What fades in has other colours on the way."""
    page.evaluate(
        """async () => {
          for (let n = 0; n < 2; n += 1) await new Promise(requestAnimationFrame)
          const fading = document.getAnimations().filter((one) => one instanceof CSSTransition)
          await Promise.allSettled(fading.map((one) => one.finished))
        }"""
    )


def test_the_pages_asked_no_other_host(
    chromium: Browser, cookies: list[Any], net_log: Path, installation: Installation
) -> None:
    """Last, since the log is whole when the browser has ended: whom pages asked in all tests above.

    The log is the browser's own: it holds requests and sockets, whether or not they got an answer.
    What the browser asks for itself has no page as its initiator, and nothing of it gets out.
    """
    chromium.close()
    log = json.loads(net_log.read_text())
    own = {urlsplit(installation.url).netloc, urlsplit(installation.files_url).netloc}
    asked = {urlsplit(url).netloc for url in asked_by_pages(log)}
    assert asked
    assert asked <= own


def asked_by_pages(log: dict[str, Any]) -> Iterator[str]:
    start = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    for event in log["events"]:
        params = event.get("params", {})
        if event["type"] == start and str(params.get("initiator")).startswith("http"):
            yield params["url"]
