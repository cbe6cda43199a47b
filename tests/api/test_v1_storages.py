"""Connecting a bucket from a program: /api/v1/custom_storages/."""

import json

import pytest
from django.conf import settings
from django.utils import timezone

from storages_app.custom_storages import services, tasks
from storages_app.models import AccessChange, ConnectionTest, CopyJob, CustomStorage, Event
from storages_app.objectstores.errors import WrongSecret
from tests.api.conftest import Rest, make_rest
from tests.factories import (
    make_connection_test,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
)
from tests.memory_bucket import bucket

__all__ = ["bucket"]

pytestmark = pytest.mark.django_db

STORAGES = "/api/v1/custom_storages/"
KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "TheVerySecretAccessKeyOfTheseTests"
FIELDS = {
    "name": "mine",
    "provider": "other",
    "endpoint_url": "http://127.0.0.1:9",
    "region": "us-east-1",
    "bucket": "acme-media",
    "prefix": "uploads",
    "access_key_id": KEY_ID,
    "secret_access_key": SECRET,
}


@pytest.fixture
def draft(rest):
    answer = rest.post(STORAGES, FIELDS)
    assert answer.status_code == 201, answer.content
    return answer.json()


@pytest.fixture
def path(draft):
    return f"{STORAGES}{draft['id']}/"


@pytest.fixture
def connected(rest, path, bucket):
    """The address of a storage that is connected, by nothing but its API."""
    rest.post(f"{path}tests/")
    tasks.drain()
    assert rest.post(f"{path}connect/").json()["state"] == "connected"
    return path


def problem_of(answer):
    assert answer["Content-Type"] == "application/problem+json"
    shown = answer.json()
    assert shown["docs_url"] == f"{settings.DASHBOARD_URL}/docs/errors/#{shown['code']}"
    return answer.status_code, shown["code"]


