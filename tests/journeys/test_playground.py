"""The playground in a real browser: from a file's page to a processed copy in the bucket."""

import re
from io import BytesIO

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.pictures import jpeg
from tests.rig.installation import OPERATOR_EMAIL, Installation, Project

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(120)]


@pytest.fixture
def file_uuid(installation: Installation, project: Project) -> str:
    answer = requests.post(
        f"{installation.url}/base/",
        data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
        files={"file": ("harbour.jpg", jpeg(800, 600))},
        timeout=30,
    )
    return str(answer.json()["file"])


def sign_in(page: Page, installation: Installation) -> None:
    page.goto(f"{installation.url}/accounts/login/")
    page.get_by_label("Email").fill(OPERATOR_EMAIL)
    page.get_by_label("Password", exact=True).fill(installation.operator_password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/projects/**")


def width_shown(page: Page) -> int:
    """Of the picture as the browser has it; 0 until it has come, or where it was blocked."""
    picture = page.locator("#trial img")
    picture.evaluate("picture => picture.decode()")
    width: int = picture.evaluate("picture => picture.naturalWidth")
    return width


def test_a_version_is_tried_seen_and_copied_as_it_was_seen(installation, project, file_uuid, page):
    assert installation.connect_bucket(project, prefix="made/")["state"] == "connected"
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    sign_in(page, installation)
    page.goto(f"{installation.url}/projects/{project.slug}/files/{file_uuid}/")
    page.get_by_role("link", name="Copy a processed version…").click()
    assert width_shown(page) == 800

    page.get_by_label("Image operations").fill("-/resize/320x/")
    expect(page.locator("#trial-result")).to_contain_text("320 × 240, JPEG")
    assert width_shown(page) == 320
    page.get_by_label("Add an operation").select_option("format")
    page.get_by_label("Its parameters").fill("webp")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#trial-result")).to_contain_text("320 × 240, WEBP")
    assert Axe().run(page).response["violations"] == []
    key = f"made/{file_uuid}/harbour.-resize_320x.-format_webp.jpg"
    expect(page.locator("#trial")).to_contain_text(f"s3://{installation.bucket.bucket}/{key}")
    shown = requests.get(page.locator("#trial img").get_attribute("src"), timeout=30).content

    page.locator("#trial").get_by_role("button", name=re.compile(r"^Copy \d")).click()
    page.wait_for_url(f"**/files/{file_uuid}/")
    expect(page.locator("#copies")).to_contain_text("-/resize/320x/-/format/webp/")
    expect(page.locator("#copies").get_by_text("Done")).to_be_visible(timeout=20_000)
    copied = installation.bucket.read(key)
    assert copied == shown
    assert Image.open(BytesIO(copied)).size == (320, 240)
    assert complaints == []


def test_without_script_all_of_it_works(
    installation: Installation, project: Project, file_uuid: str, chromium: Browser
):
    context = chromium.new_context(
        java_script_enabled=False, viewport={"width": 320, "height": 800}
    )
    page = context.new_page()
    try:
        sign_in(page, installation)
        page.goto(f"{installation.url}/projects/{project.slug}/playground/")
        page.get_by_label("Image operations").fill("-/resize/320x/")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#trial-result")).to_contain_text("320 × 240, JPEG")
        page.get_by_label("Add an operation").select_option("grayscale")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.locator("#trial-address")).to_contain_text("-/resize/320x/-/grayscale/")
        page.get_by_role("link", name="Take -/resize/320x/ out").click()
        expect(page.locator("#trial-result")).to_contain_text("800 × 600, JPEG")
    finally:
        context.close()
