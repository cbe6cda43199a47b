"""Webhooks: what may be one, and what becomes of what waits for it."""

import pytest

from storages_app.models import Event, Webhook, WebhookDelivery
from storages_app.webhooks import errors, runner, services
from tests.factories import make_project, make_webhook, make_webhook_delivery
from tests.hostile_addresses import LITERALS, as_host

pytestmark = pytest.mark.django_db

NO_ADDRESSES = [
    "",
    "hooks.example.com",
    "ftp://hooks.example.com/",
    "http://user:secret@hooks.example.com/",  # S068
    "http://hooks.example.com#@127.0.0.1/",
    "http://0x7f000001/",
    "http://127.1/",
    "http://hooks.example.com:65536/",
    "http://hooks.example.com/\r\nX-Evil: 1",  # S028
]


def create(project, target_url="https://hooks.example.com/a", event="file.uploaded", **values):
    return services.create(
        project=project, target_url=target_url, event=event, actor="a test", **values
    )


class TestCreate:
    def test_seals_the_secret(self, project):
        webhook = create(project, signing_secret="12345X")
        assert "12345X" not in Webhook.objects.get().sealed_secret
        assert Webhook.objects.get().unseal_secret() == "12345X"
        event = Event.objects.get(kind="webhook.created")
        assert event.subject == "file.uploaded to hooks.example.com"
        assert event.subject_id == str(webhook.pk)

    def test_refuses_what_is_there_already(self, project):
        create(project)
        with pytest.raises(errors.AlreadySubscribed):
            create(project)
        create(project, event="file.stored")
        create(make_project())

    def test_takes_an_address_again_that_was_deleted(self, project):
        services.remove(webhook=create(project), actor="a test")
        assert create(project)

    @pytest.mark.parametrize("url", NO_ADDRESSES)
    def test_refuses_what_is_no_address(self, project, url):
        with pytest.raises(errors.TargetInvalid):
            create(project, url)
        assert not Webhook.objects.exists()

    @pytest.mark.parametrize("host", LITERALS)
    def test_refuses_addresses_of_the_operators_network(self, project, host):  # S001 to S018
        with pytest.raises(errors.TargetForbidden):
            create(project, f"http://{as_host(host)}/")
        assert not Webhook.objects.exists()

    def test_refuses_a_port_that_is_not_open(self, project):  # S014
        with pytest.raises(errors.TargetForbidden):
            create(project, "https://hooks.example.com:22/")

    def test_refuses_an_address_of_256_characters(self, project):
        base = "https://hooks.example.com/"
        assert create(project, base + "x" * (255 - len(base)))
        with pytest.raises(errors.TargetTooLong):
            create(project, base + "x" * (256 - len(base)))

    @pytest.mark.parametrize("secret", ["x" * 33, "a\0b", "a\nb"])
    def test_refuses_secrets_that_are_none(self, project, secret):
        with pytest.raises(errors.SecretInvalid):
            create(project, signing_secret=secret)

    def test_refuses_events_and_versions_that_are_none(self, project):
        with pytest.raises(errors.EventUnknown):
            create(project, event="file.painted")
        with pytest.raises(errors.VersionUnknown):
            create(project, version="0.8")

    def test_refuses_one_too_many(self, project, settings):  # S070, S097
        settings.WEBHOOKS_OF_A_PROJECT = 2
        for n in range(2):
            create(project, f"https://hooks.example.com/{n}")
        with pytest.raises(errors.TooManyWebhooks):
            create(project)
        create(make_project())

    def test_refuses_all_where_there_are_none(self, project, settings):
        settings.WEBHOOKS_OF_A_PROJECT = 0
        with pytest.raises(errors.WebhooksOff):
            create(project)


