"""Channels and incidents, seen and changed by people."""

import re
import uuid

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from storages_app.models import Event, NotificationChannel, NotificationDelivery
from storages_app.notifications import services
from tests.factories import make_channel, make_incident, make_notification, make_project

pytestmark = pytest.mark.django_db

TARGET = "https://8.8.8.8/hooks/t0ken"
NEW = {"kind": "email", "address": "owner@example.com", "topics": ["storage_broken", "job_failed"]}


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.fixture
def channel(project):
    return make_channel(project, address="owner@example.com")


@pytest.fixture
def webhook(project):
    return make_channel(project, "webhook", address=TARGET)


class TestTheList:
    def test_says_what_it_is_for_where_there_is_nothing(self, project, as_owner):
        page = as_owner.get(address("notifications", project)).text
        assert "Nobody is told yet" in page
        assert "Nothing is wrong." in page
        assert "Nothing was wrong in the last 90 days." in page

    def test_shows_what_is_wrong_and_what_was(self, project, channel, as_owner):
        now = make_incident(project, title="Writing is not allowed.")
        make_notification(channel, now, state="delivered")
        over = make_incident(
            project, subject="archive", ended_at=timezone.now(), outcome="It works again."
        )
        make_notification(channel, over, state="dead", error="No connection.")
        page = as_owner.get(address("notifications", project)).text
        wrong_now, _, history = page.partition(">History<")
        assert "Writing is not allowed." in wrong_now
        assert "1 message" in wrong_now
        assert "It works again." in history
        assert "1 failed" in history

    def test_has_only_what_is_of_the_project(self, project, as_owner):
        other = make_project()
        make_incident(other, title="of somebody else")
        make_channel(other, address="else@example.com")
        page = as_owner.get(address("notifications", project)).text
        assert "else" not in page.partition("<main")[2]

    def test_who_may_not_change_it_sees_no_token_and_no_mailbox(
        self, project, channel, webhook, as_viewer
    ):
        page = as_viewer.get(address("notifications", project)).text
        assert "8.8.8.8" in page
        assert "…@example.com" in page
        for hidden in ("t0ken", "owner@example.com", "Add a channel"):
            assert hidden not in page

    def test_says_which_mailbox_is_not_a_members(self, project, channel, as_owner):
        page = address("notifications", project)
        assert "not a member" not in as_owner.get(page).text
        make_channel(project, address="else@example.com")
        assert "not a member" in as_owner.get(page).text

    def test_asks_the_database_as_often_for_thirty_as_for_three(
        self, project, as_owner, django_assert_num_queries
    ):
        def fill(n):
            for k in range(n):
                channel = make_channel(project)
                open_ = make_incident(project)
                make_notification(channel, open_, state="delivered")
                make_incident(project, ended_at=timezone.now(), subject=f"{k}")

        page = address("notifications", project)
        fill(3)
        as_owner.get(page)
        with django_assert_num_queries(N_QUERIES):
            as_owner.get(page)
        fill(27)
        with django_assert_num_queries(N_QUERIES):
            as_owner.get(page)


N_QUERIES = 13


