"""The connection test: rows, levels, texts and conclusions (spec/DASHBOARD 1.12)."""

from datetime import timedelta

import pytest

from storages_app.custom_storages import circuit, runner, services, tasks
from storages_app.custom_storages.checks import what_works
from storages_app.custom_storages.probe import registry
from storages_app.models import ConnectionTest, CopyJob, Event
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now
from storages_app.objectstores.errors import (
    AccessDenied,
    BucketMissing,
    ConnectionFailed,
    EndpointForbidden,
    HostNotFound,
    ObjectStoreError,
    RegionRedirect,
    TimedOut,
    TlsFailed,
    UnknownAccessKey,
    WrongSecret,
)
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft():
    return make_custom_storage(make_project(), name="mine", prefix="up/", connected_at=None)


def answers_of(storage) -> tuple[ConnectionTest, dict]:
    test = services.run_test_now(custom_storage=storage, asked_by="a test")
    storage.refresh_from_db()
    return test, {finding.check_id: finding for finding in test.findings.all()}


def test_every_check_passes_on_a_good_bucket_and_nothing_is_left_in_it(draft, bucket):
    test, rows = answers_of(draft)
    assert test.state == ConnectionTest.State.PASSED
    assert {row.state for row in rows.values()} == {"passed"}
    assert list(rows) == [
        "reach", "identity", "bucket", "write", "integrity", "read", "cond", "multipart", "public",
        "delete",
    ]  # fmt: skip
    assert draft.state == "connected"
    assert list(bucket.inner.list_objects()) == []
    assert list(bucket.inner.list_multiparts()) == []


def test_what_was_proved_is_kept_with_its_date(draft, bucket):
    answers_of(draft)
    assert draft.can("conditional_put")
    assert draft.can("verifies_checksum")
    assert draft.can("multipart")
    assert draft.capabilities["checksum"] == "sha256"
    assert draft.capabilities["tested_at"]


@pytest.mark.parametrize(
    ("method", "error", "check_id", "title"),
    [
        ("get_anonymously", HostNotFound(), "reach", "No server was found at 127.0.0.1:9."),
        ("get_anonymously", ConnectionFailed(), "reach", "No server was found at 127.0.0.1:9."),
        ("get_anonymously", TimedOut(), "reach", "127.0.0.1:9 did not answer in time."),
        ("get_anonymously", TlsFailed(), "reach", "certificate of 127.0.0.1:9 was not trusted"),
        ("get_anonymously", EndpointForbidden(), "reach", "does not talk to"),
        (
            "whoami",
            UnknownAccessKey(),
            "identity",
            "does not know the access key id ending in TEST",
        ),
        ("whoami", WrongSecret(), "identity", "the secret does not fit it"),
        ("list_objects", BucketMissing(), "bucket", "There is no bucket called bucket"),
        ("put", AccessDenied(), "write", "We may not write to bucket/up/."),
        ("start_multipart", AccessDenied(), "multipart", "Big files are refused."),
    ],
)
def test_a_required_check_that_fails_names_what_why_and_what_to_do(
    draft, bucket, method, error, check_id, title
):
    bucket.fail(method, error)
    test, rows = answers_of(draft)
    row = rows[check_id]
    assert (row.state, row.level) == ("failed", "required")
    assert title in row.title
    assert row.fix
    assert test.state == ConnectionTest.State.FAILED
    assert draft.state == "draft"


def test_rows_that_depend_on_a_failed_one_wait_for_it(draft, bucket):
    bucket.fail("whoami", WrongSecret(provider_code="SignatureDoesNotMatch", http_status=403))
    _, rows = answers_of(draft)
    assert rows["identity"].code == "SignatureDoesNotMatch"
    assert rows["identity"].http_status == 403
    assert (rows["bucket"].state, rows["bucket"].title) == ("skipped", "Waits for “Identity”")
    assert rows["delete"].state == "skipped"