class TestCreating:
    def test_keeps_a_draft_and_says_where_it_is(self, rest, project):
        answer = rest.post(STORAGES, FIELDS | {"uses": ["verify", "copies"], "auto_copy": True})
        shown, row = answer.json(), CustomStorage.objects.get()
        assert answer.status_code == 201
        assert answer["Location"] == f"{STORAGES}{row.pk}/"
        assert row.project == project
        assert row.unseal_secret() == SECRET
        assert (shown["state"], shown["prefix"], shown["uses"]) == (
            "draft",
            "uploads/",
            ["copies", "verify"],
        )
        assert Event.objects.get(kind="storage.drafted").actor == f"key {rest.key.label}"

    def test_shows_of_secrets_the_last_four_characters(self, rest, draft):
        assert draft["access_key_id"] == "…MPLE"
        assert draft["secret_access_key"] == "****ests"
        for answer in (rest.get(STORAGES), rest.get(f"{STORAGES}{draft['id']}/")):
            assert SECRET not in answer.content.decode()
            assert KEY_ID not in answer.content.decode()

    def test_of_a_short_secret_shows_nothing(self, rest):
        shown = rest.post(STORAGES, FIELDS | {"secret_access_key": "short", "access_key_id": "abc"})
        assert shown.json()["secret_access_key"] == "****"
        assert shown.json()["access_key_id"] == "…"

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"name": ""}, "parameter_missing"),
            ({"bucket": None}, "parameter_missing"),
            ({"bucket": "Not A Bucket"}, "address_invalid"),
            ({"bucket": 7}, "parameter_invalid"),
            ({"name": "a\0b"}, "parameter_invalid"),
            ({"name": "x" * 65}, "address_invalid"),
            ({"endpoint_url": "https://s3.example.com/path?x"}, "address_invalid"),
            ({"endpoint_url": "", "provider": "minio"}, "address_invalid"),
            ({"provider": "nobody"}, "parameter_invalid"),
            ({"identity": "root"}, "parameter_invalid"),
            ({"identity": "role"}, "identity_not_offered"),
            ({"public_mode": True}, "parameter_invalid"),
            ({"on_clash": "burn"}, "parameter_invalid"),
            ({"uses": "copies"}, "parameter_invalid"),
            ({"uses": ["copies", "fly"]}, "parameter_invalid"),
            ({"uses": [["copies"]]}, "parameter_invalid"),
            ({"auto_copy": "yes"}, "parameter_invalid"),
            ({"auto_copy_rule": ["image/*"]}, "auto_copy_rule_invalid"),
            ({"auto_copy_rule": {"size": 5}}, "auto_copy_rule_invalid"),
            ({"auto_copy_rule": {"max_size": 10**30}}, "auto_copy_rule_invalid"),
            (
                {"key_pattern": "${uuid}", "auto_copy_rule": {"renditions": ["-/preview/"]}},
                "auto_copy_rule_invalid",
            ),
            ({"storage_class": "a b"}, "parameter_invalid"),
            ({"encryption": "AES256"}, "parameter_invalid"),
            ({"encryption": {"mode": "rot13"}}, "parameter_invalid"),
            ({"encryption": {"mode": "AES256", "kms_key_id": "key"}}, "parameter_invalid"),
            ({"encryption": {"mode": "aws:kms", "kms_key_id": "a b\r\n"}}, "parameter_invalid"),
            ({"encryption": {"mode": "AES256", "more": 1}}, "field_unknown"),
            ({"key_pattern": "${foo}"}, "pattern_invalid"),
            ({"secret_access_key": "****ests"}, "parameter_invalid"),
            ({"access_key_id": "…MPLE"}, "address_invalid"),
        ],
    )
    def test_refuses_what_cannot_be(self, rest, changes, code):
        assert problem_of(rest.post(STORAGES, FIELDS | changes)) == (400, code)
        assert not CustomStorage.objects.exists()

    @pytest.mark.parametrize(
        "field",
        [
            *("id", "project", "state", "external_id", "proved_at", "connected_at", "created_at"),
            *("capabilities", "sealed_secret", "secret", "circuit_opened_at", "removed_at", "x"),
        ],
    )
    def test_refuses_fields_that_are_not_to_be_set(self, rest, path, field):
        before = CustomStorage.objects.values().get()
        for answer in (
            rest.post(STORAGES, FIELDS | {"name": "second", field: "1"}),
            rest("PATCH", path, {"name": "other", field: "1"}),
        ):
            assert problem_of(answer) == (400, "field_unknown")
            assert f"`{field}`" in answer.json()["why"]
        assert CustomStorage.objects.values().get() == before

    def test_refuses_a_name_that_is_taken(self, rest, draft):
        assert problem_of(rest.post(STORAGES, FIELDS)) == (409, "storage_name_taken")

    @pytest.mark.parametrize("body", [b"[]", b'"x"', b"null", b"7"])
    def test_refuses_what_is_no_object(self, rest, body):
        assert problem_of(rest.post(STORAGES, body)) == (400, "parameter_invalid")

    def test_refuses_a_key_given_twice(self, rest):
        assert problem_of(rest.post(STORAGES, b'{"name": "a", "name": "b"}'))[0] == 400

    def test_takes_a_role_where_this_installation_can_assume_it(self, rest, settings):
        settings.AWS_PRINCIPAL_ARN = "arn:aws:iam::444455556666:user/ucdash"
        settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = "AKIAOPERATOR", "hush"
        role = "arn:aws:iam::111122223333:role/writer"
        shown = rest.post(
            STORAGES,
            {"name": "r", "bucket": "acme-media", "identity": "role", "role_arn": role},
        ).json()
        assert shown["role_arn"] == role
        assert shown["external_id"] == str(CustomStorage.objects.get().external_id)
        assert shown["secret_access_key"] is None
        assert "hush" not in json.dumps(shown)


