"""/webhooks/ as recorded, and what we add to it under /api/v1/ (spec/UPLOADCARE 1.10)."""

import json
from urllib.parse import urlencode

import pytest
from django.test import Client

from storages_app.api import webhook_schema
from storages_app.models import Webhook, WebhookDelivery
from tests import name_server
from tests.api.conftest import ACCEPT
from tests.factories import make_webhook, make_webhook_delivery

pytestmark = pytest.mark.django_db

TARGET = "https://hooks.example.com/a"
V05 = "application/vnd.uploadcare-v0.5+json"


@pytest.fixture(autouse=True)
def _nobody_is_asked_for_names(monkeypatch):
    name_server.install(monkeypatch)


def send_form(rest, method, path, **fields):
    return Client().generic(
        method,
        path,
        urlencode(fields),
        content_type="application/x-www-form-urlencoded",
        HTTP_ACCEPT=ACCEPT,
        HTTP_AUTHORIZATION=f"Uploadcare.Simple {rest.project.public_key}:{rest.secret}",
    )


def order(**fields):
    return {"target_url": TARGET, "event": "file.uploaded"} | fields


class TestCreate:
    def test_by_a_form(self, rest, project):
        answer = send_form(
            rest, "POST", "/webhooks/", **order(signing_secret="7kM", is_active="True")
        )
        webhook = Webhook.objects.get()
        assert answer.status_code == 201
        shown = answer.json()
        assert shown.pop("created").endswith("Z")
        assert shown.pop("updated").endswith("Z")
        assert shown == {
            "id": webhook.pk,
            "project": project.pk,
            "event": "file.uploaded",
            "target_url": TARGET,
            "is_active": True,
            "version": "0.7",
            "signing_secret": "7kM",
        }

    @pytest.mark.parametrize("charset", ["base64", "rot13", "nothing", "utf-16"])
    def test_a_form_is_utf8_whatever_it_names(self, rest, charset):
        answer = Client().generic(
            "POST",
            "/webhooks/",
            urlencode(order(target_url=TARGET + "?name=Zoë")),
            content_type=f"application/x-www-form-urlencoded; charset={charset}",
            HTTP_ACCEPT=ACCEPT,
            HTTP_AUTHORIZATION=f"Uploadcare.Simple {rest.project.public_key}:{rest.secret}",
        )
        assert answer.status_code == 201
        assert answer.json()["target_url"].endswith("?name=Zoë")

    def test_a_form_of_too_many_fields_is_refused(self, rest):
        fields = {f"field{number}": "x" for number in range(2_000)}
        answer = send_form(rest, "POST", "/webhooks/", **order(**fields))

        assert answer.status_code == 400
        assert not Webhook.objects.exists()

    def test_by_json(self, rest):
        answer = rest.post("/webhooks/", order(is_active=False, signing_secret=None))
        assert answer.status_code == 201
        assert (answer.json()["is_active"], answer.json()["signing_secret"]) == (False, "")

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({}, {"detail": "`target_url` is missing."}),
            ({"target_url": ""}, {"detail": "`target_url` is missing."}),
            ({"target_url": TARGET}, {"detail": "`event` is missing."}),
            (order(target_url=5), {"target_url": ["Not a valid string."]}),
            (order(target_url="x\0"), {"target_url": ["Null characters are not allowed."]}),
            (order(target_url="hooks"), {"target_url": ["Enter a valid URL."]}),
            (
                order(target_url=f"{TARGET}{'x' * 255}"),
                {"target_url": ["Ensure this field has no more than 255 characters."]},
            ),
            (
                order(target_url="http://169.254.169.254/"),
                {"target_url": ["This instance does not send anything to this address."]},
            ),
            (order(event="file.painted"), {"event": ['"file.painted" is not a valid choice.']}),
            (order(is_active="maybe"), {"is_active": ["Must be a valid boolean."]}),
            (order(is_active=[]), {"is_active": ["Must be a valid boolean."]}),
            (order(version="9"), {"version": ['"9" is not a valid choice.']}),
            (
                order(signing_secret="x" * 33),
                {
                    "signing_secret": [
                        "Ensure this field has no more than 32 characters, none of them invisible."
                    ]
                },
            ),
            ([], {"non_field_errors": ["Invalid data. Expected a dictionary."]}),
            ("text", {"non_field_errors": ["Invalid data. Expected a dictionary."]}),
            (7, {"non_field_errors": ["Invalid data. Expected a dictionary."]}),
        ],
    )
    def test_refuses(self, rest, body, said):
        answer = rest.post("/webhooks/", body)
        assert (answer.status_code, answer.json()) == (400, said)
        assert not Webhook.objects.exists()

    def test_refuses_the_same_twice_as_recorded(self, rest):
        rest.post("/webhooks/", order())
        answer = rest.post("/webhooks/", order())
        assert answer.status_code == 400
        assert answer.json() == {
            "non_field_errors": ["This project is already subscribed on this event"]
        }

    def test_refuses_one_too_many(self, rest, settings):  # S070
        settings.WEBHOOKS_OF_A_PROJECT = 1
        rest.post("/webhooks/", order())
        answer = rest.post("/webhooks/", order(event="file.stored"))
        assert answer.status_code == 400
        assert "as many webhooks" in answer.json()["non_field_errors"][0]

    def test_where_there_are_none_it_says_so_as_recorded(self, rest, settings):
        settings.WEBHOOKS_OF_A_PROJECT = 0
        answer = rest.post("/webhooks/", order())
        assert (answer.status_code, answer.json()) == (403, {"detail": "You can't use webhooks"})

    def test_refuses_json_that_is_none(self, rest):
        answer = rest("POST", "/webhooks/", b"{")
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("JSON parse error")


