"""Signing in, out and back in: words, limits, sessions, factors (S102 to S112)."""

import os
import re
import subprocess
import sys
import time
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.usersessions.models import UserSession
from django.conf import global_settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from storages_app.models import Event
from storages_app.projects import sign_in_tries
from storages_app.projects.accounts import FactorsAdapter
from tests.dashboard.conftest import _plain_static_files, client_of, new_client  # noqa: F401
from tests.factories import make_project, make_user
from ucdash import settings as installed

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"
PASSWORD = "a long enough passphrase"
NEW_PASSWORD = "another long passphrase"
WRONG = "That email and password do not match. Check both, or reset your password."
TOO_MANY = re.compile(r"Too many tries\. Try again in \d+ minutes?, or reset your password\.")


@pytest.fixture(autouse=True)
def _counted_from_zero(monkeypatch, settings):
    """All tests come from one address, and none needs a slow hash."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()
    test, digest = uuid4().hex, sign_in_tries._digest
    monkeypatch.setattr(sign_in_tries, "_digest", lambda text: digest(test + text.lower()))
    monkeypatch.setattr(
        sign_in_tries, "client_network", lambda environ, **_: test + environ["REMOTE_ADDR"]
    )


@pytest.fixture
def person():
    return make_user("ada@example.com", password=PASSWORD)


def sign_in(client, *, email="ada@example.com", password=PASSWORD, address=LOGIN, **extra):
    return client.post(address, {"login": email, "password": password}, **extra)


def is_signed_in(client):
    return client.get("/projects/").status_code == 200


def text_of(response):
    return " ".join(response.content.decode().split())


def code_now(secret):
    """What the authenticator app shows."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


@pytest.fixture
def totp_secret(person):
    secret = generate_totp_secret()
    TOTP.activate(person, secret)
    RecoveryCodes.activate(person)
    return secret


@pytest.fixture
def shown_codes(person, totp_secret):
    """As the person has them on paper, from the one page that shows them."""
    page = client_of(person).get("/accounts/2fa/recovery-codes/")
    assert "no-store" in page["Cache-Control"]
    return re.findall(r"\d{8}", page.text.split("<pre")[1].split("</pre>")[0])


class CountingHasher(MD5PasswordHasher):
    n_hashes = 0

    def encode(self, password, salt):
        type(self).n_hashes += 1
        return super().encode(password, salt)


class TestSigningIn:
    def test_the_right_pair_opens_the_projects(self, person):
        client = new_client()
        assert sign_in(client)["Location"] == "/projects/"
        assert is_signed_in(client)

    @pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
    def test_a_wrong_pair_is_answered_alike_for_known_and_unknown_people(self, email, person):
        """S107."""
        response = sign_in(new_client(), email=email, password="a wrong passphrase")
        assert response.status_code == 200
        assert WRONG in text_of(response)

    def test_known_and_unknown_people_cost_as_many_queries(self, person):
        """S107: the hash of a password costs the same anyway, by allauth."""
        counts = []
        for email in ("ada@example.com", "nobody@example.com"):
            with CaptureQueriesContext(connection) as queries:
                sign_in(new_client(), email=email, password="a wrong passphrase")
            counts.append(sum("savepoint" not in q["sql"].lower() for q in queries))
        assert abs(counts[0] - counts[1]) <= 1

    def test_a_password_is_hashed_for_unknown_people_too(self, person, settings):
        """S107: a hash is what takes time."""
        settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
        person.set_password(PASSWORD)
        person.save()
        counts = []
        for email in ("ada@example.com", "nobody@example.com"):
            CountingHasher.n_hashes = 0
            sign_in(new_client(), email=email, password="a wrong passphrase")
            counts.append(CountingHasher.n_hashes)
        assert counts == [1, 1]

    def test_the_page_says_that_members_are_invited(self, settings):
        settings.OPERATOR_EMAIL = "ops@example.com"
        page = text_of(new_client().get(LOGIN))
        assert "This instance takes members by invitation. Ask" in page
        assert "mailto:ops@example.com" in page

    def test_nobody_signs_up(self):
        client = new_client()
        form = {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}
        for response in (client.get("/accounts/signup/"), client.post("/accounts/signup/", form)):
            assert "takes members by invitation" in text_of(response)
        assert not is_signed_in(client)

    def test_somebody_who_was_switched_off_is_told_so_and_is_out(self, person):
        client = new_client()
        sign_in(client)
        person.is_active = False
        person.save()
        assert not is_signed_in(client)
        assert "Your account is switched off" in text_of(sign_in(client, follow=True))

    def test_the_admin_has_no_other_way_in(self, person):
        response = new_client().get("/admin/login/?next=/admin/")
        assert response["Location"].startswith(LOGIN)

    def test_what_happened_is_written_down(self, person):
        client = new_client()
        sign_in(client, password="a wrong passphrase")
        sign_in(client, email="typed my password", password="a wrong passphrase")
        sign_in(client, email="nobody@example.com", password="a wrong passphrase")
        sign_in(client)
        client.post("/accounts/logout/")
        events = list(Event.objects.order_by("pk").values_list("kind", "subject"))
        assert events == [
            ("sign_in.failed", "ada@example.com"),
            ("sign_in.failed", "an address that nobody has"),
            ("sign_in.done", "ada@example.com"),
            ("sign_in.ended", "ada@example.com"),
        ]


