"""Webhooks and their deliveries, made, changed and sent again by people."""

import json

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from storages_app.models import Event, Webhook, WebhookDelivery
from tests.factories import make_project, make_webhook, make_webhook_delivery

pytestmark = pytest.mark.django_db

TARGET = "https://8.8.8.8/hooks/t0ken"
NEW = {"target_url": TARGET, "events": ["file.uploaded", "copy.failed"], "signing_secret": "s3cret"}


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.fixture
def webhook(project):
    return make_webhook(project, target_url=TARGET, secret="the first secret")


class TestTheList:
    def test_says_what_webhooks_are_for_where_there_is_none(self, project, as_owner):
        page = as_owner.get(address("webhooks", project)).text
        assert "No webhooks" in page
        assert "Send events to your server" in page

    def test_tells_of_the_newest_delivery(self, project, webhook, as_owner):
        make_webhook_delivery(webhook, state="delivered", status=200)
        make_webhook_delivery(webhook, state="dead", status=500)
        page = as_owner.get(address("webhooks", project)).text
        assert "Failed" in page
        assert "Delivered" not in page

    def test_has_only_those_of_the_project_that_are_there(self, project, webhook, as_owner):
        make_webhook(make_project(), event="file.deleted")
        Webhook.objects.filter(pk=webhook.pk).update(removed_at="2026-01-01T00:00Z")
        assert "No webhooks" in as_owner.get(address("webhooks", project)).text

    def test_asks_the_database_as_often_for_many_as_for_one(
        self, project, webhook, as_owner, django_assert_num_queries
    ):
        page = address("webhooks", project)
        as_owner.get(page)
        with django_assert_num_queries(9):
            as_owner.get(page)
        for event in ("file.deleted", "file.stored"):
            make_webhook_delivery(make_webhook(project, event=event))
        with django_assert_num_queries(9):
            as_owner.get(page)

    def test_hides_the_address_from_who_may_not_change_it(self, project, webhook, as_viewer):
        page = as_viewer.get(address("webhooks", project)).text
        assert "8.8.8.8" in page
        assert "t0ken" not in page

    def test_says_that_the_operator_has_switched_them_off(self, project, as_owner, settings):
        settings.WEBHOOKS_OF_A_PROJECT = 0
        assert "Webhooks are switched off" in as_owner.get(address("webhooks", project)).text


class TestMaking:
    def test_makes_one_for_each_event(self, project, as_owner):
        response = as_owner.post(address("webhook_new", project), NEW)
        assert response["Location"] == address("webhooks", project)
        assert said(response) == ["2 webhooks listen from now on."]
        made = {webhook.event: webhook for webhook in Webhook.objects.all()}
        assert set(made) == {"file.uploaded", "copy.failed"}
        assert {webhook.unseal_secret() for webhook in made.values()} == {"s3cret"}
        assert Event.objects.filter(kind="webhook.created").count() == 2

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"target_url": ""}, "Enter an address."),
            ({"target_url": "https://10.0.0.1/"}, "does not send anything to this address"),
            ({"target_url": "https://user:word@8.8.8.8/"}, "without user name and password."),
            ({"events": []}, "Choose at least one."),
            ({"events": ["file.eaten"]}, "“file.eaten” is not in the list"),
            ({"signing_secret": "x" * 33}, "at most 32 characters"),
        ],
    )
    def test_a_refusal_stands_in_the_form_and_nothing_is_made(
        self, project, as_owner, change, words
    ):
        response = as_owner.post(address("webhook_new", project), NEW | change)
        assert response.status_code == 200
        assert words in response.text
        assert not Webhook.objects.exists()

    def test_of_several_all_are_made_or_none(self, project, as_owner):
        make_webhook(project, event="copy.failed", target_url=TARGET)
        response = as_owner.post(address("webhook_new", project), NEW)
        assert "already subscribed on this event" in response.text
        assert Webhook.objects.count() == 1


class TestChanging:
    def change(self, client, webhook, **fields):
        values = {"target_url": webhook.target_url, "is_active": "on", "signing_secret": ""}
        return client.post(address("webhook", webhook.project, webhook.pk), values | fields)

    def test_an_empty_secret_keeps_the_one_that_is_there(self, webhook, as_owner):
        assert self.change(as_owner, webhook).status_code == 302
        webhook.refresh_from_db()
        assert webhook.unseal_secret() == "the first secret"

    def test_a_new_secret_signs_beside_the_old_one(self, webhook, as_owner):
        self.change(as_owner, webhook, signing_secret="the second")
        webhook.refresh_from_db()
        assert webhook.unseal_secret() == "the second"
        assert webhook.unseal_old_secret() == "the first secret"

    def test_signing_can_be_ended(self, webhook, as_owner):
        self.change(as_owner, webhook, is_unsigned="on")
        webhook.refresh_from_db()
        assert webhook.unseal_secret() == ""

    def test_the_secret_is_never_shown(self, webhook, as_owner):
        page = as_owner.get(address("webhook", webhook.project, webhook.pk)).text
        assert TARGET in page
        assert "the first secret" not in page

    def test_switched_off_nothing_waits(self, webhook, as_owner):
        waiting = make_webhook_delivery(webhook)
        self.change(as_owner, webhook, is_active="")
        waiting.refresh_from_db()
        webhook.refresh_from_db()
        assert (webhook.is_active, waiting.state) == (False, "disabled")

    def test_an_address_that_is_not_allowed_changes_nothing(self, webhook, as_owner):
        response = self.change(as_owner, webhook, target_url="http://127.0.0.1/")
        assert "does not send anything to this address" in response.text
        webhook.refresh_from_db()
        assert webhook.target_url == TARGET

    def test_it_is_deleted_after_a_question(self, project, webhook, as_owner):
        page = address("webhook_delete", project, webhook.pk)
        assert "Delete the webhook" in as_owner.get(page).text
        as_owner.post(page)
        assert not Webhook.objects.kept().exists()
        assert as_owner.get(address("webhook", project, webhook.pk)).status_code == 404


