"""Strangers' files in a real browser: nothing of them runs, and pictures still show."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Error, Page

from storages_app.lib.filenames import sanitise
from tests import pictures
from tests.journeys.every_page import sign_in
from tests.rig.installation import Installation

pytestmark = pytest.mark.real

SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30" onload="alert(1)">
<script>alert(2)</script><rect width="40" height="30" fill="red" onclick="alert(3)"/>
<foreignObject>
<iframe xmlns="http://www.w3.org/1999/xhtml" src="javascript:alert(4)"/>
</foreignObject>
</svg>"""
PROGRAMS = {
    "page.html": b"<!doctype html><script>alert(document.domain)</script>",
    "page.xhtml": b'<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>',
    "picture.svg": SVG,
    "picture.jpg": b"<!doctype html><title>x</title><script>alert(1)</script>",
    "words.txt": b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "feed.xml": b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)'
    b"</script></html>",
    "letter.mhtml": b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
    b"<script>alert(1)</script>",
    "paper.pdf": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>",
}
POLYGLOT = pictures.animation("GIF") + b"*/=1;alert(1)"


@pytest.fixture(scope="module")
def upload(installation: Installation):
    project = installation.create_project("File host")

    def send(name: str, content: bytes) -> str:
        answer = requests.post(
            f"{installation.url}/base/",
            data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
            files={"file": (name, content)},
            timeout=30,
        )
        return f"{installation.files_url}/{answer.json()['file']}/"

    return send


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page that fails its test if anything has opened a dialog."""
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    yield page
    assert dialogs == []


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("rest", ["", "-/inline/yes/", "a.html"])
def test_what_can_carry_a_program_is_saved_and_not_opened(page, upload, name, rest):
    """S073, S074, S075."""
    address = upload(name, PROGRAMS[name]) + rest
    with page.expect_download() as saved, pytest.raises(Error, match="Download is starting"):
        page.goto(address)
    assert saved.value.suggested_filename == (rest if rest == "a.html" else sanitise(name))


def test_an_svg_shows_in_a_page_and_does_nothing(page, upload):
    """S074."""
    page.set_content(f'<img src="{upload("picture.svg", SVG)}">')
    page.wait_for_function("document.images[0].complete")
    assert page.evaluate("document.images[0].naturalWidth") == 40


def test_a_frame_or_an_object_of_a_file_runs_nothing(page, upload):
    address = upload("picture.svg", SVG)
    page.set_content(
        f'<iframe src="{address}-/inline/yes/"></iframe><object data="{address}"></object>'
        f'<embed src="{upload("page.html", PROGRAMS["page.html"])}">'
    )
    page.wait_for_load_state("networkidle")


def test_a_picture_that_is_a_script_too_is_no_script(page, upload):
    """S075: `nosniff` keeps what is served as a picture out of a page's scripts."""
    address = upload("picture.gif", POLYGLOT)
    page.set_content(f'<img src="{address}">')
    page.wait_for_function("document.images[0].complete")
    assert page.evaluate("document.images[0].naturalWidth") > 0
    ended = page.evaluate(
        """address => new Promise(resolve => {
            const script = document.createElement("script");
            script.onload = () => resolve("run");
            script.onerror = () => resolve("refused");
            script.src = address;
            document.head.append(script);
        })""",
        address,
    )
    assert ended == "refused"


def test_a_picture_that_is_a_page_too_shows_as_a_picture(page, upload):
    """S075: bytes of a page behind those of a picture, opened by its address."""
    html = b"<!doctype html><script>alert(1)</script>"
    for name, picture in (("a.html", pictures.png(40, 30)), ("b.html", pictures.jpeg(40, 30))):
        response = page.goto(upload(name, picture + html))
        assert response is not None
        assert response.headers["content-type"].startswith("image/")
        assert page.evaluate("document.images[0].naturalWidth") == 40


def test_no_cookie_of_the_dashboard_comes_to_the_file_host(page, upload, installation):
    """S076: nor one of its pages, which are on another host."""
    sign_in(page, installation)
    own = page.goto(f"{installation.url}/projects/")
    foreign = page.goto(upload("photo.jpg", pictures.jpeg()))
    assert own is not None
    assert foreign is not None
    assert "cookie" in own.request.all_headers()
    assert "cookie" not in foreign.request.all_headers()


def test_the_file_host_leaves_no_cookie(page, upload, installation):
    """S076."""
    response = page.goto(upload("photo.jpg", pictures.jpeg()))
    assert response is not None
    assert response.status == 200
    assert page.context.cookies() == []
