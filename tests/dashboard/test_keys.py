"""The page of keys: made, rolled, renamed, deleted, and tried."""

import hashlib
import hmac
import time
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.dashboard.snippets import snippets_of
from storages_app.models import Event, SecretKey
from storages_app.projects import services
from tests.factories import make_secret_key


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def text_of(response):
    return " ".join(response.text.split())


@pytest.fixture
def key(project):
    return services.create_secret_key(project=project, label="server", actor="ann@example.com")[0]


class TestMaking:
    def test_the_secret_is_shown_once_and_not_kept_by_the_browser(self, project, as_owner):
        response = as_owner.post(address("key_new", project), {"label": "server", "scope": "full"})
        secret = SecretKey.objects.get().unseal_secret()
        assert secret in response.text
        assert "Copy this secret now. You will not see it again." in response.text
        assert "I have stored it" in response.text
        assert "no-store" in response["Cache-Control"]
        assert secret not in as_owner.get(address("keys", project)).text

    def test_a_reload_of_the_page_with_the_secret_makes_no_second_key(self, project, as_owner):
        form = as_owner.get(address("key_new", project)).context["form"]
        sent = {"label": "server", "scope": "full", "once": str(form["once"].value())}
        assert sent["once"] in str(form["once"])
        assert as_owner.post(address("key_new", project), sent).status_code == 200
        again = as_owner.post(address("key_new", project), sent)
        assert again["Location"] == address("keys", project)
        assert "no second was made" in said(again)[-1]
        assert SecretKey.objects.count() == 1

    def test_a_key_without_label_is_refused(self, project, as_owner):
        page = as_owner.post(address("key_new", project), {"label": " ", "scope": "root"})
        assert "The key was not made:" in page.text
        assert 'role="alert" tabindex' in page.text
        assert not SecretKey.objects.exists()


class TestList:
    def test_says_that_rest_needs_one(self, project, as_owner):
        page = as_owner.get(address("keys", project)).text
        assert "No secret keys. REST calls need one." in page

    def test_tells_who_made_a_key_and_how_it_was_last_used(self, project, key, as_owner):
        assert "Never used" in as_owner.get(address("keys", project)).text
        SecretKey.objects.update(
            last_used_at=timezone.now(),
            last_used_address="192.0.2.7",
            last_used_call="GET /files/<b>",
        )
        page = text_of(as_owner.get(address("keys", project)))
        assert "by ann@example.com" in page
        assert "from 192.0.2.7 for <code>GET /files/&lt;b&gt;</code>" in page

    def test_a_signature_is_tried_only_where_there_is_a_key(self, project, as_owner):
        form = f'action="{address("key_sign", project)}#signature"'
        page = as_owner.get(address("keys", project)).text
        assert form not in page
        assert "A signature is made with a secret key. Make one first." in page
        make_secret_key(project)
        assert form in as_owner.get(address("keys", project)).text

    def test_one_that_others_could_read_is_to_be_rolled(self, project, key, as_owner):
        assert "plain HTTP" not in as_owner.get(address("keys", project)).text
        project.secret_keys.update(exposed_at=timezone.now())
        assert "was sent over plain HTTP" in as_owner.get(address("keys", project)).text
        project.secret_keys.update(revoked_at=timezone.now())
        assert "plain HTTP" not in as_owner.get(address("keys", project)).text

    def test_a_viewer_sees_no_buttons(self, project, key, as_viewer):
        page = as_viewer.get(address("keys", project)).text
        assert address("key_roll", project, key.pk) not in page
        assert "Try a signature" not in page

    def test_takes_as_many_queries_for_thirty_keys_as_for_three(self, project, as_owner):
        def n_queries():
            with CaptureQueriesContext(connection) as asked:
                as_owner.get(address("keys", project))
            return len(asked)

        for _ in range(3):
            services.roll_secret_key(
                key=make_secret_key(project), works_on_for=timedelta(hours=1), actor="t"
            )
        for_three = n_queries()
        for _ in range(27):
            services.roll_secret_key(
                key=make_secret_key(project), works_on_for=timedelta(hours=1), actor="t"
            )
        assert n_queries() == for_three


