"""A canary in every field that takes a secret, and a walk: it is found nowhere but sealed (S113).

Looked at are the database, the broker's messages while all work waits and after it was done, logs,
mails, a backup of the installation, the bucket, the process list, every page, and what the APIs
answer. It runs on PostgreSQL and Redis too, whose dumps are searched.
"""

import base64
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page

from tests.journeys import every_page
from tests.journeys.every_page import World
from tests.journeys.test_accounts import code_of
from tests.rig.installation import OPERATOR_EMAIL, wait_until
from tests.rig.searching import places
from tests.rig.web_source import WebSource

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

STORAGE_PAGES = ("", "copies/", "settings/", "rights/", "use/", "auto-copy/", "check/")
ANSWERS = ("/api/v1/custom_storages/", "/api/v1/events/", "/api/v1/backup/", "/project/", "/files/")
WRONG = "not-the-right-one"
# A link of a mail is a secret of who gets the mail.
OF_MAILS = {"link of a new password"}
# On purpose: the settings, the first password that an operator is told, and the forms of a backup,
# which show the address of its monitor to who may change it.
KEPT_IN = {
    "secret key of Django": ("var/env",),
    "password of the operator": ("var/operator.txt",),
    "address of the monitor of backups": ("/backup/settings/", "/backup/connect/"),
}


class Canaries(dict[str, str]):
    """`canaries["wizard"]` is a new one for that field, as long as a secret of Amazon is."""

    def __missing__(self, field: str) -> str:
        self[field] = f"canary{secrets.token_hex(17)}"
        return self[field]

    def found_in(self, text: bytes) -> list[str]:
        """Fields whose canary is in there: as it is, or as base64 or an address would show it."""
        return [
            field
            for field, canary in self.items()
            if any(form in text for form in (canary.encode(), quote(canary).encode()))
            or any(piece in text for piece in _in_base64(canary))
        ]


def _in_base64(canary: str) -> Iterator[bytes]:
    """What is the same wherever in a longer text it begins."""
    for shift in range(3):
        yield base64.b64encode(b" " * shift + canary.encode())[4:-4]


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, web_source: WebSource, canaries: Canaries
) -> Iterator[World]:
    with every_page.seeded(
        tmp_path_factory.mktemp("canary"),
        UCDASH_ALLOWED_PRIVATE_HOSTS=web_source.host_and_port,
        UCDASH_METRICS_TOKEN=canaries["metrics token"],
        UCDASH_EMAIL_PASSWORD=canaries["password of the mail server"],
        UCDASH_EMAIL_BY="file",
        UCDASH_WRONG_SIGN_INS="100",
    ) as running:
        yield running


@pytest.fixture
def operator(world: World, chromium: Browser) -> Iterator[Page]:
    context = every_page.new_context(chromium, world)
    yield context.new_page()
    context.close()


def test_a_canary_is_found_where_it_is_not_sealed():
    canaries = Canaries()
    canary = canaries["a field"]
    for text in (canary, f'{{"secret": "{canary}"}}', f"x={canary}&y"):
        assert canaries.found_in(text.encode()) == ["a field"]
        assert canaries.found_in(base64.b64encode(text.encode())) == ["a field"]
    assert canaries.found_in(b"nothing of it") == []


def test_a_secret_that_was_typed_anywhere_is_found_nowhere(
    world: World, operator: Page, chromium: Browser, web_source: WebSource, canaries: Canaries
):
    installation = world.installation
    canaries["password of the operator"] = installation.operator_password
    canaries["secret of the demo project"] = world.project.secret_key
    settings = (installation.data_dir / "env").read_text()
    canaries["secret key of Django"] = settings.partition("UCDASH_SECRET_KEY=")[2].split()[0]
    storages = [_by_command(world, canaries), _by_api(world, canaries)]
    storages.append(_by_wizard(world, operator, canaries))
    _change_by_form(world, operator, storages[0], canaries)
    _webhooks(world, operator, canaries)
    _addresses_with_a_token(world, operator, web_source, canaries)
    _secrets_that_are_shown_once(world, operator, canaries)
    _wrong_password(world, canaries)
    _an_account_of_ones_own(world, chromium, canaries)
    _links(world, operator, canaries)
    _a_request_that_we_fail(world, canaries)
    assert len(canaries) == 28

    found = _found(dict(places(installation)), canaries)
    assert found == {}, "while all work waits"

    installation.start_worker()
    waiting = "storages_app_connectiontest WHERE finished_at IS NULL AND custom_storage_id IN ({})"
    of_them = waiting.format(", ".join(f"'{_in_sql(storage, world)}'" for storage in storages))
    of_us = f"source_url LIKE '//%:{web_source.host_and_port.partition(':')[2]}'"
    ordered = f"storages_app_urlupload WHERE finished_at IS NULL AND {of_us}"
    wait_until(
        lambda: installation.count(of_them) + installation.count(ordered) == 0,
        within=90,
        what="end of all tests",
    )
    installation.stop_worker()
    installation.manage("installation", "backup")
    shown = dict(places(installation)) | _shown(world, operator.context, storages)
    assert _found(shown, canaries) == {}
    assert any(place.startswith("var/backups/") for place in shown), list(shown)
    assert any("manifest" in place for place in shown if place.startswith("bucket "))


