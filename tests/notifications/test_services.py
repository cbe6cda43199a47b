"""Channels are added by people; a stranger's mailbox is asked first."""

import re

import pytest
from django.core import mail
from django.test import Client

from storages_app.models import Event, Membership, NotificationChannel
from storages_app.notifications import errors, links, services, tasks
from tests.factories import make_channel, make_project, make_user

pytestmark = pytest.mark.django_db(transaction=True)
ALL = ["storage_broken", "backup_behind"]


@pytest.fixture
def add(project):
    def act(address, kind="email", topics=ALL, *, is_daily=False):
        return services.add(
            project=project,
            kind=kind,
            address=address,
            topics=topics,
            is_daily=is_daily,
            actor="owner@example.com",
        )

    return act


class TestMailboxes:
    def test_a_members_needs_no_confirmation(self, add):
        assert add("Owner@Example.com").state == "on"
        tasks.drain()
        assert mail.outbox == []

    def test_a_strangers_gets_nothing_but_a_link_until_it_is_opened(
        self, add, project, break_it, look
    ):
        channel = add("stranger@example.com")
        break_it()
        look()
        tasks.drain()
        (asked,) = mail.outbox
        assert asked.subject == "[Shop] Confirm this address"
        assert "/notifications/stop/" not in asked.body
        assert channel.state == "not confirmed"
        with pytest.raises(errors.NotConfirmed):
            services.send_test(channel=channel, actor="a test")

    def test_of_somebody_who_has_left_hears_no_more(self, add, project, break_it, look):
        """S040. Who said yes by the link said it as a stranger, and is one still."""
        member = add("owner@example.com")
        asked = add("stranger@example.com")
        services.confirm(token=links.confirm_link(asked).rstrip("/").rpartition("/")[2])
        tasks.look()
        assert member.state == "on"
        Membership.objects.filter(project=project).delete()
        break_it()
        look()
        tasks.drain()
        told = {address for message in mail.outbox for address in message.to}
        assert told == {"stranger@example.com"}
        member.refresh_from_db()
        assert member.state == "not confirmed"
        assert Event.objects.filter(kind="notification.stopped", actor="system").count() == 1

    def test_the_link_confirms_by_a_click_and_not_by_being_looked_at(self, add, settings):
        """Programs that look for viruses open each link of a mail."""
        channel = add("stranger@example.com")
        tasks.drain()
        link = re.search(r"http\S+/notifications/confirm/\S+", mail.outbox[0].body)[0]
        assert link.startswith(settings.DASHBOARD_URL)
        browser = Client(headers={"host": "localhost:8000"})
        path = link.removeprefix(settings.DASHBOARD_URL)
        assert "Get notifications of “Shop”?" in browser.get(path).text
        channel.refresh_from_db()
        assert channel.confirmed_at is None
        assert "Confirmed" in browser.post(path).text
        channel.refresh_from_db()
        assert channel.state == "on"
        assert Event.objects.filter(kind="notification.confirmed").exists()

    def test_a_link_of_another_address_or_kind_is_worth_nothing(self, add):
        channel = add("stranger@example.com")
        other = links.confirm_link(make_channel(make_project()))
        token = links.stop_link(channel).rstrip("/").rpartition("/")[2]
        with pytest.raises(errors.LinkGone):
            services.confirm(token=token)
        for wrong in ("", "x", token + "x"):
            with pytest.raises(errors.LinkGone):
                services.confirm(token=wrong)
        services.confirm(token=other.rstrip("/").rpartition("/")[2])
        channel.refresh_from_db()
        assert channel.confirmed_at is None

    def test_a_link_of_a_removed_channel_says_that_it_is_gone(self, add, settings):
        channel = add("stranger@example.com")
        link = links.confirm_link(channel).removeprefix(settings.DASHBOARD_URL)
        services.remove(channel=channel, actor="a test")
        answer = Client(headers={"host": "localhost:8000"}).get(link)
        assert answer.status_code == 404
        assert "This link does not work." in answer.text
        assert "Ask for a new one." in answer.text

    def test_whoever_reads_there_can_end_it_and_only_they_bring_it_back(
        self, add, settings, break_it, look
    ):
        channel = add("owner@example.com")
        link = links.stop_link(channel).removeprefix(settings.DASHBOARD_URL)
        browser = Client(headers={"host": "localhost:8000"}, enforce_csrf_checks=True)
        assert "End the notifications" in browser.get(link).text
        assert "No more notifications" in browser.post(link).text
        channel = services.change(
            channel=channel, topics=ALL, is_daily=False, is_active=True, actor="a test"
        )
        assert channel.state == "not confirmed"
        break_it()
        look()
        assert not channel.deliveries.exists()

    def test_a_link_to_stop_that_is_gone_asks_nobody_for_a_new_one(self, add, settings):
        channel = add("owner@example.com")
        link = links.stop_link(channel).removeprefix(settings.DASHBOARD_URL)
        services.remove(channel=channel, actor="a test")
        answer = Client(headers={"host": "localhost:8000"}).get(link)
        assert answer.status_code == 404
        assert "Nothing is sent to its address any more" in answer.text
        assert "Ask for a new one." not in answer.text

    def test_a_stranger_cannot_be_mailed_again_and_again(self, add):
        for _ in range(10):
            services.remove(channel=add("stranger@example.com"), actor="a test")
        with pytest.raises(errors.TooManyConfirmations):
            add("stranger@example.com")
        assert not NotificationChannel.objects.kept().exists()


