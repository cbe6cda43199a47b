"""The tab Check in a real browser: what is deleted behind our back is found and copied again."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.rig.installation import OPERATOR_EMAIL, Installation, Project

pytestmark = [pytest.mark.real, pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
def bucket(installation: Installation) -> Iterator[tuple[object, str]]:
    name = installation.new_bucket()
    client = installation.bucket.client()
    yield client, name
    client.close()


def keys_of(client, name):
    answer = client.list_objects_v2(Bucket=name, Prefix="checked/")
    return [entry["Key"] for entry in answer.get("Contents", [])]


def sign_in(page: Page, installation: Installation) -> None:
    page.goto(f"{installation.url}/accounts/login/")
    page.get_by_label("Email").fill(OPERATOR_EMAIL)
    page.get_by_label("Password", exact=True).fill(installation.operator_password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/projects/**")


def test_what_was_deleted_behind_our_back_is_found_and_copied_again(
    installation: Installation, project: Project, uploadcare, bucket, page: Page, tmp_path: Path
):
    """F60, as a person sees it."""
    client, name = bucket
    connected = installation.connect_bucket(
        project, "--auto-copy", name="photos", prefix="checked/", bucket=name
    )
    assert connected["exit_code"] == 0, connected
    for n in range(3):
        (tmp_path / f"{n}.txt").write_text(f"content {n}")
        with (tmp_path / f"{n}.txt").open("rb") as content:
            uploadcare.upload(content)
    _wait_for(lambda: len(keys_of(client, name)) == 3)
    lost = keys_of(client, name)[0]
    client.delete_object(Bucket=name, Key=lost)
    client.put_object(Bucket=name, Key="checked/somebody's.txt", Body=b"x")

    sign_in(page, installation)
    page.goto(f"{installation.url}/projects/{project.slug}/storages/")
    page.get_by_role("link", name="photos").first.click()
    page.get_by_role("link", name="Check", exact=True).click()
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("#check")).to_contain_text(
        "2 differences found. 1 of them put right or ordered anew."
    )
    table = page.get_by_role("table")
    expect(table).to_contain_text(lost)
    expect(table).to_contain_text("Not in the bucket")
    expect(table).to_contain_text("Unknown to the ledger")
    _wait_for(lambda: lost in keys_of(client, name))
    assert len(keys_of(client, name)) == 4

    for scheme in ("light", "dark"):
        for width in (1280, 320):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            page.reload()
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{overflow} px too wide at {width} px"
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()

    page.get_by_role("button", name="Only report").click()
    expect(page.locator("#main").get_by_text("only reported from now on")).to_be_visible()
    page.get_by_role("button", name="Quick check").click()
    expect(page.locator("#check")).to_contain_text("Quick check")


def _wait_for(condition, *, within: float = 60) -> None:
    ends_at = time.monotonic() + within
    while not condition():
        assert time.monotonic() < ends_at, "it did not happen"
        time.sleep(0.2)