class TestGuessing:
    """S106."""

    def guess(self, client, times, **extra):
        return [
            text_of(sign_in(client, password=f"a wrong passphrase {n}", **extra))
            for n in range(times)
        ]

    def test_after_ten_wrong_tries_the_right_password_waits(self, person):
        client = new_client()
        answers = self.guess(client, 11)
        assert all(WRONG in answer for answer in answers[:10])
        assert TOO_MANY.search(answers[10])
        assert TOO_MANY.search(text_of(sign_in(client)))
        assert Event.objects.filter(kind="sign_in.locked").count() == 1

    def test_an_unknown_address_is_locked_in_the_same_words(self):
        client = new_client()
        assert TOO_MANY.search(self.guess(client, 11, email="nobody@example.com")[10])

    def test_guesses_from_everywhere_lock_the_account_for_strangers(self, person):
        for n in range(10):
            self.guess(new_client(REMOTE_ADDR=f"192.0.2.{n}"), 1)
        stranger = new_client(REMOTE_ADDR="198.51.100.1")
        assert TOO_MANY.search(text_of(sign_in(stranger)))

    def test_they_do_not_lock_out_a_browser_that_the_account_knows(self, person):
        known = new_client()
        sign_in(known)
        known.post("/accounts/logout/")
        for n in range(12):
            self.guess(new_client(REMOTE_ADDR=f"192.0.2.{n}"), 1)
        assert sign_in(known).status_code == 302

    def test_a_known_browser_is_known_to_its_own_account_only(self, person):
        make_user("eve@example.com", password=PASSWORD)
        eve = new_client()
        sign_in(eve, email="eve@example.com")
        eve.post("/accounts/logout/")
        answers = self.guess(eve, 11)
        assert TOO_MANY.search(answers[10])

    def test_one_address_is_locked_over_all_accounts(self, person):
        client = new_client()
        for n in range(10):
            sign_in(client, email=f"somebody{n}@example.com", password="a wrong passphrase")
        assert TOO_MANY.search(text_of(sign_in(client)))

    def test_an_address_that_a_client_invents_is_not_believed(self, person):
        client = new_client()
        for n in range(10):
            sign_in(
                client,
                email=f"somebody{n}@example.com",
                password="a wrong passphrase",
                headers={"x-forwarded-for": f"203.0.113.{n}"},
            )
        last = sign_in(client, headers={"x-forwarded-for": "203.0.113.99"})
        assert TOO_MANY.search(text_of(last))

    def test_right_passwords_are_not_counted(self, person):
        for _ in range(12):
            assert sign_in(new_client()).status_code == 302

    def test_the_lock_ends_with_the_quarter_of_an_hour(self, person, monkeypatch):
        client = new_client()
        self.guess(client, 11)
        later = time.time() + sign_in_tries.WINDOW_S
        monkeypatch.setattr(sign_in_tries.time, "time", lambda: later)
        assert sign_in(client).status_code == 302

    def test_a_new_password_ends_the_lock_of_the_account(self, person, monkeypatch):
        for n in range(11):
            self.guess(new_client(REMOTE_ADDR=f"192.0.2.{n}"), 1)
        reset(new_client())
        assert sign_in(new_client(), password=NEW_PASSWORD).status_code == 302

    def test_counts_that_cannot_be_written_lock_nobody_out(self, person, monkeypatch):
        def broken(*args, **kwargs):
            raise OSError("disk full")

        monkeypatch.setattr(sign_in_tries._on_this_machine, "add", broken)
        assert sign_in(new_client()).status_code == 302