class TestDeliveries:
    def test_a_test_leads_to_its_delivery(self, project, webhook, as_owner):
        response = as_owner.post(address("webhook_test", project, webhook.pk))
        delivery = WebhookDelivery.objects.get()
        assert delivery.is_test
        assert response["Location"] == address("webhook_delivery", project, webhook.pk, delivery.pk)

    def test_nothing_is_tested_that_is_switched_off(self, project, webhook, as_owner):
        Webhook.objects.update(is_active=False)
        response = as_owner.post(address("webhook_test", project, webhook.pk))
        assert "switched off" in said(response)[0]
        assert not WebhookDelivery.objects.exists()

    def test_tells_what_was_sent_and_what_came_back(self, project, webhook, as_owner):
        attempt = {"at": "2026-11-22T10:00:00Z", "status": 503, "error": None, "duration_ms": 41}
        delivery = make_webhook_delivery(
            webhook,
            state="dead",
            status=503,
            duration_ms=41,
            body=json.dumps({"data": {"name": "<b>é</b>"}}),
            response="<script>alert(1)</script>\nline \u202e two",
            log=[attempt],
        )
        page = as_owner.get(address("webhook_delivery", project, webhook.pk, delivery.pk)).text
        assert delivery.message_id in page
        assert "HTTP 503" in page
        assert "&lt;b&gt;é&lt;/b&gt;" in page
        assert "<script>alert" not in page
        assert "\u202e" not in page

    @pytest.mark.parametrize(
        ("state", "said_of_it"),
        [("pending", "Waiting"), ("leased", "Sending…"), ("delivered", "Delivered in 84 ms")],
    )
    def test_says_how_far_it_is(self, project, webhook, as_owner, state, said_of_it):
        row = make_webhook_delivery(webhook, state=state, duration_ms=84)
        page = as_owner.get(address("webhook_delivery", project, webhook.pk, row.pk)).text
        assert said_of_it in page
        waits = make_webhook_delivery(webhook, state="retry_wait")
        page = as_owner.get(address("webhook_delivery", project, webhook.pk, waits.pk)).text
        assert "Sending…" not in page

    def test_one_that_ended_is_sent_again(self, project, webhook, as_owner):
        delivery = make_webhook_delivery(webhook, state="dead", status=500)
        as_owner.post(address("webhook_delivery", project, webhook.pk, delivery.pk))
        delivery.refresh_from_db()
        assert delivery.state == "pending"

    def test_one_under_way_is_not_sent_twice(self, project, webhook, as_owner):
        delivery = make_webhook_delivery(webhook)
        response = as_owner.post(address("webhook_delivery", project, webhook.pk, delivery.pk))
        assert "has not ended yet" in said(response)[0]

    def test_all_that_failed_are_sent_again_together(self, project, webhook, as_owner):
        failed = [make_webhook_delivery(webhook, state="dead", status=500) for _ in range(2)]
        make_webhook_delivery(webhook, state="delivered", status=200)
        response = as_owner.post(address("webhook_send_again", project, webhook.pk))
        assert said(response) == ["2 deliveries are sent again."]
        waiting = set(WebhookDelivery.objects.filter(state="pending"))
        assert waiting == set(failed)

    def test_the_list_is_asked_for_again_while_something_waits(self, project, webhook, as_owner):
        delivery = make_webhook_delivery(webhook)
        page = address("webhook_deliveries", project, webhook.pk)
        first = as_owner.get(page)
        assert first.status_code == 200
        seen = first.context["version"]
        assert as_owner.get(page, {"seen": seen}).status_code == 204
        WebhookDelivery.objects.update(state="delivered", run_after=None, status=200)
        assert as_owner.get(page, {"seen": seen}).status_code == 286
        assert str(delivery.pk) in as_owner.get(page).text

    @pytest.mark.parametrize("mark", ["x", "\0", "0001-01-01T00:00+14:00", "2026-01-01"])
    def test_a_mark_that_is_none_is_no_fault(self, project, webhook, as_owner, mark):
        page = address("webhook", project, webhook.pk)
        assert as_owner.get(page, {"before": mark}).status_code == 200

    def test_those_of_another_webhook_are_not_found(self, project, webhook, as_owner):
        other = make_webhook_delivery(make_webhook(make_project()))
        page = address("webhook_delivery", project, webhook.pk, other.pk)
        assert as_owner.get(page).status_code == 404
        assert as_owner.post(page).status_code == 404
