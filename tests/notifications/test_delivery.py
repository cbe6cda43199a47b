"""Messages go out once each, in order, and come again after a failure."""

import json
import smtplib
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from storages_app.models import Event, NotificationChannel, NotificationDelivery
from storages_app.models.fields import db_now, read_db_now
from storages_app.notifications import holding, services, tasks
from storages_app.webhooks.sending import Answer
from tests.factories import make_channel

pytestmark = pytest.mark.django_db(transaction=True)
State = NotificationDelivery.State


@pytest.fixture
def email(project):
    return make_channel(project, address="team@example.com")


@pytest.fixture
def webhook(project, receiver):
    return make_channel(project, "webhook", address=receiver.url("hook"))


@pytest.fixture
def monitor(project, receiver):
    return make_channel(
        project, "ping", address=receiver.url("ping/t0ken"), topics=["storage_broken"]
    )


def states():
    return list(NotificationDelivery.objects.order_by("pk").values_list("state", flat=True))


def retry_now():
    waiting = NotificationDelivery.objects.filter(state=State.RETRY_WAIT)
    waiting.update(run_after=db_now())


class TestMail:
    def test_one_when_it_breaks_and_one_when_it_works_again(self, email, break_it, mend_it, look):
        break_it()
        look()
        tasks.drain()
        tasks.drain()
        assert len(mail.outbox) == 1
        mend_it()
        look()
        tasks.drain()
        first, second = mail.outbox
        assert first.subject.startswith("[Shop] Storage “photos” stopped working: ")
        assert second.subject == "[Shop] Storage “photos” works again"
        assert first.to == ["team@example.com"]
        assert states() == ["delivered", "delivered"]

    def test_it_says_since_when_what_to_do_and_where(self, email, storage, break_it, look):
        break_it()
        look()
        tasks.drain()
        sent = mail.outbox[0]
        html = sent.alternatives[0].content
        for part in (sent.body, html):
            assert f"Since {storage.circuit_opened_at:%Y-%m-%d %H:%M} UTC." in part
            assert "What to do:" in part
            assert f"/storages/{storage.pk}/" in part
            assert "/notifications/stop/" in part
        assert sent.extra_headers["List-Unsubscribe"].endswith("/>")

    def test_names_are_inert_in_its_html(self, email, project, storage, break_it, look):
        type(storage).objects.filter(pk=storage.pk).update(name="<img src=x>")
        break_it()
        look()
        tasks.drain()
        assert "“<img src=x>”" in mail.outbox[0].body
        assert "<img" not in mail.outbox[0].alternatives[0].content

    def test_a_mail_server_that_is_away_is_tried_again_under_the_same_id(
        self, email, break_it, look, monkeypatch
    ):
        ids = []

        def fail(message, **kwargs):
            ids.append(message.extra_headers["Message-ID"])
            raise smtplib.SMTPServerDisconnected("gone")

        with monkeypatch.context() as patch:
            patch.setattr("django.core.mail.EmailMultiAlternatives.send", fail)
            break_it()
            look()
            tasks.drain()
        assert states() == ["retry_wait"]
        assert email.deliveries.get().error == "The mail server broke off."
        retry_now()
        tasks.drain()
        assert states() == ["delivered"]
        assert [mail.outbox[0].extra_headers["Message-ID"]] == ids

    def test_the_words_of_the_mail_server_are_shown_to_nobody(self, email, monkeypatch):
        def refuse(message, **kwargs):
            raise smtplib.SMTPRecipientsRefused(
                {"team@example.com": (550, b"unknown on mx1.internal")}
            )

        monkeypatch.setattr("django.core.mail.EmailMultiAlternatives.send", refuse)
        services.send_test(channel=email, actor="a test")
        tasks.drain()
        told = email.deliveries.get()
        assert told.state == "dead"
        assert told.error == "The mail server does not take mail for this address (550)."