class TestRead:
    def test_the_list_is_a_plain_array_of_the_own_project(self, rest, stranger, project):
        make_webhook(project, removed_at=project.created_at)
        ours = [make_webhook(project).pk, make_webhook(project, "copy.done").pk]
        assert [one["id"] for one in rest.get("/webhooks/").json()] == ours
        assert stranger.get("/webhooks/").json() == []  # S034
        assert rest.get(f"/webhooks/{ours[0]}/").json()["id"] == ours[0]

    def test_a_key_that_may_only_read_sees_no_secret(self, rest, reader, project):  # S067
        webhook = make_webhook(project, secret="12345X")
        assert rest.get("/webhooks/").json()[0]["signing_secret"] == "12345X"
        for path in ("/webhooks/", f"/webhooks/{webhook.pk}/"):
            assert "12345X" not in reader.get(path).content.decode()

    @pytest.mark.parametrize("wrong", ["0", "x", "-1", "9" * 30, "٣"])
    def test_an_id_that_is_none_is_not_found(self, rest, wrong):
        answer = rest.get(f"/webhooks/{wrong}/")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})


class TestChange:
    @pytest.mark.parametrize("method", ["PUT", "POST"])  # POST as old clients do
    def test_any_subset(self, rest, project, method):
        webhook = make_webhook(project, secret="old")
        answer = send_form(
            rest, method, f"/webhooks/{webhook.pk}/", event="file.deleted", is_active="false"
        )
        assert answer.status_code == 200
        shown = answer.json()
        assert (shown["event"], shown["is_active"]) == ("file.deleted", False)
        assert (shown["target_url"], shown["signing_secret"]) == (webhook.target_url, "old")
        assert shown["updated"] > shown["created"]

    def test_a_secret_is_replaced(self, rest, project):
        webhook = make_webhook(project, secret="old")
        answer = rest("PUT", f"/webhooks/{webhook.pk}/", {"signing_secret": "new"})
        assert answer.json()["signing_secret"] == "new"
        webhook.refresh_from_db()
        assert webhook.unseal_old_secret() == "old"

    def test_refuses_what_another_one_is(self, rest, project):
        make_webhook(project, target_url=TARGET)
        other = make_webhook(project, "file.stored", target_url=TARGET)
        answer = rest("PUT", f"/webhooks/{other.pk}/", {"event": "file.uploaded"})
        assert answer.status_code == 400
        assert "non_field_errors" in answer.json()

    def test_refuses_the_operators_network(self, rest, project):
        webhook = make_webhook(project)
        answer = rest("PUT", f"/webhooks/{webhook.pk}/", {"target_url": "http://127.0.0.1/"})
        assert answer.status_code == 400
        assert "target_url" in answer.json()

    def test_anothers_is_not_found_and_stays(self, stranger, project):  # S034
        webhook = make_webhook(project)
        assert stranger("PUT", f"/webhooks/{webhook.pk}/", {"is_active": False}).status_code == 404
        assert stranger("DELETE", f"/webhooks/{webhook.pk}/").status_code == 404
        webhook.refresh_from_db()
        assert webhook.is_active
        assert webhook.removed_at is None