def test_one_that_lies_open_is_found_wherever_that_is(world: World):
    """What proves the search: the guard is off, in each place by itself."""
    installation, canaries = world.installation, Canaries()
    webhook = "UPDATE storages_app_webhook SET sealed_secret = '{}'"
    installation.execute(webhook.format(canaries["a sealed column"]))
    (installation.data_dir / "mail").mkdir(exist_ok=True)
    (installation.data_dir / "mail" / "open.log").write_text(canaries["a mail"])
    client = installation.bucket.client()
    client.put_object(Bucket=installation.bucket.bucket, Key="x", Body=canaries["the bucket"])
    client.close()
    command = [sys.executable, "-c", "input()", canaries["the process list"]]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process, _message(world, canaries):
        found = {name for names in _found(dict(places(installation)), canaries).values()
                 for name in names}  # fmt: skip
        process.communicate(b"\n")
    installation.execute(webhook.format(""))
    assert found == set(canaries)


@contextmanager
def _message(world: World, canaries: Canaries) -> Iterator[None]:
    """One that waits at the broker, where that is a server."""
    broker = world.installation.env.get("CELERY_BROKER_URL")
    if not broker:
        yield
        return
    import redis

    client = redis.Redis.from_url(broker)
    client.rpush("canaries", canaries["a message"])
    yield
    client.delete("canaries")
    client.close()


def _found(shown: dict[str, bytes], canaries: Canaries) -> dict[str, list[str]]:
    """By place, the fields whose canary is where it must not be."""
    found = {}
    for place, text in shown.items():
        fields = [field for field in canaries.found_in(text) if not _may_be(field, place)]
        if fields:
            found[place] = fields
    return found


def _may_be(field: str, place: str) -> bool:
    return place.endswith(KEPT_IN.get(field, ("\0",))) or (
        field in OF_MAILS and place.startswith("var/mail/")
    )


def _shown(world: World, browser: BrowserContext, storages: list[str]) -> dict[str, bytes]:
    """Every page, part and list that an operator gets, and the answers of the APIs."""
    here = f"/projects/{world.project.slug}/storages"
    own = [f"{here}/{storage}/{path}" for storage in storages for path in STORAGE_PAGES]
    shown = {
        path: browser.request.get(world.installation.url + path, max_redirects=3).body()
        for path in [*world.addresses.values(), *own]
    }
    return shown | {path: _rest(world, "get", path).content for path in ANSWERS}


# --- Where secrets are typed --------------------------------------------------------------------


def _by_command(world: World, canaries: Canaries) -> str:
    world.installation.connect_bucket(world.project, name="by-command", secret=canaries["command"])
    return _storage(world, "by-command")


def _by_api(world: World, canaries: Canaries) -> str:
    demo = world.installation.bucket
    body = {
        "name": "by-api",
        "bucket": demo.bucket,
        "endpoint_url": demo.endpoint_url,
        "region": demo.region,
        "provider": "other",
        "access_key_id": demo.access_key_id,
        "secret_access_key": canaries["api"],
    }
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    made = _rest(world, "post", "/api/v1/custom_storages/", json=body, headers=headers)
    assert made.status_code == 201, made.text
    storage = str(made.json()["id"])
    wrong = body | {"bucket": "No_Bucket!", "secret_access_key": canaries["refused by the api"]}
    refused = _rest(world, "post", "/api/v1/custom_storages/", json=wrong)
    assert refused.status_code == 400
    assert not canaries.found_in(made.content + refused.content)
    _rest(world, "post", f"/api/v1/custom_storages/{storage}/tests/")
    return storage