class TestChange:
    def test_another_address_hears_first_that_it_was_chosen(self, receiver, subscribe):  # S068
        webhook = subscribe()
        services.change(webhook=webhook, values={"target_url": receiver.url("new")}, actor="a test")
        runner.drain()
        (got,) = receiver.received
        assert got.payload["is_test"] is True
        assert got.payload["hook"]["target"] == receiver.url("new")
        assert Event.objects.filter(kind="webhook.changed").count() == 1

    def test_refuses_what_another_webhook_has(self, project):
        create(project)
        other = create(project, event="file.stored")
        with pytest.raises(errors.AlreadySubscribed):
            services.change(webhook=other, values={"event": "file.uploaded"}, actor="a test")
        other.refresh_from_db()
        assert other.event == "file.stored"

    def test_refuses_a_forbidden_address(self, project):
        webhook = create(project)
        with pytest.raises(errors.TargetForbidden):
            services.change(
                webhook=webhook, values={"target_url": "http://127.0.0.1/"}, actor="a test"
            )

    def test_switched_off_it_drops_what_waits(self, project):
        webhook = make_webhook(project)
        waiting = make_webhook_delivery(webhook)
        services.change(webhook=webhook, values={"is_active": False}, actor="a test")
        waiting.refresh_from_db()
        assert waiting.state == "disabled"

    def test_the_same_secret_is_no_rotation(self, project):
        webhook = create(project, signing_secret="one")
        changed = services.change(webhook=webhook, values={}, signing_secret="one", actor="a test")
        assert changed.old_secret_until is None


class TestRemove:
    def test_drops_what_waits_and_keeps_the_log(self, project):
        webhook = make_webhook(project)
        waiting = make_webhook_delivery(webhook)
        done = make_webhook_delivery(webhook, state="delivered")
        services.remove(webhook=webhook, actor="a test")
        services.remove(webhook=webhook, actor="a test")
        waiting.refresh_from_db()
        done.refresh_from_db()
        assert (waiting.state, done.state) == ("disabled", "delivered")
        assert Event.objects.filter(kind="webhook.deleted").count() == 1

    def test_all_of_an_address_go_together(self, project):
        for event in ("file.uploaded", "file.stored"):
            create(project, event=event)
        kept = create(project, "https://hooks.example.com/b")
        foreign = create(make_project())
        n_removed = services.unsubscribe(
            project=project, target_url="https://hooks.example.com/a", actor="a test"
        )
        assert n_removed == 2
        assert list(Webhook.objects.kept()) == [kept, foreign]


class TestSendAgain:
    def test_refuses_what_is_under_way(self, project):
        for state in ("pending", "leased", "retry_wait"):
            delivery = make_webhook_delivery(make_webhook(project), state=state)
            with pytest.raises(errors.StillUnderWay):
                services.send_again(delivery=delivery, actor="a test")

    def test_begins_anew(self, project):
        delivery = make_webhook_delivery(make_webhook(project), state="dead", attempts=10)
        again = services.send_again(delivery=delivery, actor="a test")
        assert (again.state, again.attempts, again.finished_at) == ("pending", 0, None)

    def test_refuses_while_the_webhook_is_off(self, project):
        webhook = make_webhook(project, is_active=False)
        delivery = make_webhook_delivery(webhook, state="dead")
        with pytest.raises(errors.WebhookInactive):
            services.send_again(delivery=delivery, actor="a test")
        with pytest.raises(errors.WebhookInactive):
            services.send_failed_again(webhook=webhook, actor="a test")
        with pytest.raises(errors.WebhookInactive):
            services.send_test(webhook=webhook, actor="a test")

    def test_the_activity_tells_who_had_something_sent(self, project):
        webhook = make_webhook(project, target_url="https://hooks.example.com/a-token")
        deliveries = [make_webhook_delivery(webhook, state="dead") for _ in range(3)]
        services.send_again(delivery=deliveries[0], actor="ann@example.com")
        services.send_failed_again(webhook=webhook, actor="bob@example.com")
        services.send_test(webhook=webhook, actor="eve@example.com")
        told = Event.objects.filter(subject="file.uploaded to hooks.example.com").order_by("pk")
        assert [(event.kind, event.actor, event.data.get("deliveries")) for event in told] == [
            ("webhook.sent_again", "ann@example.com", 1),
            ("webhook.sent_again", "bob@example.com", 2),
            ("webhook.test_sent", "eve@example.com", None),
        ]

    def test_a_test_is_sent_once_and_switches_nothing_off(self, receiver, subscribe):
        receiver.always = 500
        webhook = subscribe()
        sent = services.send_test(webhook=webhook, actor="a test")
        runner.drain()
        sent.refresh_from_db()
        webhook.refresh_from_db()
        assert (sent.state, sent.attempts, webhook.is_active) == ("dead", 1, True)
        assert WebhookDelivery.objects.count() == 1