class TestRefusals:
    @pytest.mark.parametrize(
        ("kind", "address", "error"),
        [
            ("email", "nobody", errors.AddressInvalid),
            ("email", "a@example.com\r\nBcc: b@example.com", errors.AddressInvalid),
            ("email", "a@example.com, b@example.com", errors.AddressInvalid),
            ("webhook", "ftp://8.8.8.8/", errors.UrlInvalid),
            ("webhook", "https://user:word@8.8.8.8/", errors.UrlInvalid),
            ("webhook", "http://127.0.0.1/", errors.UrlForbidden),
            ("ping", "http://169.254.169.254/latest/", errors.UrlForbidden),
            ("ping", "http://[::ffff:10.0.0.1]/", errors.UrlForbidden),
            ("webhook", "https://8.8.8.8/" + "x" * 250, errors.UrlInvalid),
        ],
    )
    def test_an_address_that_cannot_be(self, add, kind, address, error):
        with pytest.raises(error):
            add(address, kind)
        assert not NotificationChannel.objects.exists()

    @pytest.mark.parametrize("topics", [[], ["cats"]])
    def test_topics_that_there_are_not(self, add, topics):
        with pytest.raises(errors.TopicUnknown):
            add("owner@example.com", topics=topics)

    def test_a_monitor_hears_of_no_job(self, add):
        """One that failed stays failed, and the monitor would never get green."""
        with pytest.raises(errors.TopicUnknown):
            add("https://8.8.8.8/ping", "ping", ["job_failed"])

    def test_the_same_address_twice(self, add):
        add("owner@example.com")
        with pytest.raises(errors.AlreadyThere):
            add("OWNER@example.com")

    def test_one_too_many(self, add, settings):
        settings.CHANNELS_OF_A_PROJECT = 1
        add("owner@example.com")
        with pytest.raises(errors.TooManyChannels):
            add("https://8.8.8.8/", "webhook")


class TestTests:
    def test_says_that_nothing_is_wrong(self, add):
        channel = add("owner@example.com")
        delivery = services.send_test(channel=channel, actor="a test")
        tasks.drain()
        delivery.refresh_from_db()
        assert delivery.state == "delivered"
        assert "This is a test. Nothing is wrong." in mail.outbox[0].body

    def test_is_tried_once(self, project, receiver):
        receiver.always = 500
        channel = make_channel(project, "webhook", address=receiver.url())
        delivery = services.send_test(channel=channel, actor="a test")
        tasks.drain()
        delivery.refresh_from_db()
        assert (delivery.state, delivery.status) == ("dead", 500)

    def test_not_more_than_ten_an_hour(self, add):
        channel = add("owner@example.com")
        for _ in range(10):
            services.send_test(channel=channel, actor="a test")
        with pytest.raises(errors.TooManyTests):
            services.send_test(channel=channel, actor="a test")

    def test_a_member_who_has_left_is_no_member(self, add, project):
        user = make_user("left@example.com")
        Membership.objects.create(project=project, user=user, role="viewer").delete()
        assert add("left@example.com").state == "not confirmed"