def _by_wizard(world: World, page: Page, canaries: Canaries) -> str:
    """The third step, where somebody types it into a browser."""
    installation, demo = world.installation, world.installation.bucket
    values = {
        "name": "by-wizard",
        "provider": "other",
        "endpoint_url": demo.endpoint_url,
        "region": demo.region,
        "bucket": demo.bucket,
    }
    storage = str(
        installation.shell_json(
            "from storages_app.custom_storages import services\n"
            "from storages_app.models import Project\n"
            f"project = Project.objects.get(slug={world.project.slug!r})\n"
            f"row = services.create_draft(project=project, actor='a test', **{values!r})\n"
            "services.reach_step(custom_storage=row, step=3)\n"
            "str(row.pk)"
        )
    )
    address = _page(world, f"storages/{storage}/setup/access/")
    page.goto(address)
    page.get_by_label("Access key id").fill(demo.access_key_id)
    page.get_by_label("Secret access key").fill(canaries["wizard"])
    page.get_by_role("button", name="Next", exact=True).click()
    page.wait_for_url("**/setup/bucket/**")
    page.goto(address)
    assert not canaries.found_in(page.content().encode())
    return storage


def _change_by_form(world: World, page: Page, storage: str, canaries: Canaries) -> None:
    page.goto(_page(world, f"storages/{storage}/settings/"))
    page.get_by_label("Secret access key").fill(canaries["settings"])
    page.get_by_role("button", name="Save").click()
    page.wait_for_load_state()
    assert not canaries.found_in(page.content().encode())


def _webhooks(world: World, page: Page, canaries: Canaries) -> None:
    """REST gives it back to who may see it, as the API that it follows does; pages do not."""
    for field in ("webhook", "webhook by a form", "webhook, the next one"):
        canaries[field] = canaries[field][:32]
    body = {
        "target_url": "https://hooks.example.com/canary",
        "event": "file.uploaded",
        "signing_secret": canaries["webhook"],
    }
    made = _rest(world, "post", "/webhooks/", json=body)
    assert made.status_code == 201, made.text
    values = {"target_url": "https://hooks.example.com/form", "events": "file.uploaded"}
    _send(world, page, "webhooks/new/", values | {"signing_secret": canaries["webhook by a form"]})
    number = _rest(world, "get", "/webhooks/").json()[-1]["id"]
    values = {"target_url": "https://hooks.example.com/form", "is_active": "on"}
    answer = _send(
        world,
        page,
        f"webhooks/{number}/",
        values | {"signing_secret": canaries["webhook, the next one"]},
    )
    assert not canaries.found_in(answer)


def _addresses_with_a_token(
    world: World, page: Page, web_source: WebSource, canaries: Canaries
) -> None:
    """Whoever knows such an address may read a file, post into a room, or call a monitor."""
    url = f"http://{web_source.host_and_port}/a.jpg?signature={canaries['address of a file']}"
    sent = {"pub_key": world.project.public_key, "source_url": url}
    requests.post(f"{world.installation.url}/from_url/", data=sent, timeout=30).raise_for_status()
    for kind in ("webhook", "ping"):
        values = {
            "kind": kind,
            "address": f"https://rooms.example.com/services/{canaries[f'address of a {kind}']}",
            "topics": "storage_broken",
        }
        _send(world, page, "notifications/new/", values)
    url = f"https://monitor.example.com/{canaries['address of the monitor of backups']}"
    changed = _rest(world, "patch", "/api/v1/backup/", json={"ping_url": url})
    assert changed.status_code == 200, changed.text
    assert not canaries.found_in(changed.content)


def _secrets_that_are_shown_once(world: World, page: Page, canaries: Canaries) -> None:
    once = {"once": "00000000-0000-4000-8000-000000000007"}
    server = {"kind": "webhook", "address": "https://hooks.example.com/n", "topics": "job_failed"}
    for path, values in {
        "keys/new/": {"label": "canary", "scope": "full"},
        "settings/signed-urls/secret/": {},
        "notifications/new/": server | {"is_signed": "on"},
    }.items():
        shown = _send(world, page, path, values | once)
        secret = re.search(rb'<code[^>]*id="secret"[^>]*>\s*(\w+)', shown)
        assert secret, shown.decode()
        canaries[f"shown once by {path}"] = secret[1].decode()
    field = "signing secret of notifications"
    canaries[field] = canaries[field][:32]
    number = world.installation.shell_json(
        "from storages_app.models import NotificationChannel\n"
        "NotificationChannel.objects.latest('pk').pk"
    )
    values = once | {"secret": canaries[field]}
    answer = _send(world, page, f"notifications/{number}/secret/", values)
    assert b"Messages are signed" in answer
    assert not canaries.found_in(answer)


def _wrong_password(world: World, canaries: Canaries) -> None:
    address = f"{world.installation.url}/accounts/login/"
    with requests.Session() as browser:
        token = _token_of(browser.get(address, timeout=30).text)
        values = {
            "login": "somebody-" + OPERATOR_EMAIL,
            "password": canaries["wrong password"],
            "csrfmiddlewaretoken": token,
        }
        answer = browser.post(address, data=values, timeout=30)
    assert "do not match" in answer.text
    assert not canaries.found_in(answer.content)