class TestAdding:
    def test_a_mailbox_of_a_member_is_on_at_once(self, project, as_owner):
        response = as_owner.post(address("notification_new", project), NEW)
        channel = NotificationChannel.objects.get()
        assert response["Location"] == address("notification_channel", project, channel.pk)
        assert said(response) == ["The channel is added. Send a test to see that it arrives."]
        assert (channel.state, channel.topics) == ("on", ["storage_broken", "job_failed"])
        assert Event.objects.filter(kind="notification.added").count() == 1

    def test_a_strangers_is_asked_first(self, project, as_owner):
        response = as_owner.post(
            address("notification_new", project), NEW | {"address": "else@example.com"}
        )
        assert "A link was sent to else@example.com." in said(response)[0]
        page = as_owner.get(response["Location"]).text
        assert "Nobody has confirmed this address" in page
        assert "Send a test" not in page
        assert "/notifications/confirm/" not in page

    def test_a_monitor_gets_what_it_can_use(self, project, as_owner):
        as_owner.post(
            address("notification_new", project), NEW | {"kind": "ping", "address": TARGET}
        )
        assert NotificationChannel.objects.get().topics == ["storage_broken"]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"address": ""}, "Enter an address."),
            ({"address": "nobody"}, "Write an email address like team@example.com."),
            ({"kind": "webhook", "address": "https://10.0.0.1/"}, "does not send anything to this"),
            ({"kind": "webhook", "address": "https://u:p@8.8.8.8/"}, "without user name"),
            ({"kind": "pigeon"}, "“pigeon” is not in the list"),
            ({"topics": []}, "Choose at least one."),
            ({"topics": ["cats"]}, "“cats” is not in the list"),
            (
                {"kind": "ping", "address": TARGET, "topics": ["job_failed"]},
                "Choose at least one thing",
            ),
        ],
    )
    def test_a_refusal_stands_in_the_form_and_nothing_is_made(
        self, project, as_owner, change, words
    ):
        response = as_owner.post(address("notification_new", project), NEW | change)
        assert response.status_code == 200
        assert words in response.text
        assert not NotificationChannel.objects.exists()

    def test_the_same_twice_is_refused_at_its_field(self, project, channel, as_owner):
        response = as_owner.post(address("notification_new", project), NEW)
        assert "This address is there already." in response.text


class TestOne:
    def test_its_settings_can_be_changed(self, project, channel, as_owner):
        page = address("notification_channel", project, channel.pk)
        as_owner.post(page, {"topics": ["key_ending"], "is_daily": "on"})
        channel.refresh_from_db()
        assert (channel.topics, channel.is_daily, channel.is_active) == (
            ["key_ending"],
            True,
            False,
        )

    def test_switched_off_nothing_waits(self, project, channel, as_owner):
        waiting = make_notification(channel, make_incident(project))
        page = address("notification_channel", project, channel.pk)
        as_owner.post(page, {"topics": channel.topics})
        waiting.refresh_from_db()
        assert waiting.state == "cancelled"

    def test_shows_what_became_of_each_message(self, project, webhook, as_owner):
        make_notification(
            webhook, state="delivered", status=204, duration_ms=12, message={"what": "A test."}
        )
        make_notification(webhook, state="dead", error="No connection.")
        page = as_owner.get(address("notification_channel", project, webhook.pk)).text
        for words in ("A test.", "HTTP 204", "No connection.", "Delivered", "Failed"):
            assert words in page
        assert "hx-get" not in page.partition('id="deliveries"')[2]

    def test_a_test_is_ordered_and_watched(self, project, channel, as_owner):
        response = as_owner.post(address("notification_test", project, channel.pk))
        assert NotificationDelivery.objects.get().moment == "test"
        page = as_owner.get(response["Location"]).text
        assert "Reload to see the newest state" in page
        part = address("notification_deliveries", project, channel.pk)
        assert as_owner.get(part).status_code == 200
        NotificationDelivery.objects.update(
            state="delivered", run_after=None, finished_at=timezone.now()
        )
        assert as_owner.get(part).status_code == 286

    def test_a_test_of_a_channel_that_is_off_is_refused(self, project, channel, as_owner):
        NotificationChannel.objects.update(is_active=False)
        response = as_owner.post(address("notification_test", project, channel.pk))
        assert "This channel is switched off" in said(response)[0]
        assert not NotificationDelivery.objects.exists()

    def test_the_link_is_sent_again(self, project, as_owner):
        channel = make_channel(project, confirmed_at=None)
        as_owner.post(address("notification_ask_again", project, channel.pk))
        assert NotificationDelivery.objects.get().moment == "confirm"

    def test_it_is_removed_after_a_question(self, project, channel, as_owner):
        page = address("notification_remove", project, channel.pk)
        assert "Remove the channel" in as_owner.get(page).text
        as_owner.post(page)
        assert not NotificationChannel.objects.kept().exists()
        assert as_owner.get(page).status_code == 404

    def test_another_projects_is_not_there(self, project, as_owner):
        strange = make_channel(make_project())
        assert as_owner.get(address("notification_channel", project, strange.pk)).status_code == 404

    def test_the_activity_tells_viewers_no_mailbox(self, project, as_owner, as_viewer):
        as_owner.post(address("notification_new", project), NEW | {"address": "ops@example.com"})
        shown = as_viewer.get(address("activity", project)).text
        assert "notification" in shown.lower()
        assert "ops@example.com" not in shown