class TestDelete:
    def test_by_its_id(self, rest, project):
        webhook = make_webhook(project)
        answer = rest("DELETE", f"/webhooks/{webhook.pk}/")
        assert (answer.status_code, answer.content) == (204, b"")
        assert rest("DELETE", f"/webhooks/{webhook.pk}/").status_code == 404

    @pytest.mark.parametrize("way", ["form", "json"])
    def test_by_its_address(self, rest, project, way):
        for event in ("file.uploaded", "file.stored"):
            make_webhook(project, event, target_url=TARGET)
        path = "/webhooks/unsubscribe/"
        if way == "form":
            answer = send_form(rest, "DELETE", path, target_url=TARGET)
        else:
            answer = rest("DELETE", path, {"target_url": TARGET})
        assert answer.status_code == 204
        assert not Webhook.objects.kept().exists()

    def test_refuses_to_guess_the_address(self, rest, project):
        make_webhook(project)
        answer = rest("DELETE", "/webhooks/unsubscribe/", {})
        assert (answer.status_code, answer.json()) == (400, {"detail": "`target_url` is missing."})
        assert rest("DELETE", "/webhooks/unsubscribe/", {"target_url": TARGET}).status_code == 404
        assert Webhook.objects.kept().exists()

    def test_as_clients_of_0_5_do(self, rest, project):
        make_webhook(project, target_url=TARGET)
        answer = rest.post("/webhooks/unsubscribe/", {"target_url": TARGET}, accept=V05)
        assert (answer.status_code, answer.json()) == (200, {"detail": "Webhook deleted"})
        assert rest.post("/webhooks/unsubscribe/", {"target_url": TARGET}).status_code == 405


class TestDeliveries:
    @pytest.fixture
    def webhook(self, project):
        return make_webhook(project)

    @pytest.fixture
    def path(self, webhook):
        return f"/api/v1/webhooks/{webhook.pk}/"

    def test_come_in_pages_the_newest_first(self, rest, webhook, path):
        made = [str(make_webhook_delivery(webhook, state="dead").pk) for _ in range(5)][::-1]
        seen, before = [], ""
        while before is not None:
            page = rest.get(f"{path}deliveries/?limit=2{before and f'&before={before}'}").json()
            seen += [one["id"] for one in page["results"]]
            before = page["next_before"]
        assert seen == made
        assert rest.get(f"{path}deliveries/?state=dead").json()["results"]
        assert rest.get(f"{path}deliveries/?state=delivered").json()["results"] == []

    @pytest.mark.parametrize(
        "query", ["state=gone", "limit=0", "limit=x", "before=x", f"before={'0' * 32}"]
    )
    def test_refuse_parameters_that_are_none(self, rest, path, query):
        answer = rest.get(f"{path}deliveries/?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "parameter_invalid")

    def test_a_mark_of_another_project_is_none(self, rest, stranger, path):
        foreign = make_webhook_delivery(make_webhook(stranger.project))
        assert rest.get(f"{path}deliveries/?before={foreign.pk}").status_code == 400

    def test_one_shows_what_was_sent_and_what_came_back(self, rest, webhook, path):
        delivery = make_webhook_delivery(
            webhook, state="dead", body='{"a":1}', status=500, response="no", attempts=10
        )
        shown = rest.get(f"{path}deliveries/{delivery.pk}/").json()
        assert set(shown) == set(webhook_schema.DeliveryWhole().get_fields())
        assert (shown["body"], shown["response"], shown["status"]) == ('{"a":1}', "no", 500)
        assert shown["message_id"] == delivery.message_id

    def test_of_another_webhook_it_is_not_found(self, rest, project, path):
        other = make_webhook_delivery(make_webhook(project, "file.stored"), state="dead")
        assert rest.get(f"{path}deliveries/{other.pk}/").status_code == 404
        assert rest.post(f"{path}deliveries/{other.pk}/again/").status_code == 404
        assert rest.get(f"{path}deliveries/x/").status_code == 404

    def test_one_is_sent_again(self, rest, webhook, path):
        delivery = make_webhook_delivery(webhook, state="delivered")
        answer = rest.post(f"{path}deliveries/{delivery.pk}/again/")
        assert (answer.status_code, answer.json()["state"]) == (202, "pending")
        answer = rest.post(f"{path}deliveries/{delivery.pk}/again/")
        assert (answer.status_code, answer.json()["code"]) == (409, "webhook_delivery_under_way")

    def test_all_that_failed_are_sent_again(self, rest, webhook, path):
        for state in ("dead", "disabled", "delivered"):
            make_webhook_delivery(webhook, state=state)
        assert rest.post(f"{path}again/").json() == {"sent_again": 2}

    def test_a_test_is_sent(self, rest, webhook, path):
        answer = rest.post(f"{path}test/")
        assert answer.status_code == 202
        assert rest.get(answer["Location"]).json()["is_test"] is True
        assert json.loads(WebhookDelivery.objects.get().body)["is_test"] is True

    def test_nothing_is_sent_while_it_is_off(self, rest, webhook, path):
        Webhook.objects.update(is_active=False)
        answer = rest.post(f"{path}test/")
        assert (answer.status_code, answer.json()["code"]) == (409, "webhook_inactive")


def test_the_documentation_has_the_fields_that_are_sent(rest, project):
    make_webhook(project)
    shown = rest.get("/webhooks/").json()[0]
    assert set(shown) == set(webhook_schema.Webhook().get_fields())
