"""The whole product without a mouse, and as somebody hears it who does not see it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.keyboard import signed_in
from tests.pictures import jpeg
from tests.rig.installation import RARELY, Installation

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.timeout(300)]


def test_from_a_new_project_to_a_deleted_file_that_is_restored(
    installation: Installation, page: Page, tmp_path
):
    """One address is typed; all else is links, buttons and fields."""
    hands = signed_in(page, installation)
    main, heading = page.locator("#main"), page.get_by_role("heading", level=1)

    page.goto(f"{installation.url}/projects/")
    hands.link("Create project")
    hands.write("Name", "Keyboard shop")
    page.keyboard.press("Enter")
    hands.hears("Project “Keyboard shop” is ready.")
    hands.link("I have stored it")

    (tmp_path / "harbour.jpg").write_bytes(jpeg(640, 480))
    hands.link("Upload")
    hands.pick(page.locator("main form input[type=file]").first, tmp_path / "harbour.jpg")
    hands.button("Upload")
    hands.hears("Uploaded harbour.jpg.")

    demo = installation.bucket
    hands.link("Custom storage")
    hands.link("Connect S3 bucket")
    hands.choose(page.get_by_role("radio", name=re.compile("^Other")))
    expect(page.get_by_label("Endpoint", exact=True)).to_be_visible()
    hands.write("Endpoint", demo.endpoint_url)
    hands.write("Storage name", "photos")
    hands.write("Region optional", demo.region)
    hands.write("Bucket", demo.bucket)
    hands.write("Prefix optional", "by-keyboard/")
    hands.button("Next")
    expect(heading).to_contain_text("What for")
    expect(heading).to_be_focused()
    hands.tick(page.get_by_label("Backup", exact=True))
    hands.tick(page.get_by_label("Restore", exact=True))
    hands.button("Next")
    expect(heading).to_contain_text("Access")
    hands.write("Access key id", demo.access_key_id)
    hands.write("Secret access key", demo.secret_access_key)
    hands.button("Next")
    expect(heading).to_contain_text("Bucket policy / ACL checklist")
    hands.button("Next")
    expect(heading).to_contain_text("Test and finish")
    expect(page.locator("#test")).to_contain_text(re.compile("Ready to connect|Works, with"))
    hands.button("Connect")
    expect(heading).to_have_text("“photos” is connected.")

    hands.button("Turn on auto-copy")
    hands.hears("New files are copied here from now on.")

    hands.link("Backup")
    hands.link("Connect backup bucket")
    hands.choose(page.get_by_role("radio", name="photos"))
    hands.go_to(page.get_by_label("Full pass"))
    page.keyboard.type("Other")
    hands.write("Cron", RARELY)
    expect(page.locator("#next-runs")).to_contain_text("29 Feb 2028")
    hands.button("Turn on backup")
    hands.hears("Backup is on. The first run begins now.")
    expect(main).to_contain_text("Backed up. The 1 stored file is in")
    hands.button("Run now")
    hands.hears("A run was asked for. It shows up below.")
    expect(main).to_contain_text("Backed up. The 1 stored file is in")

    hands.link("Files")
    hands.tick(page.get_by_role("checkbox", name="Select harbour.jpg"))
    hands.hears("1 selected")
    hands.go_to(page.get_by_role("button", name="Delete…"), key="Shift+Tab")
    page.keyboard.press("Enter")
    hands.button("Delete 1 file")
    hands.hears("1 file leaves this project in 10 minutes.")
    hands.button("Undo")
    hands.hears("1 file stays.")
    hands.tick(page.get_by_role("checkbox", name="Select harbour.jpg"))
    hands.go_to(page.get_by_role("button", name="Delete…"), key="Shift+Tab")
    page.keyboard.press("Enter")
    hands.button("Delete 1 file")
    hands.hears("1 file leaves this project in 10 minutes.")
    the_minutes_pass(installation)

    hands.link("Backup")
    hands.link("Restore…")
    hands.button("Show what would happen")
    hands.button(re.compile("Restore 1 file"))
    expect(main).to_contain_text("1 file restored, all match")
    expect(page.locator("#restore-says")).to_contain_text("1 file restored")
    hands.link("Files")
    hands.link("harbour.jpg")
    expect(heading).to_have_text("harbour.jpg")


def the_minutes_pass(installation: Installation) -> None:
    """Until a worker has removed what was deleted."""
    installation.shell_json(
        "from django.utils import timezone\n"
        "from storages_app.library import runner\n"
        "from storages_app.models import File\n"
        "File.objects.exclude(removal_due_at=None).update(removal_due_at=timezone.now())\n"
        "runner.remove_due(now=timezone.now())"
    )