def test_a_bucket_in_another_region_is_named_with_it(draft, bucket):
    error = RegionRedirect(provider_code="PermanentRedirect", http_status=301)
    error.region = "eu-west-1"
    bucket.fail("list_objects", error)
    _, rows = answers_of(draft)
    assert rows["bucket"].title == "The bucket is in eu-west-1, the form said us-east-1."


def test_a_key_that_may_only_put_is_connected_and_the_page_says_what_it_cannot_do(draft, bucket):
    bucket.fail("list_objects", AccessDenied())
    bucket.fail("get", AccessDenied())
    bucket.fail("delete", AccessDenied(), AccessDenied(), AccessDenied())
    test, rows = answers_of(draft)
    assert test.state == ConnectionTest.State.LIMITED
    assert draft.state == "connected"
    assert rows["bucket"].state == "passed"
    assert rows["read"].title == "We may write but not read."
    assert "remove it when you like" in rows["delete"].title
    works = {name: is_working for name, is_working, _why in what_works(draft)}
    assert works["Copies"]
    assert not works["Reading copies back"]
    assert not works["Removing copies"]


def test_nothing_is_said_to_work_on_what_an_earlier_test_proved(draft, bucket):
    answers_of(draft)
    assert {name for name, is_working, _why in what_works(draft) if not is_working} == {
        "Public links"
    }
    circuit.open_(draft, reason="auth_denied")
    draft.refresh_from_db()
    assert not any(is_working for _name, is_working, _why in what_works(draft))
    draft.connected_at = draft.circuit_opened_at = None  # as after a change of its keys
    assert not any(is_working for _name, is_working, _why in what_works(draft))
    assert "s3:GetObject" not in str(what_works(draft))


def test_a_provider_that_takes_damaged_bytes_is_said_to_verify_nothing(draft, bucket):
    real_put = bucket.inner.put
    bucket.fail("put", None, lambda put, *a, **k: real_put.__name__)
    test, rows = answers_of(draft)
    assert rows["integrity"].state == "failed"
    assert not draft.can("verifies_checksum")
    assert test.state == ConnectionTest.State.LIMITED


def test_a_private_storage_that_strangers_can_read_is_warned_about(draft, bucket):
    def open_to_all(get, key):
        return bucket.inner.objects[key].body

    bucket.fail("get_anonymously", None, open_to_all)
    _, rows = answers_of(draft)
    assert rows["public"].title == "Copies are meant to be private, but anyone can read them."


def test_a_public_storage_that_strangers_cannot_read_is_not_connected(draft, bucket):
    draft.public_mode = "policy"
    draft.save()
    _, rows = answers_of(draft)
    assert (rows["public"].level, rows["public"].state) == ("required", "failed")
    assert draft.state == "draft"


def test_acl_is_only_asked_where_copies_are_public_by_acl(draft, bucket):
    draft.public_mode = "acl"
    draft.save()
    _, rows = answers_of(draft)
    assert rows["acl"].state == "passed"
    assert rows["public"].state == "passed"


def test_an_answer_nobody_knows_is_shown_as_it_was(draft, bucket):
    unknown = ObjectStoreError(
        "Teapot", provider_code="Teapot", http_status=418, operation="PutObject"
    )
    bucket.fail("put", unknown)
    _, rows = answers_of(draft)
    assert "Teapot (418) on PutObject" in rows["write"].title