def _an_account_of_ones_own(world: World, chromium: Browser, canaries: Canaries) -> None:
    """A password, another one, and an authenticator."""
    installation = world.installation
    first, second = canaries["password"], canaries["password, the next one"]
    installation.shell_json(
        "from storages_app.models import User\n"
        f"User.objects.create_user('canary@example.com', {first!r}).pk"
    )
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{installation.url}/accounts/login/?next=/accounts/2fa/totp/activate/")
    page.get_by_label("Email").fill("canary@example.com")
    page.get_by_label("Password", exact=True).fill(first)
    page.get_by_role("button", name="Sign in", exact=True).click()
    canaries["key of an authenticator"] = page.locator("#totp-key").inner_text().replace(" ", "")
    page.get_by_label("Code").fill(code_of(canaries["key of an authenticator"]))
    page.get_by_role("button", name="Connect the authenticator").click()
    page.locator("#codes").wait_for()  # eight digits each, which any file may hold by chance
    page.goto(f"{installation.url}/accounts/password/change/")
    page.get_by_label("Current password").fill(first)
    page.get_by_label("New password", exact=True).fill(second)
    page.locator("main button[type=submit]").last.click()
    page.wait_for_load_state()
    assert "canary" not in page.content().replace("canary@example.com", "")
    context.close()


def _links(world: World, page: Page, canaries: Canaries) -> None:
    """Of an invitation, which is shown where no mail server is; and of a mail."""
    values = {"email": "somebody-new@example.com", "role": "viewer"}
    invited = re.search(rb"/invitations/([\w-]{30,})/", _send(world, page, "team/invite/", values))
    assert invited
    canaries["link of an invitation"] = invited[1].decode()
    address = f"{world.installation.url}/accounts/password/reset/"
    with requests.Session() as browser:
        token = _token_of(browser.get(address, timeout=30).text)
        values = {"email": OPERATOR_EMAIL, "csrfmiddlewaretoken": token}
        assert browser.post(address, data=values, timeout=30).ok
    mails = "".join(path.read_text() for path in (world.installation.data_dir / "mail").iterdir())
    mailed = re.search(r"/reset/key/([\w-]{20,})/", mails)
    assert mailed, mails
    canaries["link of a new password"] = mailed[1]


def _a_request_that_we_fail(world: World, canaries: Canaries) -> None:
    """Its traceback goes into the log."""
    rename = "ALTER TABLE storages_app_webhook RENAME TO storages_app_away"
    back = "ALTER TABLE storages_app_away RENAME TO storages_app_webhook"
    canaries["a request that failed"] = canaries["a request that failed"][:32]
    body = {
        "target_url": "https://hooks.example.com/failed",
        "event": "file.uploaded",
        "signing_secret": canaries["a request that failed"],
    }
    world.installation.execute(rename)
    try:
        failed = _rest(world, "post", "/webhooks/", json=body)
    finally:
        world.installation.execute(back)
    assert failed.status_code == 500
    assert not canaries.found_in(failed.content)
    assert "Traceback" in (world.installation.folder / "web.log").read_text()


# --- Helpers ------------------------------------------------------------------------------------


def _page(world: World, path: str) -> str:
    return f"{world.installation.url}/projects/{world.project.slug}/{path}"


def _send(world: World, page: Page, path: str, values: dict[str, str]) -> bytes:
    """Fill the form of a page and send it, by the browser that is signed in."""
    address, browser = _page(world, path), page.context.request
    token = _token_of(browser.get(address).text())
    answer = browser.post(address, form=values | {"csrfmiddlewaretoken": token})
    assert answer.ok, (path, answer.status)
    assert 'class="error"' not in answer.text(), answer.text()
    return answer.body()


def _token_of(form: str) -> str:
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    assert token, form
    return token[1]


def _storage(world: World, name: str) -> str:
    answer = _rest(world, "get", "/api/v1/custom_storages/")
    return next(str(row["id"]) for row in answer.json()["results"] if row["name"] == name)


def _in_sql(storage: str, world: World) -> str:
    """SQLite keeps UUIDs without hyphens."""
    return storage if world.installation.on_postgresql else storage.replace("-", "")


def _rest(world: World, method: str, path: str, **options: Any) -> requests.Response:
    own = {
        "Accept": "application/vnd.uploadcare-v0.7+json",
        "Authorization": f"Uploadcare.Simple {world.project.public_key}:{world.project.secret_key}",
    }
    headers = own | options.pop("headers", {})
    return requests.request(
        method, world.installation.url + path, headers=headers, timeout=30, **options
    )