def link_in_mail(which=-1):
    return re.search(r"https?://\S+?(/accounts/password/reset/key/\S+)", mail.outbox[which].body)[1]


def reset(client, password=NEW_PASSWORD):
    client.post("/accounts/password/reset/", {"email": "ada@example.com"})
    shown = client.get(link_in_mail(), follow=True)
    form = {"password1": password, "password2": password}
    return client.post(shown.wsgi_request.path, form, follow=True)


class TestReset:
    @pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
    def test_known_and_unknown_people_get_the_same_answer_and_one_mail(self, email, person):
        """S107: the mail server is asked for both, so neither is slower."""
        response = new_client().post("/accounts/password/reset/", {"email": email}, follow=True)
        assert "Look into your mail" in text_of(response)
        assert "If that address belongs to a member" in text_of(response)
        assert [message.to for message in mail.outbox] == [[email]]

    def test_the_mail_to_a_stranger_has_no_link_to_sign_up(self):
        new_client().post("/accounts/password/reset/", {"email": "nobody@example.com"})
        assert "nobody here signs in with this address" in mail.outbox[0].body
        assert "signup" not in mail.outbox[0].body

    def test_a_new_password_ends_all_sessions_and_says_how_many(self, person):
        """S104."""
        devices = [new_client(), new_client()]
        for device in devices:
            sign_in(device)
        response = reset(new_client())
        words = "Password changed. You were signed out on 2 other devices."
        assert words in text_of(response)
        assert not any(is_signed_in(device) for device in devices)
        assert Event.objects.filter(kind="password.reset").count() == 1

    def test_a_link_works_once(self, person):
        """S108."""
        reset(new_client())
        words = "This link has been used or is older than 1 hour. Send a new one."
        assert words in text_of(new_client().get(link_in_mail(0), follow=True))

    def test_a_link_ends_after_an_hour(self, person, settings):
        """S108."""
        settings.PASSWORD_RESET_TIMEOUT = -1
        new_client().post("/accounts/password/reset/", {"email": "ada@example.com"})
        assert "older than 1 hour" in text_of(new_client().get(link_in_mail(), follow=True))

    def test_the_default_is_an_hour(self, settings):
        assert settings.PASSWORD_RESET_TIMEOUT == 3600

    def test_a_link_is_dead_when_the_password_was_changed_meanwhile(self, person):
        """S108."""
        new_client().post("/accounts/password/reset/", {"email": "ada@example.com"})
        person.set_password(NEW_PASSWORD)
        person.save()
        assert "has been used" in text_of(new_client().get(link_in_mail(), follow=True))

    def test_a_link_is_dead_when_the_address_was_changed_meanwhile(self, person):
        """S108: it is bound to the mailbox that it was sent to."""
        new_client().post("/accounts/password/reset/", {"email": "ada@example.com"})
        person.email = "ada@elsewhere.example.com"
        person.save()
        assert "has been used" in text_of(new_client().get(link_in_mail(), follow=True))

    @pytest.mark.parametrize(
        ("password", "why"),
        [
            ("short", "This password is too short. Choose one of at least 12 characters."),
            ("password123456", "This password is among the most used. Choose another"),
            ("ada@example.com", "This password is too much like your email address."),
        ],
    )
    def test_weak_passwords_are_refused(self, password, why, person):
        """S112."""
        response = reset(new_client(), password)
        assert why in text_of(response)
        assert sign_in(new_client()).status_code == 302

    def test_a_long_password_counts_to_its_last_character(self, person):
        """S112: nothing is cut off."""
        long = "correct horse battery staple " * 6
        reset(new_client(), long)
        assert sign_in(new_client(), password=long[:-2] + "x").status_code == 200
        assert sign_in(new_client(), password=long).status_code == 302

    def test_an_old_hash_is_made_anew_at_the_next_sign_in(self, person, settings):
        """S112."""
        hashers = "django.contrib.auth.hashers."
        settings.PASSWORD_HASHERS = [
            f"{hashers}PBKDF2SHA1PasswordHasher", f"{hashers}MD5PasswordHasher",
        ]  # fmt: skip
        assert person.password.startswith("md5$")
        sign_in(new_client())
        person.refresh_from_db()
        assert person.password.startswith("pbkdf2_sha1$")
        assert sign_in(new_client()).status_code == 302

    def test_hashes_are_those_that_django_recommends(self):
        """S112: the fixture above is for the tests' speed alone."""
        assert global_settings.PASSWORD_HASHERS[0].endswith(".PBKDF2PasswordHasher")
        assert "PASSWORD_HASHERS" not in Path(installed.__file__).read_text()

    def test_fields_tell_password_managers_what_they_are_and_take_what_is_pasted(self, person):
        """S112."""
        for client, page, kinds in (
            (new_client(), LOGIN, {"current-password"}),
            (client_of(person), "/accounts/password/change/", {"current-password", "new-password"}),
        ):
            source = client.get(page).text
            fields = re.findall(r"<input[^>]*type=\"password\"[^>]*>", source)
            assert {re.search(r'autocomplete="([\w-]+)"', field)[1] for field in fields} == kinds
            assert not any(re.search("onpaste|readonly|maxlength", field) for field in fields)

    @pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
    def test_without_a_mail_server_it_says_so_and_tells_nobody_who_is_known(
        self, email, person, monkeypatch
    ):
        def refused(*args, **kwargs):
            raise ConnectionRefusedError

        monkeypatch.setattr(EmailBackend, "send_messages", refused)
        answer = new_client().post("/accounts/password/reset/", {"email": email})
        assert answer.status_code == 503
        assert "cannot send mail" in answer.text
        assert email not in answer.text

    def test_a_change_stays_made_where_its_notice_cannot_be_sent(self, person, monkeypatch):
        def refused(*args, **kwargs):
            raise ConnectionRefusedError

        client = new_client()
        sign_in(client)
        monkeypatch.setattr(EmailBackend, "send_messages", refused)
        form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        assert client.post("/accounts/password/change/", form).status_code == 302
        assert sign_in(new_client(), password=NEW_PASSWORD).status_code == 302


