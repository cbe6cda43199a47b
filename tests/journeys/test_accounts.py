"""Accounts in Chromium: passkeys, codes of an authenticator, a session that ends meanwhile."""

import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.rig.installation import Installation

pytestmark = [pytest.mark.real, pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A web server whose operators may change what the other journeys sign in with."""
    running = Installation(tmp_path_factory.mktemp("accounts"), UCDASH_WRONG_SIGN_INS="100")
    try:
        running.prepare()
        running.start_web()
        yield running
    finally:
        running.stop()


@dataclass(frozen=True)
class Person:
    email: str
    password: str


@pytest.fixture
def person(machine: Installation) -> Person:
    """Somebody new, so that no test finds what another has added."""
    person = Person(f"{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(12))
    machine.shell_json(
        "from storages_app.models import User\n"
        f"User.objects.create_user({person.email!r}, {person.password!r}).pk"
    )
    return person


@pytest.fixture
def said(page: Page) -> list[str]:
    """What the browser complains about: scripts that failed, and what the policy stopped."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


def sign_in(page: Page, machine: Installation, person: Person, path: str = "/account/") -> None:
    page.goto(f"{machine.url}/accounts/login/?next={path}")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page, machine: Installation) -> None:
    page.goto(f"{machine.url}/accounts/logout/")
    page.get_by_role("button", name="Sign out", exact=True).last.click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def add_authenticator(context: BrowserContext, page: Page) -> None:
    """A device with a fingerprint that always fits."""
    device = context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def expect_no_findings(page: Page, title: str) -> None:
    """On the page of that title: what came before it may still be there."""
    expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()
    found = Axe().run(page).response["violations"]
    assert not found, [(rule["id"], rule["nodes"][0]["html"]) for rule in found]


def path_of(page: Page) -> str:
    return urlsplit(page.url).path


def test_a_passkey_is_added_signs_in_confirms_and_goes(
    machine: Installation, person: Person, page: Page, said: list[str]
) -> None:
    add_authenticator(page.context, page)
    sign_in(page, machine, person)
    expect_no_findings(page, "Account")

    page.get_by_role("link", name="Add a passkey…").click()
    expect_no_findings(page, "Add a passkey")
    page.get_by_label("Name").fill("My laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.locator("#main").get_by_text("Copy these codes now.")).to_be_visible()
    expect_no_findings(page, "Recovery codes")
    page.get_by_role("link", name="I have stored them").click()
    expect(page.locator("#main").get_by_text("My laptop")).to_be_visible()

    sign_out(page, machine)
    expect_no_findings(page, "Sign in")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Projects", exact=True)).to_be_visible()

    page.goto(f"{machine.url}/accounts/reauthenticate/?next=/account/")
    page.get_by_role("link", name="Use a security key").click()
    expect_no_findings(page, "Confirm that it is you")
    page.get_by_role("button", name="Confirm with a passkey").click()
    expect(page.get_by_role("heading", name="Account")).to_be_visible()

    page.get_by_role("link", name="Remove My laptop").click()
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page.locator("#main").get_by_text("The passkey is removed.")).to_be_visible()
    assert not said


def test_a_passkey_is_the_second_step_after_the_password(
    machine: Installation, person: Person, page: Page, said: list[str]
) -> None:
    add_authenticator(page.context, page)
    sign_in(page, machine, person, "/accounts/2fa/webauthn/add/")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.locator("#main").get_by_text("Copy these codes now.")).to_be_visible()
    sign_out(page, machine)
    sign_in(page, machine, person)
    expect_no_findings(page, "One more step")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Account")).to_be_visible()
    page.get_by_role("link", name="Remove Passkey 1").click()
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page.locator("#main").get_by_text("The passkey is removed.")).to_be_visible()
    assert not said


def test_an_authenticator_app_is_connected_and_asked(
    machine: Installation, person: Person, page: Page, said: list[str]
) -> None:
    sign_in(page, machine, person)
    page.get_by_role("link", name="Add an authenticator…").click()
    key = page.locator("#totp-key").inner_text()
    assert page.locator("img.qr").evaluate("image => image.naturalWidth") > 0
    expect_no_findings(page, "Add an authenticator app")
    page.get_by_label("Code").fill(code_of(key))
    page.get_by_role("button", name="Connect the authenticator").click()
    codes = re.findall(r"\d{8}", page.locator("#codes").inner_text())
    assert len(codes) == 10

    sign_out(page, machine)
    sign_in(page, machine, person)
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("#main").get_by_text("That code does not fit.")).to_be_visible()
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("#main").get_by_text("9 left.")).to_be_visible()

    page.get_by_role("listitem").filter(has_text="Authenticator app").get_by_role(
        "link", name="Remove…"
    ).click()
    page.get_by_role("button", name="Remove the authenticator").click()
    expect(page.locator("#main").get_by_text("The authenticator is removed.")).to_be_visible()
    assert not said


def code_of(key: str) -> str:
    """What the app shows now."""
    return format_hotp_value(hotp_value(key, int(time.time()) // 30))


def test_what_was_typed_is_there_again_after_signing_in_anew(
    machine: Installation, person: Person, page: Page
) -> None:
    sign_in(page, machine, person, "/new-project/")
    page.get_by_label("Name").fill("A name that took long to find")
    session = next(c for c in page.context.cookies() if c["name"] == "ucdash_session")
    page.context.clear_cookies(name=session["name"])  # as an end from elsewhere does

    page.get_by_role("button", name="Create project").click()
    expect(
        page.locator("#main").get_by_text("You were signed out. Sign in and you come back here")
    ).to_be_visible()
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label("Name")).to_have_value("A name that took long to find")
    assert "took long" not in page.evaluate("JSON.stringify(sessionStorage)")


def test_what_was_typed_is_there_again_on_a_page_that_was_open_too_long(
    machine: Installation, person: Person, page: Page
) -> None:
    sign_in(page, machine, person, "/new-project/")
    page.get_by_label("Name").fill("A name that took long to find")
    page.context.clear_cookies(name="ucdash_csrf")

    page.get_by_role("button", name="Create project").click()
    page.get_by_role("link", name="Reload the page").click()
    expect(page.get_by_label("Name")).to_have_value("A name that took long to find")
    assert "took long" not in page.evaluate("JSON.stringify(sessionStorage)")
    page.get_by_role("button", name="Create project").click()
    expect(page.locator("#main").get_by_text("is ready. Its keys are below")).to_be_visible()


def test_without_scripts_people_sign_in_and_change_what_they_see(
    machine: Installation, person: Person, chromium: Browser
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{machine.url}/accounts/login/")
    expect(page.get_by_role("button", name="Use a passkey")).to_have_count(0)
    sign_in(page, machine, person)
    page.get_by_label("Dark").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    context.close()