class TestChanging:
    def test_a_draft_changes_at_once(self, rest, path):
        answer = rest("PATCH", path, {"prefix": "other/", "on_clash": "skip"})
        assert answer.status_code == 200
        assert answer.json()["prefix"] == "other/"
        assert CustomStorage.objects.get().on_clash == "skip"

    @pytest.mark.parametrize("secret", [None, "", "****ests", "****", "••••ests"])
    def test_keeps_the_secret_that_is_left_out_or_sent_back_masked(self, rest, path, secret):
        shown = rest.get(path).json()
        body = {"region": "eu-central-1", "access_key_id": shown["access_key_id"]}
        if secret is not None:
            body["secret_access_key"] = secret
        assert rest("PATCH", path, body).status_code == 200
        row = CustomStorage.objects.get()
        assert (row.unseal_secret(), row.access_key_id) == (SECRET, KEY_ID)
        assert row.region == "eu-central-1"

    def test_stores_a_new_secret(self, rest, path):
        rest("PATCH", path, {"secret_access_key": "AnotherVerySecretAccessKey"})
        assert CustomStorage.objects.get().unseal_secret() == "AnotherVerySecretAccessKey"

    def test_of_access_is_tested_first_once_connected(self, rest, connected, bucket):
        bucket.fail("whoami", WrongSecret(provider_code="SignatureDoesNotMatch", http_status=403))
        answer = rest("PATCH", connected, {"secret_access_key": "AWrongSecretAccessKey"})
        assert answer.status_code == 202
        assert rest.get(answer["Location"]).json()["access_change"]["state"] == "tried"
        tasks.drain()
        shown = rest.get(answer["Location"]).json()
        assert (shown["state"], shown["trigger"]) == ("failed", "change")
        assert shown["access_change"]["state"] == "refused"
        assert CustomStorage.objects.get().unseal_secret() == SECRET
        assert AccessChange.objects.get().sealed_secret == ""

    def test_of_access_that_passes_is_kept(self, rest, connected, bucket):
        answer = rest("PATCH", connected, {"region": "eu-west-1", "auto_copy": True})
        assert answer.json()["region"] == "us-east-1", "the old one is still in use"
        assert answer.json()["auto_copy"] is True
        tasks.drain()
        test = rest.get(answer["Location"]).json()
        assert test["access_change"]["changed"] == ["region"]
        assert test["access_change"]["state"] == "kept"
        assert rest.get(connected).json()["region"] == "eu-west-1"

    def test_of_the_rule_of_auto_copy_replaces_it_as_a_whole(self, rest, connected):
        everything = {"when": "upload", "types": [], "min_size": None, "max_size": None}
        everything["renditions"] = []
        assert rest.get(connected).json()["auto_copy_rule"] == everything
        for sent, shown in [
            ({"types": ["IMAGE/*"], "renditions": ["-/preview/800x800"]}, None),
            ({"when": "store", "max_size": 5}, everything | {"when": "store", "max_size": 5}),
            (None, everything),
        ]:
            answer = rest("PATCH", connected, {"auto_copy": True, "auto_copy_rule": sent})
            expected = shown or everything | {
                "types": ["image/*"],
                "renditions": ["-/preview/800x800/"],
            }
            assert answer.json()["auto_copy_rule"] == expected
            assert rest("PATCH", connected, {"auto_copy_rule": expected}).status_code == 200
        assert answer.json()["auto_copy_since"] is not None
        answer = rest("PATCH", connected, {"auto_copy": False})
        assert answer.json()["auto_copy_since"] is None

    def test_that_a_rule_cannot_follow_says_which_part(self, rest, connected):
        answer = rest("PATCH", connected, {"auto_copy_rule": {"types": ["images"]}})
        assert problem_of(answer) == (400, "auto_copy_rule_invalid")
        assert "`images` is no type" in answer.json()["why"]