class TestSessions:
    def test_a_changed_password_ends_the_others_and_keeps_this_one(self, person):
        """S103, S104."""
        here, there = new_client(), new_client()
        sign_in(here), sign_in(there)
        before = here.session.session_key
        thief = new_client()
        thief.cookies["ucdash_session"] = before
        assert is_signed_in(thief)
        form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        response = here.post("/accounts/password/change/", form, follow=True)
        words = "Password changed. You were signed out on 1 other device."
        assert words in text_of(response)
        assert is_signed_in(here)
        assert here.session.session_key != before
        assert not is_signed_in(thief)
        assert not is_signed_in(there)
        assert Event.objects.filter(kind="password.changed", actor=person.email).exists()
        assert "Your password was changed" in mail.outbox[-1].subject

    def test_the_id_changes_at_sign_in_and_is_dead_after_sign_out(self, person):
        """S103."""
        client = new_client()
        client.get("/accounts/2fa/webauthn/login/", headers={"accept": "application/json"})
        before = client.session.session_key
        sign_in(client)
        inside = client.session.session_key
        assert before != inside
        client.post("/accounts/logout/")
        thief = new_client()
        thief.cookies["ucdash_session"] = inside
        assert not is_signed_in(thief)

    def test_the_id_changes_when_somebody_confirms_who_they_are(self, person, settings):
        """S103: more is open to the session from then on."""
        client = new_client()
        sign_in(client)
        move_back(client, began_at=settings.CONFIRMED_FOR)
        before = client.session.session_key
        form = {"password": PASSWORD, "next": "/new-project/"}
        assert client.post("/accounts/reauthenticate/", form)["Location"] == "/new-project/"
        assert client.get("/new-project/").status_code == 200
        assert client.session.session_key != before
        thief = new_client()
        thief.cookies["ucdash_session"] = before
        assert not is_signed_in(thief)
        (known,) = UserSession.objects.filter(user=person)
        assert known.session_key == client.session.session_key

    def test_signing_out_takes_a_click(self, person):
        """S102: a foreign page cannot do it by a picture."""
        client = new_client()
        sign_in(client)
        assert "Sign out?" in text_of(client.get("/accounts/logout/"))
        assert is_signed_in(client)

    def test_who_was_away_for_too_long_is_signed_out(self, person, settings):
        """S105."""
        client = new_client()
        sign_in(client)
        move_back(client, seen_at=settings.SESSION_IDLE + timedelta(seconds=5))
        assert not is_signed_in(client)

    def test_who_came_in_too_long_ago_is_signed_out_although_busy(self, person, settings):
        """S105."""
        client = new_client()
        sign_in(client)
        move_back(client, began_at=settings.SESSION_LIVES + timedelta(seconds=5))
        assert not is_signed_in(client)
        assert not UserSession.objects.exists()

    def test_a_click_keeps_a_session_and_a_page_that_asks_by_itself_does_not(self, person):
        """S105."""
        client = new_client()
        sign_in(client)
        move_back(client, seen_at=timedelta(hours=1))
        before = client.session["seen_at"]
        client.get("/projects/", headers={"hx-request": "true"})
        assert client.session["seen_at"] == before
        client.get("/projects/")
        assert client.session["seen_at"] > before + 3000

    def test_somebody_whose_session_ended_is_told_and_comes_back(self, person, settings):
        client = new_client()
        sign_in(client)
        move_back(client, seen_at=settings.SESSION_IDLE + timedelta(seconds=5))
        response = client.get("/new-project/", follow=True)
        assert "You were signed out. Sign in and you come back here" in text_of(response)
        back = sign_in(client, address=response.wsgi_request.get_full_path())
        assert back["Location"] == "/new-project/"

    def test_a_stranger_and_who_signed_out_are_not_told_that(self, person):
        client = new_client()
        assert "You were signed out." not in text_of(client.get("/new-project/", follow=True))
        sign_in(client)
        client.post("/accounts/logout/")
        response = client.get("/new-project/", follow=True)
        assert "You were signed out. Sign in and" not in text_of(response)

    def test_cookies_are_for_this_host_and_https_where_there_is_https(self):
        """S103: settings are read once, so they are asked in a process of their own."""
        ask = (
            "import django; django.setup()\n"
            "from django.conf import settings as s\n"
            "from storages_app.projects import browsers as b\n"
            "print(s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY,"
            " s.SESSION_COOKIE_SAMESITE, s.CSRF_COOKIE_NAME, b._NAME_COOKIE, b._MARK_COOKIE)"
        )
        environment = os.environ | {
            "UCDASH_DASHBOARD_URL": "https://dash.example.com",
            "DJANGO_SETTINGS_MODULE": "ucdash.settings",
        }
        told = subprocess.run(
            [sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True
        )
        assert told.stdout.split() == [
            "__Host-ucdash_session", "True", "True", "Lax",
            "__Host-ucdash_csrf", "__Host-ucdash_browser", "__Host-ucdash_was_here",
        ]  # fmt: skip

    def test_no_cookie_is_for_scripts(self, person):
        client = new_client()
        sign_in(client)
        client.get("/projects/")
        cookies: SimpleCookie = client.cookies
        assert {"ucdash_session", "ucdash_browser", "ucdash_was_here"} <= cookies.keys()
        assert all(cookie["httponly"] for cookie in cookies.values() if cookie.value)


def move_back(client, **clocks):
    session = client.session
    for name, by in clocks.items():
        session[name] -= by.total_seconds()
    session.save()


class TestSecondFactor:
    def test_the_password_alone_opens_nothing(self, person, totp_secret):
        client = new_client()
        response = sign_in(client, follow=True)
        assert "One more step" in text_of(response)
        assert not is_signed_in(client)

    def test_the_code_of_now_opens(self, person, totp_secret):
        client = new_client()
        sign_in(client)
        client.post("/accounts/2fa/authenticate/", {"code": code_now(totp_secret)})
        assert is_signed_in(client)

    def test_a_code_opens_once(self, person, totp_secret):
        code = code_now(totp_secret)
        for expected in (True, False):
            client = new_client()
            sign_in(client)
            client.post("/accounts/2fa/authenticate/", {"code": code})
            assert is_signed_in(client) is expected

    def test_a_recovery_code_opens_once(self, person, totp_secret):
        codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
        for expected in (True, False):
            client = new_client()
            sign_in(client)
            client.post("/accounts/2fa/authenticate/", {"code": codes[0]})
            assert is_signed_in(client) is expected

    def test_a_wrong_code_is_told_and_written_down(self, person, totp_secret):
        client = new_client()
        sign_in(client)
        response = client.post("/accounts/2fa/authenticate/", {"code": "000000"})
        assert "That code does not fit." in text_of(response)
        assert Event.objects.get(kind="sign_in.failed").data == {"with": "the authenticator app"}

    def test_guessing_codes_is_locked_like_guessing_passwords(self, person, totp_secret):
        """S106: a million codes are few."""
        client = new_client()
        sign_in(client)
        answers = [
            text_of(client.post("/accounts/2fa/authenticate/", {"code": f"{n:06}"}))
            for n in range(11)
        ]
        assert not TOO_MANY.search(answers[9])
        assert TOO_MANY.search(answers[10])
        client.post("/accounts/2fa/authenticate/", {"code": code_now(totp_secret)})
        assert not is_signed_in(client)

    def test_neither_the_key_nor_the_codes_stand_in_the_database(self, person, totp_secret):
        """S109, S114."""
        codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
        rows = repr(list(Authenticator.objects.values_list("data", flat=True)))
        assert totp_secret not in rows
        assert not any(code in rows for code in codes)

    def test_of_codes_that_were_shown_only_hashes_stay(self, person, totp_secret, shown_codes):
        """S109: whoever has the data keys as well finds no code."""
        data = Authenticator.objects.get(type="recovery_codes").data
        opened = [FactorsAdapter().decrypt(kept) for kept in data["migrated_codes"]]
        assert "seed" not in data
        assert len(opened) == len(shown_codes) == 10
        assert not any(code in repr(opened) for code in shown_codes)

    def test_a_code_that_was_shown_opens_once(self, person, totp_secret, shown_codes):
        for expected in (True, False):
            client = new_client()
            sign_in(client)
            typed = f" {shown_codes[3][:4]}-{shown_codes[3][4:]} "
            client.post("/accounts/2fa/authenticate/", {"code": typed})
            assert is_signed_in(client) is expected
        page = client_of(person).get("/accounts/2fa/recovery-codes/")
        assert "9 of 10 codes are left" in text_of(page)
        assert "9 left." in text_of(client_of(person).get("/account/"))

    def test_a_hash_opens_nothing(self, person, totp_secret, shown_codes):
        data = Authenticator.objects.get(type="recovery_codes").data
        client = new_client()
        sign_in(client)
        hashed = FactorsAdapter().decrypt(data["migrated_codes"][0])
        client.post("/accounts/2fa/authenticate/", {"code": hashed})
        assert not is_signed_in(client)

    def test_a_code_confirms_who_somebody_is(self, person, totp_secret, shown_codes, settings):
        client = client_of(person)
        move_back(client, began_at=settings.CONFIRMED_FOR)
        form = {"code": shown_codes[0], "next": "/new-project/"}
        response = client.post("/accounts/2fa/reauthenticate/", form)
        assert response["Location"] == "/new-project/"

    def test_codes_of_an_older_release_open_and_are_hashed_then(self, person, totp_secret):
        row = Authenticator.objects.get(type="recovery_codes")
        first, second = row.wrap().get_unused_codes()[:2]
        row.wrap().mark_as_viewed()
        for code in (first, second):
            client = new_client()
            sign_in(client)
            client.post("/accounts/2fa/authenticate/", {"code": code})
            assert is_signed_in(client)
            row.refresh_from_db()
            assert "seed" not in row.data
        assert len(row.wrap().get_unused_codes()) == 8

    def test_codes_are_shown_on_one_page_only(self, person, totp_secret):
        response = client_of(person).get("/accounts/2fa/recovery-codes/download/")
        assert response["Location"] == "/account/"

    @pytest.mark.django_db(transaction=True)
    def test_the_whole_way_of_adding_one(self, person):
        client = new_client()
        sign_in(client)
        page = client.get("/accounts/2fa/totp/activate/")
        secret = re.search(r'id="totp-key">([A-Z2-7]+)<', page.content.decode())[1]
        form = {"code": code_now(secret)}
        shown = client.post("/accounts/2fa/totp/activate/", form, follow=True)
        assert "Copy these codes now. You will not see them again." in text_of(shown)
        assert len(re.findall(r"\d{8}", shown.content.decode().split("<pre")[1])) == 10
        again = client.get("/accounts/2fa/recovery-codes/")
        assert "10 of 10 codes are left" in text_of(again)
        kinds = set(Event.objects.values_list("kind", "subject"))
        assert ("second_factor.added", "the authenticator app") in kinds
        assert ("second_factor.added", "recovery codes") in kinds

        client.post("/accounts/2fa/totp/deactivate/")
        assert not Authenticator.objects.exists()
        assert Event.objects.filter(kind="second_factor.removed").count() == 2

    def test_factors_are_changed_by_who_has_just_confirmed(self, person, totp_secret, settings):
        """S109."""
        client = client_of(person)
        move_back(client, began_at=settings.CONFIRMED_FOR)
        for address in ("totp/activate/", "totp/deactivate/", "webauthn/add/"):
            response = client.get(f"/accounts/2fa/{address}")
            if response.status_code == 302 and "deactivate" in response["Location"]:
                continue
            assert response["Location"].startswith("/accounts/reauthenticate/?next=")


class TestOperators:
    @pytest.fixture(autouse=True)
    def _asked(self, settings):
        settings.OPERATORS_NEED_SECOND_FACTOR = True

    @pytest.fixture
    def operator(self):
        return make_user("ops@example.com", password=PASSWORD, is_staff=True, is_superuser=True)

    @pytest.mark.parametrize("page", ["/admin/", "/projects/", "/new-project/"])
    def test_one_without_a_second_factor_is_sent_to_add_one(self, page, operator):
        """S109."""
        response = client_of(operator).get(page, follow=True)
        assert response.wsgi_request.path == "/account/"
        assert "Operators of this instance need a second factor." in text_of(response)

    def test_one_who_has_it_works(self, operator):
        TOTP.activate(operator, generate_totp_secret())
        assert client_of(operator).get("/admin/").status_code == 200

    def test_the_last_one_stays(self, operator):
        TOTP.activate(operator, generate_totp_secret())
        response = client_of(operator).post("/accounts/2fa/totp/deactivate/")
        assert "Add another one first." in text_of(response)
        assert Authenticator.objects.exists()

    def test_others_are_not_asked(self, person):
        assert is_signed_in(client_of(person))

    def test_nobody_is_asked_where_it_is_off(self, operator, settings):
        settings.OPERATORS_NEED_SECOND_FACTOR = False
        assert client_of(operator).get("/admin/").status_code == 200


class TestReachablePages:
    """Every page of allauth has our frame, and none is left that people should not see."""

    @pytest.mark.parametrize(
        "page",
        [
            "login/", "signup/", "inactive/", "password/reset/", "password/reset/done/",
            "password/reset/key/a-b/", "password/reset/key/done/",
        ],
    )  # fmt: skip
    def test_of_strangers(self, page):
        response = new_client().get(f"/accounts/{page}", follow=True)
        assert response.status_code == 200
        assert 'class="alone"' in response.content.decode()

    @pytest.mark.parametrize(
        "page",
        [
            "logout/", "reauthenticate/", "password/change/", "2fa/totp/activate/",
            "2fa/webauthn/add/", "2fa/recovery-codes/generate/",
        ],
    )  # fmt: skip
    def test_of_people(self, page, person):
        response = client_of(person).get(f"/accounts/{page}", follow=True)
        assert response.status_code == 200
        assert 'class="brand"' in response.content.decode()

    @pytest.mark.parametrize(
        "page",
        ["email/", "confirm-email/", "confirm-email/key/", "2fa/", "2fa/webauthn/", "sessions/"],
    )
    def test_what_is_on_the_account_page_leads_there(self, page, person):
        assert client_of(person).get(f"/accounts/{page}")["Location"] == "/account/"

    def test_a_post_to_a_page_that_leads_away_changes_nothing(self, person):
        form = {"email": "thief@example.com", "action_add": "1"}
        client_of(person).post("/accounts/email/", form)
        person.refresh_from_db()
        assert person.email == "ada@example.com"
        assert not person.emailaddress_set.filter(email="thief@example.com").exists()

    @pytest.mark.parametrize(
        "page", ["login/", "password/reset/", "password/change/", "2fa/totp/activate/"]
    )
    def test_labels_stand_above_fields_and_not_in_them_once_more(self, page, person):
        signed_in = page not in {"login/", "password/reset/"}
        client = client_of(person) if signed_in else new_client()
        source = client.get(f"/accounts/{page}").text
        assert "<label" in source
        assert "placeholder=" not in source

    def test_no_inline_script_is_on_any(self, person):
        client = client_of(person)
        for page in ("2fa/webauthn/add/", "2fa/totp/activate/", "login/"):
            source = client.get(f"/accounts/{page}", follow=True).content.decode()
            for tag in re.findall(r"<script[^>]*>", source):
                assert "src=" in tag or "application/json" in tag

    def test_forms_without_a_token_are_refused(self, person):
        """S102."""
        client = Client(enforce_csrf_checks=True, headers={"host": "localhost:8000"})
        client.force_login(person)
        for page in ("/accounts/logout/", "/accounts/password/change/", "/account/"):
            assert client.post(page).status_code == 403
        assert client.post(LOGIN).status_code == 403

    def test_the_address_after_signing_in_stays_on_this_host(self, person):
        response = sign_in(new_client(), address=f"{LOGIN}?next=https://evil.example.com/")
        assert response["Location"] == "/projects/"


def test_right_after_a_project_is_made_its_owner_needs_no_second_password(person):
    project = make_project("Shop", owner=person)
    address = reverse("dashboard:key_new", args=[project.slug])
    assert client_of(person).get(address).status_code == 200
