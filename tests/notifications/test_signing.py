"""Messages to a server can be signed, by the code that signs webhooks (S066, S067, F84)."""

import base64
import hashlib
import hmac
import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from storages_app.models import Event, NotificationChannel
from storages_app.models.fields import key_ring
from storages_app.notifications import errors, services, tasks
from storages_app.webhooks import signing
from tests.factories import make_channel, make_project

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def channel(project, receiver):
    return make_channel(project, "webhook", address=receiver.url("hook"))


@pytest.fixture
def sent(channel, receiver):
    """What arrives when a test is sent now."""

    def act():
        services.send_test(channel=channel, actor="a test")
        tasks.drain()
        return receiver.received[-1]

    return act


def sign(channel, secret=""):
    return services.sign(channel=channel, actor="owner@example.com", secret=secret)


def verify(secret, got):
    return Verifier(signing.standard_key(secret)).verify(got.body, got.headers)


def test_one_without_a_secret_goes_on_as_it_was(sent):
    headers = sent().headers
    assert not {name for name in headers if "signature" in name.lower()}


def test_a_message_bears_both_signatures_of_its_raw_body(channel, sent):
    secret = sign(channel)
    got = sent()
    assert verify(secret, got)["event"] == "test"
    digest = hmac.new(secret.encode(), got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-uc-signature"] == f"v1={digest}"


def test_the_snippet_of_the_docs_takes_it_and_no_other(channel, sent):
    text = (settings.BASE_DIR / "docs" / "notifications.md").read_text()
    found = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], found)
    secret = sign(channel)
    got = sent()
    signature = got.headers["x-uc-signature"]
    assert found["is_ours"](secret, got.body, signature)
    assert not found["is_ours"]("x" * 32, got.body, signature)
    assert not found["is_ours"](secret, got.body + b" ", signature)


def test_who_has_another_secret_is_not_deceived(channel, sent, receiver):
    sign(channel)
    others = sign(make_channel(make_project(), "webhook", address=receiver.url("hook")))
    got = sent()
    for wrong in ("x" * 32, others):
        with pytest.raises(WebhookVerificationError):
            verify(wrong, got)


def test_a_monitor_or_a_mailbox_bears_none(project):
    for kind in ("ping", "email"):
        channel = make_channel(project, kind)
        with pytest.raises(errors.CannotBeSigned):
            sign(channel)
        channel.refresh_from_db()
        assert channel.sealed_secret == ""


def test_a_new_secret_and_the_one_before_sign_side_by_side_for_a_day(channel, sent):
    old = sign(channel)
    new = sign(channel, "one of my own")
    got = sent()
    assert verify(old, got)
    assert verify(new, got)
    NotificationChannel.objects.update(old_secret_until=timezone.now() - timedelta(seconds=1))
    got = sent()
    assert verify(new, got)
    with pytest.raises(WebhookVerificationError):
        verify(old, got)


def test_after_the_end_of_signing_both_secrets_are_forgotten(channel, sent):
    sign(channel)
    sign(channel)
    services.stop_signing(channel=channel, actor="owner@example.com")
    row = NotificationChannel.objects.get()
    assert (row.sealed_secret, row.sealed_old_secret, row.old_secret_until) == ("", "", None)
    assert "x-uc-signature" not in sent().headers


@pytest.mark.parametrize("secret", ["x" * 33, "a\0b", "a\nb", "\ud800"])
def test_what_cannot_be_a_secret_is_refused(channel, secret):
    with pytest.raises(errors.SecretInvalid):
        sign(channel, secret)
    assert NotificationChannel.objects.get().sealed_secret == ""


def test_a_secret_is_kept_sealed_and_the_activity_tells_who_and_not_what(channel):
    secret = sign(channel)
    row = NotificationChannel.objects.get()
    assert secret not in row.sealed_secret
    assert row.unseal_secret() == secret
    event = Event.objects.get(kind="notification.secret_made")
    assert event.actor == "owner@example.com"
    assert secret not in f"{event.subject} {event.data}"


class TestWithoutItsKey:
    """S115: who expects a signature is sent nothing without one, until a secret is made anew."""

    @pytest.fixture(autouse=True)
    def _lost(self, channel, receiver, settings):
        sign(channel)
        settings.DATA_KEYS = ["another:" + base64.b64encode(b"x" * 32).decode()]
        key_ring.cache_clear()
        channel.refresh_from_db()
        channel.seal_address(receiver.url("hook"))
        channel.save()
        yield
        key_ring.cache_clear()

    def test_nothing_is_sent_and_the_page_says_why(self, channel, receiver):
        delivery = services.send_test(channel=channel, actor="a test")
        tasks.drain()
        delivery.refresh_from_db()
        assert receiver.received == []
        assert delivery.error == "The signing secret cannot be opened. Make a new one."

    def test_a_new_one_signs(self, channel, sent):
        assert verify(sign(channel), sent())