class TestTests:
    def test_are_asked_for_and_found_at_their_address(self, rest, path, bucket):
        asked = rest.post(f"{path}tests/")
        assert asked.status_code == 202
        assert asked.json()["state"] == "waiting"
        assert rest.post(f"{path}tests/").json()["id"] == asked.json()["id"], "not doubled"
        tasks.drain()
        shown = rest.get(asked["Location"]).json()
        assert shown["state"] in {"passed", "limited"}
        assert shown["asked_by"] == f"key {rest.key.label}"
        write = next(row for row in shown["findings"] if row["id"] == "write")
        assert (write["level"], write["state"]) == ("required", "passed")
        assert {"feature": "Copies", "works": True, "why": None} in shown["what_works"]
        listed = rest.get(f"{path}tests/").json()["results"]
        assert [test["id"] for test in listed] == [asked.json()["id"]]

    def test_that_failed_say_what_why_and_how_to_mend_it(self, rest, path, bucket):
        bucket.fail("whoami", WrongSecret(provider_code="SignatureDoesNotMatch", http_status=403))
        asked = rest.post(f"{path}tests/")
        tasks.drain()
        answer = rest.get(asked["Location"])
        row = next(row for row in answer.json()["findings"] if row["state"] == "failed")
        assert (row["id"], row["code"], row["status"]) == ("identity", "SignatureDoesNotMatch", 403)
        assert row["fix"]
        assert row["docs_url"].endswith("/docs/checks/identity/#signaturedoesnotmatch")
        assert SECRET not in answer.content.decode()

    def test_of_one_row_and_of_the_checklist_can_be_asked_for(self, rest, path):
        again = rest.post(f"{path}tests/", {"again": "write"}).json()
        lines = rest.post(f"{path}tests/", {"kind": "checklist"}).json()
        assert (again["kind"], again["again"]) == ("test", "write")
        assert (lines["kind"], lines["again"]) == ("checklist", None)

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"again": "nothing"}, "parameter_invalid"),
            ({"again": 7}, "parameter_invalid"),
            ({"kind": "exam"}, "parameter_invalid"),
            ({"kind": None}, "parameter_invalid"),
            ({"trigger": "schedule"}, "field_unknown"),
            ([], "parameter_invalid"),
        ],
    )
    def test_refuse_what_there_is_not(self, rest, path, body, code):
        assert problem_of(rest.post(f"{path}tests/", body)) == (400, code)
        assert not ConnectionTest.objects.exists()

    def test_too_many_are_refused_with_the_time_to_wait(self, rest, path, monkeypatch):
        monkeypatch.setattr(services, "_MAX_TESTS_OF_PROJECT", 1)
        first = rest.post(f"{path}tests/").json()
        ConnectionTest.objects.filter(pk=first["id"]).update(state="failed")
        answer = rest.post(f"{path}tests/")
        assert problem_of(answer) == (429, "too_many_tests")
        assert 500 < int(answer["Retry-After"]) <= 600

    @pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1e3"])
    def test_are_listed_up_to_a_limit(self, rest, path, limit):
        row = CustomStorage.objects.get()
        newest = [make_connection_test(row).pk for _ in range(3)][::-1]
        listed = rest.get(f"{path}tests/?limit=2").json()["results"]
        assert [test["id"] for test in listed] == newest[:2]
        assert rest.get(f"{path}tests/?limit={limit}").status_code == 400

    @pytest.mark.parametrize("test_id", ["0", "x", "9" * 18, "9" * 30, "१"])
    def test_that_are_none_are_not_found(self, rest, path, test_id):
        assert problem_of(rest.get(f"{path}tests/{test_id}/")) == (404, "not_found")

    def test_of_another_storage_are_not_found_under_this_one(self, rest, path, project):
        other = make_connection_test(make_custom_storage(project))
        assert rest.get(f"{path}tests/{other.pk}/").status_code == 404


class TestLife:
    def test_connects_only_after_a_passed_test(self, rest, path, bucket):
        assert problem_of(rest.post(f"{path}connect/")) == (409, "storage_not_tested")
        rest.post(f"{path}tests/")
        assert problem_of(rest.post(f"{path}connect/")) == (409, "storage_not_tested")
        tasks.drain()
        answer = rest.post(f"{path}connect/")
        assert (answer.status_code, answer.json()["state"]) == (200, "connected")

    def test_pauses_and_goes_on(self, rest, connected):
        assert rest.post(f"{connected}pause/").json()["state"] == "paused"
        assert rest.post(f"{connected}resume/").json()["state"] == "connected"

    def test_is_disconnected_under_its_name(self, rest, project, draft):
        row = CustomStorage.objects.get()
        make_copy_job(make_file(project), row, state="pending", finished_at=None)
        path = f"{STORAGES}{row.pk}/"
        for wrong in ("", "?name=", "?name=other", "?name=mine&name=other"):
            status, code = problem_of(rest("DELETE", path + wrong))
            assert status == 400
            assert code in {"confirmation_missing", "parameter_conflict"}
        assert rest.get(path).status_code == 200
        answer = rest("DELETE", f"{path}?name=mine")
        assert (answer.status_code, answer.json()["state"]) == (200, "removed")
        assert answer.json()["n_copies_cancelled"] == 1
        assert CopyJob.objects.get().state == "cancelled"
        row.refresh_from_db()
        assert row.unseal_secret() == ""
        for method in ("GET", "DELETE"):
            assert rest(method, f"{path}?name=mine").status_code == 404