class TestSigning:
    @pytest.fixture
    def page(self, project, webhook):
        return address("notification_secret", project, webhook.pk)

    def secret_in(self, response):
        found = re.search(r'<code id="secret">(\w{32})</code>', response.text)
        assert found, response.text
        return found[1]

    def test_a_new_webhook_shows_the_secret_once(self, project, as_owner):
        values = NEW | {"kind": "webhook", "address": TARGET, "is_signed": "on"}
        response = as_owner.post(address("notification_new", project), values)
        secret = self.secret_in(response)
        assert "Copy this secret now. You will not see it again." in response.text
        channel = NotificationChannel.objects.get()
        assert channel.unseal_secret() == secret
        page = as_owner.get(address("notification_channel", project, channel.pk)).text
        assert "Messages are signed" in page
        assert secret not in page

    @pytest.mark.parametrize("change", [{"is_signed": "on"}, {"kind": "webhook"}])
    def test_a_mailbox_and_whoever_wants_none_has_none(self, project, as_owner, change):
        values = NEW | {"is_signed": ""} | change
        if change.get("kind"):
            values["address"] = TARGET
        as_owner.post(address("notification_new", project), values)
        assert NotificationChannel.objects.get().sealed_secret == ""

    def test_one_that_is_there_gets_a_secret(self, project, webhook, page, as_owner):
        before = as_owner.get(address("notification_channel", project, webhook.pk)).text
        assert "Messages are not signed" in before
        secret = self.secret_in(as_owner.post(page, {"once": str(uuid.uuid4())}))
        webhook.refresh_from_db()
        assert webhook.unseal_secret() == secret

    def test_sent_again_the_form_makes_no_second_one(self, webhook, page, as_owner):
        form = {"once": str(uuid.uuid4())}
        secret = self.secret_in(as_owner.post(page, form))
        again = as_owner.post(page, form, follow=True)
        assert "no second was made" in again.text
        assert secret not in again.text
        webhook.refresh_from_db()
        assert webhook.unseal_secret() == secret

    def test_one_that_was_entered_is_never_shown(self, project, webhook, page, as_owner):
        entered = {"once": str(uuid.uuid4()), "secret": "one-of-my-own"}
        response = as_owner.post(page, entered, follow=True)
        assert "signed with your secret" in response.text
        for shown in (response, as_owner.get(page)):
            assert "one-of-my-own" not in shown.text
        webhook.refresh_from_db()
        assert webhook.unseal_secret() == "one-of-my-own"

    def test_one_that_cannot_be_is_refused_at_its_field(self, webhook, page, as_owner):
        wrong = {"once": str(uuid.uuid4()), "secret": "a\x07b"}
        assert "none of them invisible" in as_owner.post(page, wrong).text
        webhook.refresh_from_db()
        assert webhook.sealed_secret == ""

    def test_it_can_be_ended(self, webhook, page, as_owner):
        services.sign(channel=webhook, actor="a test")
        as_owner.post(page, {"do": "stop"})
        webhook.refresh_from_db()
        assert webhook.sealed_secret == ""
        assert Event.objects.filter(kind="notification.secret_removed").count() == 1

    def test_the_page_says_until_when_the_old_one_signs(self, project, webhook, as_owner):
        services.sign(channel=webhook, actor="a test")
        services.sign(channel=webhook, actor="a test")
        page = as_owner.get(address("notification_channel", project, webhook.pk)).text
        assert "The secret before signs beside the new one until" in page

    def test_a_mailbox_has_no_such_page(self, project, channel, as_owner):
        page = address("notification_secret", project, channel.pk)
        assert as_owner.get(page).status_code == 404

    def test_nobody_else_makes_one(self, webhook, page, as_viewer, as_neighbour):
        form = {"once": str(uuid.uuid4())}
        assert as_viewer.post(page, form).status_code == 403
        assert as_neighbour.post(page, form).status_code == 404
        webhook.refresh_from_db()
        assert webhook.sealed_secret == ""
