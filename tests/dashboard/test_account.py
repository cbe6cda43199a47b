"""A person's own page, and the confirmation before secrets, storages and members (S109)."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.models import Event, SecretKey
from tests.dashboard.conftest import client_of, new_client
from tests.factories import make_user, make_webhook

PASSWORD = "a long enough passphrase"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"


@pytest.fixture
def person(db):
    return make_user("ada@example.com", password=PASSWORD)


@pytest.fixture
def as_person(person):
    client = new_client()
    form = {"login": person.email, "password": PASSWORD}
    client.post("/accounts/login/", form, headers={"user-agent": FIREFOX})
    return client


def text_of(response):
    return " ".join(response.content.decode().split())


def make_session(person, user_agent=PHONE):
    store = SessionStore()
    store["somebody"] = "is signed in"
    store.create()
    return UserSession.objects.create(
        user=person, session_key=store.session_key, ip="192.0.2.7", user_agent=user_agent
    )


def preferences(**changes):
    return {"theme": "system", "time_zone": "UTC", "has_shortcuts": "on"} | changes


class TestPage:
    def test_strangers_sign_in_first(self, db):
        assert new_client().get("/account/")["Location"] == "/accounts/login/?next=/account/"

    def test_tells_what_there_is(self, as_person):
        page = text_of(as_person.get("/account/"))
        assert "One factor: your password" in page
        assert "Add a passkey…" in page
        assert "Add an authenticator…" in page
        assert "Make new codes…" not in page
        assert "Firefox on Linux" in page
        assert "Sign out all others" not in page

    def test_tells_the_second_factors(self, as_person, person):
        TOTP.activate(person, generate_totp_secret())
        RecoveryCodes.activate(person)
        row = Authenticator.objects.create(
            user=person, type="webauthn", data={"name": "<b>My phone</b>", "credential": {}}
        )
        page = text_of(as_person.get("/account/"))
        assert "10 left. Each signs you in once" in page
        assert "&lt;b&gt;My phone&lt;/b&gt;" in page
        assert reverse("mfa_remove_webauthn", args=[row.pk]) in page
        assert "Make new codes…" in page

    def test_takes_as_many_queries_for_thirty_sessions_as_for_three(self, as_person, person):
        counts = []
        for n_sessions in (3, 27):
            for _ in range(n_sessions):
                make_session(person)
            with CaptureQueriesContext(connection) as queries:
                assert as_person.get("/account/").status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_another_persons_passkey_is_not_found(self, as_person, db):
        row = Authenticator.objects.create(
            user=make_user("eve@example.com"), type="webauthn", data={"name": "x", "credential": {}}
        )
        for name in ("mfa_edit_webauthn", "mfa_remove_webauthn"):
            address = reverse(name, args=[row.pk])
            assert as_person.get(address).status_code == 404
            assert as_person.post(address, {"name": "mine"}).status_code == 404


class TestSessions:
    def test_others_are_named_and_ended(self, as_person, person):
        other = make_session(person)
        page = text_of(as_person.get("/account/"))
        assert "Safari on iPhone" in page
        assert "192.0.2.7" in page
        response = as_person.post("/account/sessions/end/", follow=True)
        assert "Signed out on 1 other device." in text_of(response)
        assert not SessionStore().exists(other.session_key)
        assert Event.objects.get(kind="sign_in.others_ended").data == {"sessions": 1}

    def test_one_is_ended_alone(self, as_person, person):
        lost, kept = make_session(person), make_session(person, FIREFOX)
        page = as_person.get("/account/").text
        address = f"/account/sessions/{lost.pk}/end/"
        assert address in page
        response = as_person.post(address, follow=True)
        assert "Signed out on 1 other device." in text_of(response)
        assert not SessionStore().exists(lost.session_key)
        assert SessionStore().exists(kept.session_key)
        assert Event.objects.get(kind="sign_in.others_ended").data == {"sessions": 1}
        assert as_person.post(address).status_code == 404

    def test_neither_this_one_nor_anothers_is_ended_by_its_number(self, as_person, person):
        foreign = make_session(make_user("eve@example.com"))
        own = UserSession.objects.get(session_key=as_person.session.session_key)
        for session in (foreign, own):
            assert as_person.post(f"/account/sessions/{session.pk}/end/").status_code == 404
            assert SessionStore().exists(session.session_key)
        assert f"/account/sessions/{own.pk}/end/" not in as_person.get("/account/").text

    def test_those_of_others_stay(self, as_person, db):
        other = make_session(make_user("eve@example.com"))
        as_person.post("/account/sessions/end/")
        assert SessionStore().exists(other.session_key)

    def test_those_that_are_over_are_not_shown(self, as_person, person):
        other = make_session(person)
        Session.objects.filter(session_key=other.session_key).update(expire_date=timezone.now())
        assert "192.0.2.7" not in text_of(as_person.get("/account/"))

    def test_a_link_ends_none(self, as_person):
        assert as_person.get("/account/sessions/end/").status_code == 405


class TestPreferences:
    def test_colours_are_kept_in_the_account_and_in_the_browser(self, as_person, person):
        as_person.post("/account/", preferences(theme="dark"))
        person.refresh_from_db()
        assert person.theme == "dark"
        assert as_person.cookies["ucdash_theme"].value == "dark"

    def test_colours_follow_to_another_browser(self, as_person, person):
        as_person.post("/preferences/theme/", {"theme": "dark", "next": "/"})
        elsewhere = new_client()
        elsewhere.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
        assert 'data-theme="dark"' in elsewhere.get("/projects/").content.decode()

    def test_times_are_told_in_ones_own_zone_too(self, as_person, person):
        as_person.post("/account/", preferences(time_zone="Asia/Kathmandu"))
        page = as_person.get("/account/").content.decode()
        assert re.search(r'title="[\d: -]+ UTC · [\d: -]+ Asia/Kathmandu"', page)

    def test_single_keys_can_be_turned_off(self, as_person, person):
        """WCAG 2.1.4."""
        assert "data-no-shortcuts" not in as_person.get("/account/").content.decode()
        form = preferences()
        del form["has_shortcuts"]
        as_person.post("/account/", form)
        assert "data-no-shortcuts" in as_person.get("/account/").content.decode()

    @pytest.mark.parametrize("change", [{"theme": "pink"}, {"time_zone": "Mars/Olympus"}])
    def test_what_is_no_choice_is_refused_and_not_kept(self, change, as_person, person):
        response = as_person.post("/account/", preferences(**change))
        assert "Nothing was saved yet." in text_of(response)
        person.refresh_from_db()
        assert (person.theme, person.time_zone) == ("system", "UTC")

    def test_rights_are_not_taken_by_the_form(self, as_person, person):
        """S110."""
        as_person.post("/account/", preferences(is_staff="on", is_superuser="on", email="x@y.zz"))
        person.refresh_from_db()
        assert (person.is_staff, person.is_superuser) == (False, False)
        assert person.email == "ada@example.com"


@pytest.fixture
def as_tired_owner(owner, project, settings):
    """Signed in, but too long ago for secrets."""
    owner.set_password(PASSWORD)
    owner.save()
    client = client_of(owner)
    session = client.session
    session["began_at"] -= settings.CONFIRMED_FOR.total_seconds() + 1
    session.save()
    return client


class TestConfirmation:
    PAGES = (
        ("key_new", ()), ("url_secret", ()), ("webhook_new", ()), ("connect", ()),
        ("storage_settings", ("storage",)), ("storage_disconnect", ("storage",)),
        ("setup_access", ("draft",)), ("team_invite", ()), ("project_delete", ()),
    )  # fmt: skip

    @pytest.mark.parametrize(("name", "nouns"), PAGES)
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_is_asked_before_secrets_storages_and_members(
        self, name, nouns, method, as_tired_owner, project, storage, draft
    ):
        rows = {"storage": storage, "draft": draft}
        args = [project.slug, *(rows[noun].pk for noun in nouns)]
        address = reverse(f"dashboard:{name}", args=args)
        response = getattr(as_tired_owner, method)(address)
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/reauthenticate/?next=%2Fprojects%2F")

    def test_a_password_leads_back_and_is_enough_for_a_while(self, as_tired_owner, project):
        address = reverse("dashboard:key_new", args=[project.slug])
        asked = as_tired_owner.get(address)
        assert "Confirm that it is you" in text_of(as_tired_owner.get(asked["Location"]))
        back = as_tired_owner.post(asked["Location"], {"password": PASSWORD, "next": address})
        assert back["Location"] == address
        assert as_tired_owner.get(address).status_code == 200

    def test_a_wrong_password_opens_nothing(self, as_tired_owner, project):
        address = reverse("dashboard:key_new", args=[project.slug])
        asked = as_tired_owner.get(address)["Location"]
        response = as_tired_owner.post(asked, {"password": "a wrong passphrase"})
        assert "That is not your password." in text_of(response)
        assert as_tired_owner.get(address).status_code == 302

    def test_what_was_sent_too_late_is_neither_done_nor_kept_by_us(self, as_tired_owner, project):
        """S113: it may hold a secret."""
        address = reverse("dashboard:key_new", args=[project.slug])
        as_tired_owner.post(address, {"label": "CANARY", "scope": "full"})
        assert not SecretKey.objects.exists()
        assert "CANARY" not in repr(dict(as_tired_owner.session))

    def test_pages_that_members_read_are_read_without(self, as_tired_owner, project):
        for name in ("signed_urls", "keys", "overview", "files"):
            address = reverse(f"dashboard:{name}", args=[project.slug])
            assert as_tired_owner.get(address).status_code == 200
        address = reverse("dashboard:signed_urls", args=[project.slug])
        assert as_tired_owner.post(address, {"is_required": "on"}).status_code == 302

    def test_whoever_may_not_is_told_so_first(self, as_viewer, project, settings):
        session = as_viewer.session
        session["began_at"] -= settings.CONFIRMED_FOR.total_seconds() + 1
        session.save()
        address = reverse("dashboard:key_new", args=[project.slug])
        assert as_viewer.get(address).status_code == 403

    def test_a_button_leads_back_to_the_page_that_it_is_on(
        self, as_tired_owner, project, everything, settings
    ):
        webhook = make_webhook(project)
        page = reverse("dashboard:webhook", args=[project.slug, webhook.pk])
        address = reverse("dashboard:setup_merge", args=[project.slug, everything.draft.pk])
        headers = {"referer": f"{settings.DASHBOARD_URL}{page}?a=b"}
        response = as_tired_owner.post(address, headers=headers)
        assert response["Location"].endswith(f"next={page.replace('/', '%2F')}%3Fa%3Db")
        foreign = as_tired_owner.post(address, headers={"referer": "https://evil.example.com/x"})
        assert "evil" not in foreign["Location"]

    def test_htmx_is_led_there_as_a_whole_page(self, as_tired_owner, project, everything):
        address = reverse("dashboard:setup_merge", args=[project.slug, everything.draft.pk])
        response = as_tired_owner.post(address, headers={"hx-request": "true"})
        assert response["HX-Redirect"].startswith("/accounts/reauthenticate/")
