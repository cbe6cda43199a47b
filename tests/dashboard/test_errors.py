"""What people see when a page cannot be shown; programs get JSON."""

import re
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from allauth.core.internal import ratelimit
from django.conf import settings as installed
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import cache
from django.db import OperationalError, ProgrammingError
from django.urls import reverse

from storages_app.oversight import health
from storages_app.projects import request_limits
from tests.dashboard.conftest import new_client
from ucdash import static_files


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def text_of(response):
    return " ".join(re.sub("<[^>]+>", "", response.text).split())


@pytest.fixture
def break_with(as_owner, monkeypatch):
    """The overview as the owner gets it when its figures raise this."""

    def broken(error):
        def fail(*args, **kwargs):
            raise error

        monkeypatch.setattr("storages_app.dashboard.views.keys.snippets_of", fail)
        as_owner.raise_request_exception = False

    return broken


class TestNotFound:
    def test_is_a_page_for_people_and_json_for_programs(self, db):
        client = new_client()
        page = client.get("/nothing/here/")
        assert page.status_code == 404
        assert "There is nothing at this address." in text_of(page)
        answer = client.get("/nothing/here/", headers={"accept": "application/json"})
        assert answer.json() == {"detail": "Not found."}

    def test_leads_to_the_activity_of_ones_own_project_only(self, project, as_owner, as_neighbour):
        missing = f"/projects/{project.slug}/files/nothing/"
        link = f'href="{address("activity", project)}"'
        page = as_owner.get(missing)
        assert link in page.text
        assert (
            "There is nothing at this address. The file may have been deleted; look in Activity."
            in text_of(page)
        )
        for client in (as_neighbour, new_client()):
            assert link not in client.get(missing).text
            assert "Activity" not in client.get(missing).text

    def test_elsewhere_says_nothing_of_files(self, as_owner):
        page = as_owner.get("/nothing/here/").text
        assert "Activity" not in page
        assert "deleted" not in page


class TestForbidden:
    def test_names_the_role_and_whom_to_ask(self, project, as_viewer):
        page = as_viewer.get(address("key_new", project))
        assert page.status_code == 403
        assert (
            "You are not a member of this project, or your role is too low for this. "
            "You are viewer. Ask owner@example.com." in text_of(page)
        )

    def test_a_page_open_too_long_says_so(self, project, owner):
        client = new_client(enforce_csrf_checks=True)
        client.force_login(owner)
        button, form = address("backup_run_now", project), f"{address('backup', project)}?a=b"
        own = {"referer": f"{installed.DASHBOARD_URL}{form}"}
        page = client.post(button, headers=own)
        assert page.status_code == 403
        assert "This page was open too long. Reload it; your text is kept." in text_of(page)
        assert f'href="{form}"' in page.text
        foreign = client.post(button, headers={"referer": "https://evil.example.com/x"})
        assert "evil.example.com" not in foreign.text
        answer = client.post(button, headers={"accept": "application/json"})
        assert (answer.status_code, answer.json()) == (403, {"detail": "The form is too old."})


class TestTooLarge:
    def test_tells_the_limit(self, project, as_owner):
        body = {"label": "x" * installed.DATA_UPLOAD_MAX_MEMORY_SIZE}
        page = as_owner.post(address("key_new", project), body)
        assert page.status_code == 413
        assert "more than 2.6\u00a0MB" in page.text
        assert not project.secret_keys.exists()

    def test_too_many_fields_are_another_thing(self, project, as_owner):
        fields = {f"f{n}": "" for n in range(installed.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}
        assert as_owner.post(address("key_new", project), fields).status_code == 400


class TestTooManyTries:
    @pytest.fixture(autouse=True)
    def _nothing_was_sent(self):
        cache.clear()

    @pytest.fixture
    def clock(self, monkeypatch):
        """Stands still, so that the seconds do; allauth and we read the same."""
        clock = SimpleNamespace(now=1_700_000_000.0)
        for module in (request_limits, ratelimit):
            monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now))
        monkeypatch.setattr(ratelimit, "cache_lock", lambda key: nullcontext(True))
        return clock

    def ask(self, email="ada@example.com", **extra):
        form = {"email": email}
        return new_client().post(reverse("account_reset_password"), form, **extra)

    @pytest.mark.parametrize(("waited", "left"), [(0, "60 seconds"), (48.5, "12 seconds")])
    def test_tell_the_seconds_that_are_left(self, waited, left, clock, db):
        for _ in range(5):
            assert self.ask().status_code == 302
        clock.now += waited
        page = self.ask()
        assert page.status_code == 429
        assert f"Try again in {left}." in text_of(page)
        assert page["Retry-After"] == left.partition(" ")[0]
        assert self.ask("eve@example.com").status_code == 302
        clock.now += 60
        assert self.ask().status_code == 302

    def test_the_last_second_is_one(self, clock, db):
        for _ in range(5):
            self.ask()
        clock.now += 59.5
        assert "Try again in 1 second." in text_of(self.ask())

    def test_those_of_a_person_are_told_too(self, clock, as_owner):
        address = reverse("account_change_password")
        pages = [as_owner.post(address, {"oldpassword": "x"}) for _ in range(6)]
        assert "Try again in 60 seconds." in text_of(pages[5])


class TestFaultsOfOurs:
    def test_name_the_request_and_nothing_of_the_fault(self, project, as_owner, break_with):
        break_with(RuntimeError("a fault of ours"))
        page = as_owner.get(address("keys", project))
        assert page.status_code == 500
        request_id = page["x-uploadcare-request-id"]
        assert (
            f"This page failed on our side; it is logged as {request_id}. "
            "Look whether your change went through before you send it again." in text_of(page)
        )
        assert "a fault of ours" not in page.text

    def test_while_the_tables_are_older_than_the_code_it_is_an_upgrade(
        self, project, as_owner, break_with, monkeypatch
    ):
        monkeypatch.setattr(health, "_is_migrated", lambda: False)
        break_with(ProgrammingError("no such column"))
        page = as_owner.get(address("keys", project))
        assert page.status_code == 503
        assert page["Retry-After"] == "30"
        assert "This instance is being upgraded" in page.text

    def test_a_database_that_does_not_answer_is_no_upgrade(
        self, project, as_owner, break_with, monkeypatch
    ):
        def gone():
            raise OperationalError("gone")

        monkeypatch.setattr(health, "_is_migrated", gone)
        break_with(OperationalError("gone"))
        assert as_owner.get(address("keys", project)).status_code == 500


class TestWithoutCollectedFiles:
    @pytest.fixture(autouse=True)
    def _nothing_is_collected(self, settings, tmp_path):
        settings.STATIC_ROOT = tmp_path / "static"
        settings.STATIC_ROOT.mkdir()
        backend = "ucdash.static_files.StaticFiles"
        settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": backend}}

    def test_pages_of_errors_are_there(self, project, as_owner, break_with):
        missing = as_owner.get("/nothing/here/")
        assert missing.status_code == 404
        assert "/static/ucdash/ucdash.css" in missing.text
        break_with(RuntimeError("a fault of ours"))
        page = as_owner.get(address("keys", project))
        assert page.status_code == 500
        assert "it is logged as" in text_of(page)

    def test_what_was_not_collected_is_told_once_and_what_nobody_has_is_not(self, caplog):
        """WhiteNoise asks for many names of no file while it starts."""
        static_files._tell_once.cache_clear()
        for name in ("ucdash/ucdash.css", "ucdash/ucdash.css", "ucdash/nothing.css"):
            assert staticfiles_storage.url(name) == f"/static/{name}"
        (told,) = caplog.messages
        assert "ucdash/ucdash.css" in told