class TestRolling:
    def test_shows_the_new_secret_and_until_when_the_old_one_works(self, project, key, as_owner):
        response = as_owner.post(address("key_roll", project, key.pk), {"seconds": "86400"})
        new_key = SecretKey.objects.get(replaces=key)
        assert new_key.unseal_secret() in response.text
        page = text_of(response)
        assert "The old secret works until <time" in page
        assert "Requests that still use it are counted <a" in page
        listed = text_of(as_owner.get(address("keys", project)))
        assert "The old secret works until" in listed
        assert "Requests that still use it are counted here: 0." in listed
        ends_at = SecretKey.objects.get(pk=key.pk).ends_at
        assert f"{ends_at:%Y-%m-%d %H:%M} UTC" in listed  # the hour alone would be today's
        assert "no-store" in response["Cache-Control"]

    def test_a_reload_rolls_nothing_more(self, project, key, as_owner):
        """The browser's question comes to the old key, which cannot be rolled again."""
        form = as_owner.get(address("key_roll", project, key.pk)).context["form"]
        sent = {"seconds": "0", "once": str(form["once"].value())}
        as_owner.post(address("key_roll", project, key.pk), sent)
        again = as_owner.post(address("key_roll", project, key.pk), sent)
        assert again["Location"] == address("keys", project)
        assert SecretKey.objects.count() == 2

    def test_a_key_that_was_rolled_meanwhile_is_told(self, project, key, as_owner):
        services.roll_secret_key(key=key, works_on_for=timedelta(hours=1), actor="another")
        page = as_owner.post(address("key_roll", project, key.pk), {"seconds": "3600"})
        assert "replaced or deleted already" in page.text
        assert SecretKey.objects.count() == 2

    def test_only_the_offered_times_are_taken(self, project, key, as_owner):
        for seconds in ("", "-1", "61", "x"):
            page = as_owner.post(address("key_roll", project, key.pk), {"seconds": seconds})
            assert 'role="alert" tabindex' in page.text
        assert SecretKey.objects.count() == 1

    def test_a_key_that_has_ended_is_listed_apart_and_has_no_page(self, project, key, as_owner):
        services.roll_secret_key(key=key, works_on_for=timedelta(0), actor="t")
        page = as_owner.get(address("keys", project))
        assert "Keys that have ended" in page.text
        assert list(page.context["ended_keys"]) == [key]
        assert as_owner.get(address("key_delete", project, key.pk)).status_code == 404


class TestRenaming:
    def test_is_said(self, project, key, as_owner):
        response = as_owner.post(address("key_rename", project, key.pk), {"label": "shop"})
        assert said(response) == ["The key is called “shop” now."]
        assert SecretKey.objects.get().label == "shop"

    def test_keeps_what_was_typed_when_it_is_refused(self, project, key, as_owner):
        page = as_owner.post(address("key_rename", project, key.pk), {"label": "a\u2028b"})
        assert 'role="alert" tabindex' in page.text
        assert SecretKey.objects.get().label == "server"


class TestDeleting:
    def test_takes_the_label(self, project, key, as_owner):
        page = text_of(as_owner.get(address("key_delete", project, key.pk)))
        assert "Requests with this secret will fail at once. It was never used." in page
        wrong = as_owner.post(address("key_delete", project, key.pk), {"label": "Server"})
        assert "Nothing was changed." in wrong.text
        assert SecretKey.objects.active().exists()
        as_owner.post(address("key_delete", project, key.pk), {"label": " server "})
        assert not SecretKey.objects.active().exists()
        assert Event.objects.filter(kind="secret_key.deleted", address="127.0.0.1").exists()
        assert as_owner.get(address("key_delete", project, key.pk)).status_code == 404


class TestTrying:
    def test_snippets_have_the_public_key_and_no_secret(self, project, key, as_owner):
        page = as_owner.get(address("keys", project)).text
        for tab in snippets_of(project).tabs:
            assert f'value="{tab.id}"' in page
            assert any(project.public_key in text.text for text in tab.texts)
        assert "YOUR_SECRET_KEY" in page
        assert key.unseal_secret() not in page

    def test_the_server_signs_what_the_upload_api_takes(self, project, key, as_owner):
        response = as_owner.post(address("key_sign", project), {"minutes": "90"})
        signed = response.context["signed"]
        assert 5390 < int(signed.expire) - time.time() <= 5400
        expected = hmac.new(
            key.unseal_secret().encode(), signed.expire.encode(), hashlib.sha256
        ).hexdigest()
        assert f"-F signature={expected}" in response.text
        assert key.unseal_secret() not in response.text

    @pytest.mark.parametrize("minutes", ["", "0", "1441", "soon"])
    def test_no_signature_lives_longer_than_a_day(self, minutes, project, key, as_owner):
        response = as_owner.post(address("key_sign", project), {"minutes": minutes})
        assert response.context["signed"] is None
        assert 'role="alert" tabindex' in response.text

    def test_without_a_key_that_may_sign_it_says_what_to_do(self, project, key, as_owner):
        project.secret_keys.update(scope=SecretKey.Scope.READ)
        response = as_owner.post(address("key_sign", project), {"minutes": "5"})
        assert "No secret key of this project signs" in response.text