class TestGrant:
    def test_has_the_policy_and_every_tab(self, rest, path):
        rest("PATCH", path, {"provider": "aws", "endpoint_url": "", "region": "eu-central-1"})
        shown = rest.get(f"{path}grant/").json()
        sids = [statement["Sid"] for statement in shown["identity_policy"]["Statement"]]
        assert "WriteCopies" in sids
        assert "arn:aws:s3:::acme-media/uploads/*" in json.dumps(shown["identity_policy"])
        assert shown["trust_policy"] is None
        assert {tab["id"] for tab in shown["tabs"]} >= {"policy_json", "aws_cli", "terraform"}
        assert {right["action"] for right in shown["rights"]} >= {"s3:PutObject"}
        assert SECRET not in json.dumps(shown)
        assert KEY_ID not in json.dumps(shown)

    def test_gets_smaller_without_the_set_up(self, rest, path):
        whole = rest.get(f"{path}grant/").json()["rights"]
        smaller = rest.get(f"{path}grant/?setup=false").json()["rights"]
        assert {right["action"] for right in smaller} < {right["action"] for right in whole}
        assert not any(right["setup_only"] for right in smaller)
        assert rest.get(f"{path}grant/?setup=maybe").status_code == 400


class TestProof:
    @pytest.fixture
    def trusted(self, project, settings):
        settings.AWS_PRINCIPAL_ARN = "arn:aws:iam::444455556666:user/ucdash"
        return make_custom_storage(
            project, name="p", provider="aws", identity="principal", prefix="up/", connected_at=None
        )

    def test_tells_what_to_put_where_and_until_when(self, rest, trusted):
        path = f"{STORAGES}{trusted.pk}/proof/"
        shown = rest.post(path).json()
        assert shown["key"] == "up/.ucdash-proof"
        assert len(shown["nonce"]) >= 22, "at least 128 bits"
        assert shown["proved_at"] is None
        assert rest.post(path).json() == shown, "one nonce for its 24 hours"

    def test_is_not_for_access_keys(self, rest, path):
        assert problem_of(rest.post(f"{path}proof/")) == (400, "proof_not_needed")


DOORS = [
    ("GET", ""),
    ("PATCH", ""),
    ("DELETE", "?name=mine"),
    ("GET", "tests/"),
    ("POST", "tests/"),
    ("GET", "tests/1/"),
    ("POST", "connect/"),
    ("POST", "pause/"),
    ("POST", "resume/"),
    ("GET", "grant/"),
    ("POST", "proof/"),
]


class TestStrangers:
    @pytest.mark.parametrize(("method", "door"), DOORS)
    def test_find_nothing(self, rest, stranger, path, method, door):
        before = CustomStorage.objects.values().get()
        wrong = Rest(rest.project, "wrong")
        mixed = Rest(rest.project, stranger.secret)
        assert problem_of(stranger(method, path + door)) == (404, "not_found")
        for caller in (wrong, mixed):
            assert problem_of(caller(method, path + door)) == (401, "secret_key_wrong")
        assert CustomStorage.objects.values().get() == before
        assert not ConnectionTest.objects.exists()

    @pytest.mark.parametrize(("method", "door"), DOORS)
    def test_with_a_key_for_reading_only_read(self, reader, path, method, door):
        answer = reader(method, path + door)
        if method == "GET":
            assert answer.status_code == (404 if "tests/1/" in door else 200)
        else:
            assert problem_of(answer) == (403, "key_may_only_read")
        assert not ConnectionTest.objects.exists()
        assert CustomStorage.objects.get().removed_at is None

    def test_cannot_use_a_name_that_only_another_project_has(self, rest, draft):
        theirs = make_rest(make_project())
        assert theirs.post(STORAGES, FIELDS).status_code == 201
        assert CustomStorage.objects.filter(name="mine").count() == 2

    @pytest.mark.parametrize(
        "storage_id", ["x", "0", "%00", "11111111-1111-1111-1111-111111111111"]
    )
    def test_ids_that_are_none_are_not_found(self, rest, storage_id):
        assert rest.get(f"{STORAGES}{storage_id}/").status_code == 404

    def test_a_storage_that_is_gone_is_not_found(self, rest, project):
        gone = make_custom_storage(project, removed_at=timezone.now())
        assert rest.get(f"{STORAGES}{gone.pk}/").status_code == 404