class TestWebhook:
    def test_gets_one_post_with_what_programs_and_chats_read(
        self, webhook, receiver, storage, break_it, look
    ):
        break_it()
        look()
        tasks.drain()
        (got,) = receiver.received
        assert got.id == webhook.deliveries.get().message_id
        assert got.payload["event"] == "storage.broken"
        assert got.payload["incident"]["subject_id"] == str(storage.pk)
        assert got.payload["incident"]["ended_at"] is None
        assert "[Shop] Storage “photos” stopped working" in got.payload["text"]

    def test_an_end_waits_until_the_beginning_was_taken(
        self, webhook, receiver, break_it, mend_it, look
    ):
        receiver.answers.append(500)
        for act in (break_it, look, tasks.drain, mend_it, look, tasks.drain):
            act()
        assert len(receiver.received) == 1
        assert states() == ["retry_wait", "pending"]
        retry_now()
        tasks.drain()
        assert [one.payload["event"] for one in receiver.received[1:]] == [
            "storage.broken",
            "storage.recovered",
        ]
        assert receiver.received[0].id == receiver.received[1].id

    def test_is_given_up_after_the_last_attempt_and_the_activity_says_so(
        self, webhook, receiver, break_it, look
    ):
        receiver.always = 500
        break_it()
        look()
        for _ in range(holding.MAX_ATTEMPTS):
            tasks.drain()
            retry_now()
        row = webhook.deliveries.get()
        assert (row.state, row.attempts, row.status) == ("dead", holding.MAX_ATTEMPTS, 500)
        event = Event.objects.get(kind="notification.failed")
        assert event.subject == "Webhook 127.0.0.1"

    def test_one_dead_channel_holds_up_no_other(self, webhook, email, receiver, break_it, look):
        receiver.always = 500
        break_it()
        look()
        tasks.drain()
        assert len(mail.outbox) == 1


class TestPings:
    def test_a_monitor_is_red_and_then_green(self, monitor, receiver, break_it, mend_it, look):
        paths = []
        receiver.always = lambda request: (paths.append(request.path), request.say(200))
        for act in (break_it, look, tasks.drain, mend_it, look, tasks.drain):
            act()
        assert paths == ["/ping/t0ken/fail", "/ping/t0ken"]

    def test_it_stays_red_while_anything_else_is_wrong(
        self, monitor, project, break_it, mend_it, look
    ):
        from storages_app.custom_storages import circuit
        from tests.factories import make_custom_storage

        other = make_custom_storage(project, name="other")
        circuit.open_(other, reason="timeout")
        for act in (break_it, look, mend_it, look):
            act()
        last = monitor.deliveries.order_by("-pk")[0]
        assert (last.moment, last.message["is_problem"]) == ("ended", True)
        circuit.close(other, why="a test")
        look()
        last = monitor.deliveries.order_by("-pk")[0]
        assert (last.moment, last.message["is_problem"]) == ("ended", False)


class TestTheLedger:
    def test_what_a_worker_died_over_is_taken_by_another(self, email, break_it, look):
        break_it()
        look()
        (dead,) = holding.claim(at_most=8)
        assert holding.claim(at_most=8) == []
        NotificationDelivery.objects.update(lease_until=read_db_now() - timedelta(seconds=1))
        (alive,) = holding.claim(at_most=8)
        assert alive.letter.message_id == dead.letter.message_id
        holding.settle([(dead, Answer(error="too late"))])
        assert states() == ["leased"]
        holding.settle([(alive, Answer())])
        assert states() == ["delivered"]

    def test_two_workers_never_hold_the_same(self, email, break_it, look):
        break_it()
        look()
        assert len(holding.claim(at_most=8)) == 1
        assert holding.claim(at_most=8) == []

    def test_what_is_given_back_counts_as_no_attempt(self, email, break_it, look):
        break_it()
        look()
        (hold,) = holding.claim(at_most=8)
        hold.rows().give_back()
        row = email.deliveries.get()
        assert (row.state, row.attempts) == ("pending", 0)

    def test_what_waits_for_a_removed_channel_is_cancelled(self, email, break_it, look):
        break_it()
        look()
        services.remove(channel=email, actor="a test")
        assert states() == ["cancelled"]

    def test_what_slipped_in_behind_a_removal_is_cancelled_by_the_next_look(
        self, email, break_it, look
    ):
        break_it()
        look()
        NotificationChannel.objects.update(removed_at=timezone.now())
        look()
        assert states() == ["cancelled"]

    def test_old_messages_and_their_incidents_are_forgotten(self, email, break_it, mend_it, look):
        for act in (break_it, look, tasks.drain, mend_it, look, tasks.drain):
            act()
        tasks.forget()
        assert len(states()) == 2
        holding.forget(before=timezone.now() + timedelta(days=1))
        assert states() == []

    def test_no_message_holds_a_secret(self, webhook, monitor, break_it, look):
        break_it()
        look()
        told = json.dumps(list(NotificationDelivery.objects.values_list("message", flat=True)))
        assert "an s3 secret" not in told
        assert "t0ken" not in told
