"""How deliveries are sent, retried, and end (F80 to F84)."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook as Verifier

from storages_app.lib import outbound
from storages_app.models import Event, Webhook, WebhookDelivery
from storages_app.models.fields import db_now
from storages_app.webhooks import holding, runner, sending, services, signing
from storages_app.webhooks.announcing import announce
from storages_app.webhooks.holding import MAX_ATTEMPTS, PAUSES
from storages_app.webhooks.sending import Answer
from tests.factories import make_file, make_webhook, make_webhook_delivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def tell(project):
    def order(n=1):
        announce("file.uploaded", [make_file(project)] * n, project_id=project.pk)

    return order


def bring_forward():
    """What waits for another attempt is due now; how many there were."""
    waiting = WebhookDelivery.objects.filter(state="retry_wait")
    return waiting.update(run_after=db_now())


class TestSending:
    def test_a_delivery_is_one_signed_request(self, receiver, subscribe, tell):
        subscribe(signing_secret="12345X")
        tell()
        runner.drain()
        (got,) = receiver.received
        delivery = WebhookDelivery.objects.get()
        assert got.body.decode() == delivery.body
        assert got.headers["content-type"] == "application/json"
        assert got.id == delivery.message_id
        verifier = Verifier(signing.standard_key("12345X"))
        assert verifier.verify(got.body, got.headers) == got.payload
        assert (delivery.state, delivery.status, delivery.attempts) == ("delivered", 200, 1)
        assert delivery.response == "said"
        assert [one["status"] for one in delivery.log] == [200]
        assert delivery.finished_at

    @pytest.mark.parametrize("status", [201, 202, 204, 299])
    def test_every_2xx_is_success(self, receiver, subscribe, tell, status):
        receiver.always = status
        subscribe()
        tell()
        runner.drain()
        assert WebhookDelivery.objects.get().state == "delivered"

    @pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 429, 500, 503])
    def test_every_other_answer_is_tried_again(self, receiver, subscribe, tell, status):  # F80
        receiver.always = lambda handler: handler.say(
            status, b"no", location=receiver.url("elsewhere")
        )
        subscribe()
        tell()
        runner.drain()
        delivery = WebhookDelivery.objects.get()
        assert (delivery.state, delivery.status, delivery.response) == ("retry_wait", status, "no")
        assert len(receiver.received) == 1  # S011: no redirect is followed
        waits = delivery.run_after - timezone.now()
        assert timedelta(seconds=3) < waits <= timedelta(seconds=5)

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            ("closes", "The connection broke, or no whole answer came."),
            ("hangs", "No answer in time."),
            ("babbles", "The connection broke, or no whole answer came."),
        ],
    )
    def test_a_receiver_without_an_answer_is_tried_again(  # F80
        self, receiver, subscribe, tell, settings, answer, error
    ):
        settings.WEBHOOK_ANSWER_S = 0.2 if answer == "hangs" else 5
        ways = {
            "closes": lambda handler: handler.connection.close(),
            "hangs": lambda handler: time.sleep(0.4),
            "babbles": lambda handler: handler.wfile.write(b"what?\r\n\r\n"),
        }
        receiver.always = ways[answer]
        subscribe()
        tell()
        runner.drain()
        delivery = WebhookDelivery.objects.get()
        assert (delivery.state, delivery.status, delivery.error) == ("retry_wait", None, error)

    def test_of_a_huge_answer_a_little_is_kept(self, receiver, subscribe, tell):  # F80, S019
        receiver.always = lambda handler: handler.say(500, b"\0\x1b[31m" + b"x" * 100_000)
        subscribe()
        tell()
        runner.drain()
        delivery = WebhookDelivery.objects.get()
        assert delivery.response.startswith("[31mxxx")
        assert len(delivery.response) <= sending.SHOWN

    def test_closed_and_forbidden_addresses_look_alike(self, project, tell):  # S001
        for target in ("http://127.0.0.1:80/", "http://169.254.169.254/latest/", "http://a.test/"):
            make_webhook(project, target_url=target)
        tell()
        runner.drain()
        assert set(WebhookDelivery.objects.values_list("error", "status")) == {
            ("No connection.", None)
        }

    def test_a_bad_certificate_is_told(self, receiver, subscribe, tell):  # F80
        webhook = subscribe()
        target = receiver.url().replace("http:", "https:")
        Webhook.objects.filter(pk=webhook.pk).update(target_url=target)
        tell()
        runner.drain()
        assert WebhookDelivery.objects.get().error == "No secure connection."

    def test_a_fault_of_ours_ends_as_an_attempt(self, subscribe, tell, monkeypatch, caplog):
        def fail(message):
            raise ZeroDivisionError

        monkeypatch.setattr(runner, "send", fail)
        subscribe()
        tell()
        runner.drain()
        delivery = WebhookDelivery.objects.get()
        assert (delivery.state, delivery.error) == ("retry_wait", "Internal error.")
        assert "A webhook was not sent" in caplog.text


class TestSchedule:
    def test_ten_attempts_go_over_three_days(self):
        assert MAX_ATTEMPTS == 10
        assert sum(PAUSES, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
        assert [holding.pause_after(n) for n in range(1, 10)] == list(PAUSES)

    @pytest.mark.parametrize(("asked_s", "waits_s"), [("60", 60), ("1", 5), ("9" * 12, 86_400)])
    def test_retry_after_is_honoured(self, receiver, subscribe, tell, asked_s, waits_s):  # F80
        receiver.always = lambda handler: handler.say(429, retry_after=asked_s)
        subscribe()
        tell()
        runner.drain()
        waits = (WebhookDelivery.objects.get().run_after - timezone.now()).total_seconds()
        assert waits_s - 3 < waits <= waits_s

    def test_a_date_in_retry_after_is_honoured(self, receiver, subscribe, tell):
        receiver.always = lambda handler: handler.say(
            503, retry_after="Wed, 21 Oct 2065 07:28:00 GMT"
        )
        subscribe()
        tell()
        runner.drain()
        waits = WebhookDelivery.objects.get().run_after - timezone.now()
        assert timedelta(hours=23) < waits <= timedelta(hours=24)

    def test_after_the_last_attempt_the_webhook_is_off_and_its_owner_told(  # F82
        self, receiver, subscribe, tell
    ):
        receiver.always = 500
        webhook = subscribe()
        tell()
        other = make_webhook_delivery(webhook, run_after=timezone.now() + timedelta(days=1))
        for _ in range(MAX_ATTEMPTS):
            bring_forward()
            runner.drain()
        delivery = WebhookDelivery.objects.exclude(pk=other.pk).get()
        assert (delivery.state, delivery.attempts, len(delivery.log)) == ("dead", 10, 10)
        assert len({got.id for got in receiver.received}) == 1
        assert len({got.body for got in receiver.received}) == 1
        webhook.refresh_from_db()
        other.refresh_from_db()
        assert (webhook.is_active, other.state) == (False, "disabled")
        event = Event.objects.get(kind="webhook.disabled")
        assert event.data["reason"].endswith("The last answer was 500.")

    def test_410_switches_the_webhook_off_at_once(self, receiver, subscribe, tell):  # F80
        receiver.always = 410
        webhook = subscribe()
        tell()
        runner.drain()
        webhook.refresh_from_db()
        assert WebhookDelivery.objects.get().state == "disabled"
        assert not webhook.is_active
        assert Event.objects.filter(kind="webhook.disabled").count() == 1
        tell()
        assert WebhookDelivery.objects.count() == 1

    def test_what_was_not_taken_is_sent_again_at_once(self, receiver, subscribe, tell):  # F82
        receiver.always = 410
        webhook = subscribe()
        tell(3)
        runner.drain()
        receiver.always = 200
        webhook.refresh_from_db()
        webhook = services.change(webhook=webhook, values={"is_active": True}, actor="a test")
        assert services.send_failed_again(webhook=webhook, actor="a test") == 3
        ids = {got.id for got in receiver.received}
        runner.drain()
        assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}
        assert {got.id for got in receiver.received} >= ids


class TestRotation:
    def test_what_is_tried_again_is_signed_by_both_secrets(self, receiver, subscribe, tell):  # F84
        receiver.answers.append(500)
        webhook = subscribe(signing_secret="old")
        tell()
        runner.drain()
        services.change(webhook=webhook, values={}, signing_secret="new", actor="a test")
        bring_forward()
        runner.drain()
        first, second = receiver.received
        for secret, got in [("old", first), ("old", second), ("new", second)]:
            assert Verifier(signing.standard_key(secret)).verify(got.body, got.headers)
        Webhook.objects.update(old_secret_until=timezone.now() - timedelta(seconds=1))
        assert Webhook.objects.get().secrets_at(timezone.now()) == ("new",)

    def test_without_a_secret_nothing_is_signed_from_then_on(self, subscribe):
        webhook = subscribe(signing_secret="old")
        changed = services.change(webhook=webhook, values={}, signing_secret="", actor="a test")
        assert changed.secrets_at(timezone.now()) == ()

    def test_one_whose_key_is_lost_sends_nothing_and_holds_up_no_other(  # S115
        self, receiver, subscribe, tell
    ):
        lost = subscribe(signing_secret="lost")
        Webhook.objects.update(sealed_secret="gone:" + lost.sealed_secret.partition(":")[2])
        other = subscribe(path="other")
        tell()
        runner.drain()
        assert [got.id for got in receiver.received] == [other.deliveries.get().message_id]
        delivery = lost.deliveries.get()
        assert delivery.error == "The signing secret cannot be opened. Make a new one."
        services.change(webhook=lost, values={}, signing_secret="new", actor="a test")
        bring_forward()
        runner.drain()
        assert Verifier(signing.standard_key("new")).verify(
            receiver.received[-1].body, receiver.received[-1].headers
        )


class TestHolding:
    def test_two_workers_never_hold_one(self, subscribe, tell):
        subscribe()
        tell(3)
        assert len(holding.claim(at_most=2)) == 2
        assert len(holding.claim(at_most=2)) == 1
        assert holding.claim(at_most=2) == []

    def test_a_worker_that_died_after_sending_sends_again_under_the_same_id(  # F81
        self, receiver, subscribe, tell
    ):
        subscribe()
        tell()
        (lost,) = holding.claim(at_most=1)
        sending.send(lost.message)
        WebhookDelivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        runner.drain()
        first, second = receiver.received
        assert (first.id, first.body) == (second.id, second.body)
        holding.settle([(lost, Answer(status=500))])  # too late: it is another's
        assert WebhookDelivery.objects.get().state == "delivered"

    def test_what_is_given_back_costs_no_attempt(self, subscribe, tell):
        subscribe()
        tell()
        (hold,) = holding.claim(at_most=1)
        hold.rows().give_back()
        delivery = WebhookDelivery.objects.get()
        assert (delivery.state, delivery.attempts) == ("pending", 0)

    def test_a_lease_is_prolonged(self, subscribe, tell):
        subscribe()
        tell()
        (hold,) = holding.claim(at_most=1)
        WebhookDelivery.objects.update(lease_until=timezone.now())
        holding.renew([hold])
        assert holding.claim(at_most=1) == []

    def test_a_dead_receiver_holds_up_nobody_else(self, project, subscribe, tell, settings):  # F83
        settings.WEBHOOK_THREADS = 4
        dead, alive = make_webhook(project), subscribe()
        WebhookDelivery.objects.bulk_create(
            WebhookDelivery(webhook=dead, event=dead.event, body="{}", run_after=timezone.now())
            for _ in range(500)
        )
        late = make_webhook_delivery(alive)
        taken = [hold.delivery for hold in holding.claim(at_most=4)]
        assert late in taken
        assert len([one for one in taken if one.webhook == dead]) == 2

    def test_old_ones_are_forgotten_and_what_waits_is_not(self, subscribe):
        webhook = subscribe()
        old = timezone.now() - timedelta(days=31)
        make_webhook_delivery(webhook, state="delivered", finished_at=old)
        kept = make_webhook_delivery(webhook, created_at=old)
        assert holding.forget(before=timezone.now() - timedelta(days=30)) == 1
        assert WebhookDelivery.objects.get() == kept


def test_a_target_is_checked_again_when_it_is_used(project, tell):  # S001
    """The operator's network is closed to a webhook that was made when it was open."""
    assert not outbound.current_policy().allowed_private
    make_webhook(project, target_url="http://127.0.0.1:80/")
    tell()
    runner.drain()
    assert WebhookDelivery.objects.get().error == "No connection."