def test_a_failing_test_breaks_a_connected_storage_and_a_passing_one_mends_it(draft, bucket):
    answers_of(draft)
    job = CopyJob.objects.create(
        project=draft.project, file=make_file(draft.project), custom_storage=draft, key="k",
        on_clash="error", lane=1, asked_by="x", run_after=draft.created_at,
    )  # fmt: skip
    bucket.fail("put", AccessDenied(provider_code="AccessDenied"))
    answers_of(draft)
    assert draft.state == "broken"
    assert CopyJob.objects.get(pk=job.pk).state == State.BLOCKED
    answers_of(draft)
    assert draft.state == "connected"
    assert CopyJob.objects.get(pk=job.pk).state == State.PENDING
    kinds = list(Event.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["storage.connected", "storage.broken", "storage.recovered"]


def test_a_test_that_waits_is_not_doubled_and_is_run_by_a_worker(draft, bucket):
    first = services.request_test(custom_storage=draft, asked_by="one")
    second = services.request_test(custom_storage=draft, asked_by="two")
    assert first == second
    tasks.drain()
    first.refresh_from_db()
    assert first.is_over


def test_a_test_that_killed_three_workers_fails_instead_of_killing_a_fourth(draft):
    test = services.request_test(custom_storage=draft, asked_by="one")
    for _ in range(3):
        assert runner.claim() == test
        ConnectionTest.objects.update(lease_until=db_now() - timedelta(seconds=1))
    assert runner.claim() is None
    test.refresh_from_db()
    assert (test.state, test.is_over) == (ConnectionTest.State.FAILED, True)


def test_two_workers_never_run_one_test(draft):
    services.request_test(custom_storage=draft, asked_by="one")
    assert runner.claim() is not None
    assert runner.claim() is None


def test_each_check_is_registered_once_under_its_file_name_with_a_docstring():
    names = registry.module_names()
    assert sorted(registry.all()) == sorted(names)
    assert all(check.ask.__doc__ for check in registry)
    assert all(required in names for check in registry for required in check.requires)


@pytest.mark.parametrize("faults", [[], [WrongSecret()]])
def test_findings_show_no_secret_and_no_whole_key_id(draft, bucket, faults):
    bucket.fail("whoami", *faults, lambda whoami: draft.access_key_id)
    test, _ = answers_of(draft)
    shown = str([finding.as_json() for finding in test.findings.all()])
    assert "an s3 secret of the tests" not in shown
    assert draft.access_key_id not in shown


class TestChange:
    def test_of_access_makes_a_draft_until_tested_and_keeps_the_secret(self, draft, bucket):
        answers_of(draft)
        services.change(custom_storage=draft, actor="a test", bucket="other-bucket")
        assert draft.state == "draft"
        assert draft.unseal_secret() == "an s3 secret of the tests"

    def test_to_the_secret_it_has_already_changes_nothing(self, draft, bucket):
        answers_of(draft)
        services.change(custom_storage=draft, actor="x", secret=" an-s3-secret-of-the-tests ")
        services.change(custom_storage=draft, actor="x", secret="an-s3-secret-of-the-tests")
        assert draft.state == "draft"
        assert Event.objects.filter(kind="storage.changed").count() == 1

    def test_of_the_pattern_keeps_it_connected(self, draft, bucket):
        answers_of(draft)
        services.change(custom_storage=draft, actor="a test", key_pattern="${uuid}${ext}")
        assert draft.state == "connected"

    def test_events_name_what_changed_and_not_to_what(self, draft):
        services.change(custom_storage=draft, actor="a test", secret="brand-new-secret")
        event = Event.objects.get(kind="storage.changed")
        assert event.data == {"changed": ["secret"]}


def test_disconnect_cancels_what_waits_and_forgets_the_secret(draft, bucket):
    draft.capabilities = PROVEN
    draft.save()
    CopyJob.objects.create(
        project=draft.project, file=make_file(draft.project), custom_storage=draft, key="k",
        on_clash="error", lane=1, asked_by="x", run_after=draft.created_at,
    )  # fmt: skip
    assert services.disconnect(custom_storage=draft, actor="a test") == 1
    draft.refresh_from_db()
    assert draft.unseal_secret() == ""
    assert CopyJob.objects.get().reason == "storage_deleted"
    again = services.create_draft(
        project=draft.project, actor="a", secret="s", name="mine", provider="aws",
        bucket="photos", access_key_id="AK",
    )  # fmt: skip
    assert again.name == "mine"


def test_the_circuit_tells_once_however_often_it_is_opened(draft):
    circuit.open_(draft, reason="auth_denied")
    circuit.open_(draft, reason="auth_denied")
    assert Event.objects.filter(kind="storage.broken").count() == 1
