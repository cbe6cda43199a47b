"""Pictures of the pages, of a real installation with real files: `make screenshots`.

Every page in light and dark, 1280 and 320 px wide, into docs/screenshots/ (all) and the README's
picture. Nothing is drawn by hand, so the pictures stay true.
"""

import mimetypes
import shutil
import sys
import tempfile
import time
import uuid
from io import BytesIO
from pathlib import Path

import requests
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, Page, sync_playwright

from tests.rig.fixtures import CHROMIUM, CHROMIUM_FLAGS
from tests.rig.installation import OPERATOR_EMAIL, Installation, Project

FOLDER = Path(__file__).parent / "screenshots"
PICTURES = {
    "harbour-at-dawn.jpg": ((18, 52, 92), (244, 162, 97)),
    "poster-final.png": ((61, 12, 78), (255, 89, 143)),
    "forest-path.jpg": ((13, 59, 46), (190, 219, 57)),
    "team-photo-2026.jpg": ((73, 49, 41), (255, 221, 161)),
    "winter-lake.webp": ((20, 33, 61), (202, 240, 248)),
}
PAGES = {
    "overview": "",
    "files": "files/",
    "file": "files/{file}/",
    "playground": "playground/?file={file}&effects=-/crop/4:3/center/-/resize/600x/-/format/webp/",
    "upload": "upload/",
    "storages": "storages/",
    "connect": "storages/connect/",
    "connect-2-uses": "storages/{draft}/setup/uses/",
    "connect-3-access": "storages/{draft}/setup/access/",
    "connect-4-bucket": "storages/{draft}/setup/bucket/",
    "connect-5-test": "storages/{draft}/setup/test/",
    "connected": "storages/{storage}/setup/connected/",
    "storage": "storages/{storage}/",
    "auto-copy": "storages/{storage}/auto-copy/",
    "check": "storages/{storage}/check/",
    "backup": "backup/",
    "jobs": "jobs/",
    "copies": "copies/",
    "copy-files": "jobs/new/",
    "keys": "keys/",
    "webhooks": "webhooks/",
    "notifications": "notifications/",
    "signed-urls": "settings/signed-urls/",
    "activity": "activity/",
}


def picture(name: str, colours: tuple[tuple[int, int, int], tuple[int, int, int]]) -> bytes:
    """A soft abstract picture in two colours."""
    below, above = (Image.new("RGB", (1200, 800), colour) for colour in colours)
    shape = Image.effect_mandelbrot((1200, 800), (-1.9, -0.9, 0.8, 0.9), 60)
    mixed = Image.composite(above, below, shape.filter(ImageFilter.GaussianBlur(9)))
    out = BytesIO()
    mixed.save(out, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[name.rpartition(".")[2]])
    return out.getvalue()


def fill(installation: Installation, project: Project) -> str:
    """Upload, connect, copy and back up; the UUID of the last picture."""
    wrong = {"secret": "not-the-secret"}  # this storage stays a draft
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
    return file


def hand_off(installation: Installation, name: str) -> str:
    """Take the draft to its last step, and give its page for a colleague."""
    token = installation.shell_json(
        "from storages_app.custom_storages import hand_offs, services\n"
        "from storages_app.models import CustomStorage\n"
        f"draft = CustomStorage.objects.get(name={name!r})\n"
        "services.reach_step(custom_storage=draft, step=5)\n"
        f"hand_offs.make(custom_storage=draft, actor={OPERATOR_EMAIL!r})[1]"
    )
    return f"/h/{token}/"


def upload(installation: Installation, project: Project, name: str) -> str:
    answer = requests.post(
        f"{installation.url}/base/",
        data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
        files={"file": (name, picture(name, PICTURES[name]), mimetypes.guess_type(name)[0])},
        timeout=30,
    )
    return str(answer.json()["file"])


def _wait_until_copied(installation: Installation) -> None:
    ends_at = time.monotonic() + 60
    open_rows = (
        "SELECT (SELECT count(*) FROM storages_app_copyjob WHERE state <> 'done')"
        " + (SELECT count(*) FROM storages_app_backuprun WHERE finished_at IS NULL)"
    )
    while installation.query(open_rows) != [(0,)]:
        if time.monotonic() > ends_at:
            sys.exit("The copies were not done in 60 s.")
        time.sleep(0.5)


def sign_in(page: Page, installation: Installation) -> None:
    page.goto(f"{installation.url}/accounts/login/")
    page.get_by_label("Email").fill(OPERATOR_EMAIL)
    page.get_by_label("Password", exact=True).fill(installation.operator_password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/projects/**")


def take(browser: Browser, installation: Installation, paths: dict[str, str]) -> None:
    for scheme in ("light", "dark"):
        for width in (1280, 320):
            context = browser.new_context(
                color_scheme=scheme,  # type: ignore[arg-type]
                viewport={"width": width, "height": 900},
            )
            page = context.new_page()
            sign_in(page, installation)
            for name, path in paths.items():
                page.goto(installation.url + path)
                page.wait_for_load_state("networkidle")
                page.screenshot(
                    path=FOLDER / f"{name}-{scheme}-{width}.png", full_page=name != "overview"
                )
            context.close()


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ucdash-pictures-") as folder:
        installation = Installation(Path(folder))
        try:
            installation.prepare()
            installation.start()
            project = installation.create_project("Holiday house")
            file = fill(installation, project)
            draft, storage = (
                uuid.UUID(str(pk))
                for (pk,) in installation.query(
                    "SELECT id FROM storages_app_customstorage "
                    "WHERE name IN ('archive', 'photos') ORDER BY name"
                )
            )
            paths = {
                name: f"/projects/{project.slug}/"
                + path.format(file=file, storage=storage, draft=draft)
                for name, path in PAGES.items()
            } | {
                "projects": "/projects/",
                "admin": "/admin/",
                "hand-off": hand_off(installation, "archive"),
            }
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
                take(browser, installation, paths)
                browser.close()
            shutil.copy(FOLDER / "overview-light-1280.png", FOLDER / "overview.png")
        finally:
            installation.stop()


if __name__ == "__main__":
    main()
