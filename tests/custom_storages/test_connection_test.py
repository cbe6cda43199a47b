"""The connection test: rows, levels, texts and conclusions (spec/DASHBOARD 1.12)."""

import threading
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from django.utils import timezone

from storages_app.custom_storages import asking, circuit, runner, services, tasks
from storages_app.custom_storages.checks import what_works
from storages_app.custom_storages.errors import (
    AddressRefused,
    BadPattern,
    NotConnected,
    NotTested,
    StorageGone,
    TooManyDrafts,
    TooManyStorages,
    TooManyTests,
)
from storages_app.custom_storages.probe import registry
from storages_app.custom_storages.services import Kind, Trigger
from storages_app.models import (
    AccessChange,
    ConnectionTest,
    CopyJob,
    CustomStorage,
    Event,
    Reconciliation,
)
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now
from storages_app.objectstores.base import PutOptions
from storages_app.objectstores.errors import (
    AccessDenied,
    BucketMissing,
    ConnectionFailed,
    EndpointForbidden,
    HostNotFound,
    NotSupported,
    ObjectStoreError,
    RegionRedirect,
    TimedOut,
    TlsFailed,
    UnknownAccessKey,
    WrongSecret,
)
from tests.factories import make_copy_job, make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft():
    return make_custom_storage(make_project(), name="mine", prefix="up/", connected_at=None)


def answers_of(storage) -> tuple[ConnectionTest, dict]:
    test = services.run_test_now(custom_storage=storage, asked_by="a test")
    storage.refresh_from_db()
    return test, {finding.check_id: finding for finding in test.findings.all()}


@pytest.fixture
def connected(draft, bucket):
    answers_of(draft)
    services.connect(custom_storage=draft, actor="a test")
    return draft


def test_every_check_passes_on_a_good_bucket_and_nothing_is_left_in_it(draft, bucket):
    test, rows = answers_of(draft)
    assert test.state == ConnectionTest.State.PASSED
    assert {row.state for row in rows.values()} == {"passed"}
    assert list(rows) == [
        "input", "reach", "clock", "identity", "bucket", "list", "write", "checksum", "integrity",
        "acl", "lock", "multipart", "read", "names", "cond", "public", "presign", "delete", "speed",
    ]  # fmt: skip
    assert draft.state == "draft"
    services.connect(custom_storage=draft, actor="a test")
    assert draft.state == "connected"
    assert list(bucket.inner.list_objects()) == []
    assert list(bucket.inner.list_multiparts()) == []


def _minds_no_condition(copy_from, key, *, options, **source):
    return copy_from(key, options=replace(options, only_if_absent=False), **source)


@pytest.mark.parametrize(
    "answer", [_minds_no_condition, NotSupported(http_status=501)], ids=["ignored", "refused"]
)
def test_a_condition_that_only_uploads_mind_is_no_proof_for_copies(draft, bucket, answer):
    bucket.fail("copy_from", answer)
    answers_of(draft)
    assert (draft.can("conditional_put"), draft.can("conditional_copy")) == (True, False)


def test_a_condition_that_is_not_minded_leaves_the_test_object_as_public_as_it_was(draft, bucket):
    """Strangers are tried with it afterwards."""
    wanted = []

    def note(copy_from, key, *, options, **source):
        wanted.append(options.is_public)
        return _minds_no_condition(copy_from, key, options=options, **source)

    for mode in ("acl", "private"):
        draft.public_mode = mode
        draft.save()
        bucket.fail("copy_from", note)
        answers_of(draft)
    assert wanted == [True, False]


def test_what_was_proved_is_kept_with_its_date(draft, bucket):
    answers_of(draft)
    assert draft.can("conditional_put")
    assert draft.can("conditional_copy")
    assert draft.can("conditional_replace")
    assert draft.can("verifies_checksum")
    assert draft.can("multipart")
    assert draft.capabilities["checksum"] == "sha256"
    assert draft.capabilities["tested_at"]


@pytest.mark.parametrize(
    ("method", "error", "check_id", "title"),
    [
        ("connection", HostNotFound(), "reach", "No server was found at 127.0.0.1:9."),
        ("connection", ConnectionFailed(), "reach", "No server was found at 127.0.0.1:9."),
        ("connection", TimedOut(), "reach", "127.0.0.1:9 did not answer in 1 s."),
        ("connection", TlsFailed(), "reach", "certificate of 127.0.0.1:9 was not trusted"),
        ("connection", EndpointForbidden(), "reach", "is a private address"),
        (
            "whoami",
            UnknownAccessKey(),
            "identity",
            "does not know the access key id ending in TEST",
        ),
        ("whoami", WrongSecret(), "identity", "the secret does not fit it"),
        ("list_objects", BucketMissing(), "bucket", "There is no bucket called bucket"),
        ("put", AccessDenied(), "write", "We may not write to `bucket/up/`"),
        ("start_multipart", AccessDenied(), "multipart", "big ones will not"),
    ],
)
def test_a_required_check_that_fails_names_what_why_and_what_to_do(
    draft, bucket, method, error, check_id, title
):
    bucket.fail(method, *[error] * 5)
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
    assert rows["bucket"].title == (
        "The bucket is in eu-west-1, the form said us-east-1. We now use eu-west-1."
    )
    assert draft.region == "eu-west-1"


def test_a_key_that_may_only_put_is_connected_and_the_page_says_what_it_cannot_do(draft, bucket):
    draft.uses = ["copies"]
    draft.save()
    refusal = AccessDenied(provider_code="AccessDenied", operation="GetObject")
    bucket.fail("list_objects", AccessDenied())
    bucket.fail("get", refusal)
    bucket.fail("delete", AccessDenied(), AccessDenied(), AccessDenied())
    test, rows = answers_of(draft)
    assert test.state == ConnectionTest.State.LIMITED
    services.connect(custom_storage=draft, actor="a test")
    assert rows["bucket"].state == "passed"
    assert rows["read"].title == "We may write but not read."
    assert "remove it when you like" in rows["delete"].title
    works = {name: is_working for name, is_working, _why in what_works(draft)}
    assert works["Copies"]
    assert not works["Verify"]
    assert not works["Deletion sync"]


def test_nothing_is_said_to_work_on_what_an_earlier_test_proved(connected, bucket):
    draft = connected
    assert {name for name, is_working, _why in what_works(draft) if not is_working} == {
        "Public links",
        "Deletion sync",
    }
    circuit.open_(draft, reason="auth_denied")
    draft.refresh_from_db()
    assert not any(is_working for _name, is_working, _why in what_works(draft))
    draft.connected_at = draft.circuit_opened_at = None
    draft.access_changed_at = db_now()  # as after a change of its keys
    draft.save()
    assert not any(is_working for _name, is_working, _why in what_works(draft))
    assert "GetObject" not in str(what_works(draft))


def test_a_provider_that_takes_damaged_bytes_is_said_to_verify_nothing(draft, bucket):
    real_put = bucket.inner.put
    bucket.fail("put", None, None, lambda put, *a, **k: real_put.__name__)
    test, rows = answers_of(draft)
    assert rows["integrity"].state == "failed"
    assert not draft.can("verifies_checksum")
    assert test.state == ConnectionTest.State.LIMITED


def test_a_private_storage_that_strangers_can_read_is_warned_about(draft, bucket):
    def open_to_all(get, key):
        return bucket.inner.objects[key].body

    bucket.fail("get_anonymously", open_to_all)
    _, rows = answers_of(draft)
    assert rows["public"].title == "Copies are meant to be private, but anyone can read them."


def test_a_public_storage_that_strangers_cannot_read_is_not_connected(draft, bucket):
    draft.public_mode = "policy"
    draft.save()
    _, rows = answers_of(draft)
    assert (rows["bpa"].level, rows["bpa"].state) == ("required", "failed")
    assert (rows["public"].level, rows["public"].state) == ("required", "skipped")
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


def test_copies_that_break_a_storage_have_it_tested_once_and_its_passing_mends_nothing(
    connected, bucket
):
    """Whoever follows "Fix it" reads of now; a bucket that refuses copies only does not flap."""
    for _ in range(2):
        circuit.report(connected, circuit.OWNER * 5, reason="auth_denied")
    test = ConnectionTest.objects.get(trigger=Trigger.BREAK)
    tasks.run_now(test_id=test.pk)
    test.refresh_from_db()
    connected.refresh_from_db()
    assert test.has_passed
    assert connected.is_broken
    answers_of(connected)
    assert not connected.is_broken


def test_a_failing_test_breaks_a_connected_storage_and_a_passing_one_mends_it(connected, bucket):
    draft = connected
    job = CopyJob.objects.create(
        project=draft.project, file=make_file(draft.project), custom_storage=draft, key="k",
        on_clash="error", lane=1, asked_by="x", run_after=draft.created_at,
    )  # fmt: skip
    bucket.fail("put", *[AccessDenied(provider_code="AccessDenied")] * 4)
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


def test_a_change_whose_test_killed_three_workers_is_refused(connected):
    test = services.change(custom_storage=connected, actor="a test", secret="fresh-secret")
    ConnectionTest.objects.filter(pk=test.pk).update(
        state=ConnectionTest.State.RUNNING, fence=3, lease_until=db_now() - timedelta(seconds=1)
    )
    assert runner.claim() is None
    change = AccessChange.objects.get()
    assert (change.state, change.sealed_secret) == (AccessChange.State.REFUSED, "")
    assert change.decided_at


def test_two_workers_never_run_one_test(draft):
    services.request_test(custom_storage=draft, asked_by="one")
    assert runner.claim() is not None
    assert runner.claim() is None


def test_a_tenant_with_many_tests_leaves_room_for_others(draft):
    for name in ("a", "b", "c"):
        storage = make_custom_storage(draft.project, name=name, connected_at=None)
        services.request_test(custom_storage=storage, asked_by="one")
    other = make_custom_storage(make_project(), connected_at=None)
    patient = services.request_test(custom_storage=other, asked_by="two")
    first, second = ConnectionTest.objects.order_by("pk")[:2]
    assert [runner.claim(), runner.claim(), runner.claim()] == [first, patient, second]
    assert runner.claim() is None
    ConnectionTest.objects.filter(custom_storage__name="a").update(state="failed", lease_until=None)
    assert runner.claim() is not None


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


class TestConnect:
    def test_needs_a_passed_test(self, draft):
        with pytest.raises(NotTested):
            services.connect(custom_storage=draft, actor="a test")

    def test_needs_a_test_of_the_settings_as_they_are_now(self, draft, bucket):
        answers_of(draft)
        services.change(custom_storage=draft, actor="a test", prefix="elsewhere/")
        with pytest.raises(NotTested):
            services.connect(custom_storage=draft, actor="a test")

    def test_counts_only_the_newest_test(self, draft, bucket):
        answers_of(draft)
        bucket.fail("put", *[AccessDenied()] * 4)
        answers_of(draft)
        with pytest.raises(NotTested):
            services.connect(custom_storage=draft, actor="a test")

    def test_asks_for_a_new_test_where_the_last_one_is_of_yesterday(self, draft, bucket):
        answers_of(draft)
        ConnectionTest.objects.update(finished_at=db_now() - timedelta(hours=25))
        with pytest.raises(NotTested):
            services.connect(custom_storage=draft, actor="a test")

    def test_of_a_draft_that_was_disconnected_meanwhile_is_refused(self, draft, bucket):
        answers_of(draft)
        services.disconnect(
            custom_storage=CustomStorage.objects.get(pk=draft.pk), actor="somebody else"
        )
        with pytest.raises(StorageGone):
            services.connect(custom_storage=draft, actor="a test")
        assert not Event.objects.filter(kind="storage.connected").exists()

    def test_lets_the_copies_go_that_were_ordered_of_the_draft(self, draft, bucket):
        job = make_copy_job(make_file(draft.project), draft, state="blocked")
        answers_of(draft)
        services.connect(custom_storage=draft, actor="a test")
        job.refresh_from_db()
        assert job.state == State.PENDING

    def test_says_in_the_activity_whether_copies_are_public(self, connected):
        event = Event.objects.get(kind="storage.connected")
        assert event.data == {"public_mode": "private"}


class TestChange:
    def test_to_a_prefix_that_leaves_no_room_for_keys_is_refused(self, draft, connected):
        long = "p" * 500
        with pytest.raises(BadPattern, match="more than 1,024 bytes"):
            services.change(
                custom_storage=connected, actor="x", prefix=long, key_pattern="q" * 500 + "${uuid}"
            )
        connected.refresh_from_db()
        assert (connected.prefix, connected.key_pattern) == ("up/", "${default}")

    def test_of_a_draft_is_kept_at_once(self, draft):
        assert services.change(custom_storage=draft, actor="a test", bucket="other-bucket") is None
        draft.refresh_from_db()
        assert draft.bucket == "other-bucket"

    def test_of_access_is_kept_when_its_test_passes(self, connected):
        test = services.change(
            custom_storage=connected, actor="a test", prefix="new", secret="fresh-secret"
        )
        connected.refresh_from_db()
        assert connected.prefix == "up/"
        services.run_test_now(custom_storage=connected, asked_by="a test", test=test)
        assert (connected.prefix, connected.state) == ("new/", "connected")
        assert connected.unseal_secret() == "fresh-secret"
        event = Event.objects.get(kind="storage.changed")
        assert event.data == {
            "changed": ["prefix", "secret"],
            "changes": {"prefix": {"before": "up/", "after": "new/"}},
        }

    def test_of_access_leaves_the_old_settings_in_use_when_its_test_fails(self, connected, bucket):
        bucket.fail("whoami", WrongSecret())
        test = services.change(custom_storage=connected, actor="a test", secret="wrong-secret")
        services.run_test_now(custom_storage=connected, asked_by="a test", test=test)
        assert connected.state == "connected"
        assert connected.unseal_secret() == "an s3 secret of the tests"
        refusal = Event.objects.get(kind="storage.change_refused")
        assert "wrong-secret" not in str(refusal.data)
        change = AccessChange.objects.get()
        assert (change.state, change.sealed_secret) == ("refused", "")

    def test_to_another_bucket_needs_the_copies_to_be_there(self, connected, bucket):
        make_copy_job(make_file(connected.project), connected, key="up/gone.txt")
        test = services.change(custom_storage=connected, actor="a test", bucket="other-bucket")
        services.run_test_now(custom_storage=connected, asked_by="a test", test=test)
        assert connected.bucket == "bucket"
        assert test.findings.get(check_id="copies").code == "copies_missing"

    def test_to_a_bucket_that_holds_the_copies_is_kept(self, connected, bucket):
        job = make_copy_job(make_file(connected.project, b"here"), connected, key="up/here.txt")
        bucket.inner.put(job.key, BytesIO(b"here"), size=4, sha256=job.sha256, options=PutOptions())
        test = services.change(custom_storage=connected, actor="a test", bucket="other-bucket")
        services.run_test_now(custom_storage=connected, asked_by="a test", test=test)
        assert connected.bucket == "other-bucket"

    def test_to_another_bucket_has_all_copies_looked_for_there_at_once(self, connected, bucket):
        """The newest were seen, the others were not; and one under way goes to the old bucket."""
        file = make_file(connected.project, b"here")
        under_way = make_copy_job(file, connected, key="up/under-way.txt", state="leased")
        job = make_copy_job(file, connected, key="up/here.txt")
        bucket.inner.put(job.key, BytesIO(b"here"), size=4, sha256=job.sha256, options=PutOptions())
        begun = Reconciliation.objects.create(custom_storage=connected, kind="full", asked_by="x")
        test = services.change(custom_storage=connected, actor="a test", bucket="other-bucket")
        services.run_test_now(custom_storage=connected, asked_by="a test", test=test)
        begun.refresh_from_db()
        assert begun.state == "failed"
        looked_for = Reconciliation.objects.get(finished_at=None)
        assert (looked_for.kind, looked_for.state) == ("full", "waiting")
        assert not CopyJob.objects.held(pk=under_way.pk, fence=under_way.fence).exists()

    def test_to_another_prefix_leaves_copies_true(self, connected):
        """The ledger knows their whole keys."""
        under_way = make_copy_job(make_file(connected.project), connected, state="leased")
        test = services.change(custom_storage=connected, actor="a test", prefix="new")
        services.run_test_now(custom_storage=connected, asked_by="a test", test=test)
        assert not Reconciliation.objects.exists()
        assert CopyJob.objects.held(pk=under_way.pk, fence=under_way.fence).exists()

    @pytest.mark.parametrize(
        "typed",
        [" an-s3-secret-of-the-tests ", "", "****", "••••ests", "****ests", "…ests"],
    )
    def test_to_the_secret_it_has_or_its_mask_changes_nothing(self, draft, typed):
        services.change(custom_storage=draft, actor="x", secret="an-s3-secret-of-the-tests")
        services.change(custom_storage=draft, actor="x", secret=typed)
        assert draft.unseal_secret() == "an-s3-secret-of-the-tests"
        assert Event.objects.filter(kind="storage.changed").count() == 1

    def test_leaves_no_say_to_a_test_of_the_settings_before(self, connected, bucket):
        decides = services.change(custom_storage=connected, actor="a test", prefix="new")
        services.request_test(custom_storage=connected, asked_by="a test")
        changing, of_the_old = runner.claim(test_id=decides.pk), runner.claim()
        assert of_the_old.subject.prefix == "up/"
        runner.run_test(changing)
        bucket.fail("put", *[AccessDenied()] * 4)
        runner.run_test(of_the_old)
        connected.refresh_from_db()
        assert (connected.prefix, connected.state) == ("new/", "connected")
        current = ConnectionTest.objects.of_current_settings(connected)
        assert [test.pk for test in current] == [decides.pk]

    def test_beside_another_is_tried_anew_with_that_one(self, connected, bucket):
        first = services.change(custom_storage=connected, actor="a test", secret="fresh-secret")
        second = services.change(custom_storage=connected, actor="a test", prefix="new")
        claimed = [runner.claim(test_id=test.pk) for test in (first, second)]
        assert [test.subject.prefix for test in claimed] == ["up/", "new/"]
        for test in claimed:
            runner.run_test(test)
        second.refresh_from_db()
        connected.refresh_from_db()
        assert (second.state, connected.prefix) == (ConnectionTest.State.WAITING, "up/")
        tasks.drain()
        connected.refresh_from_db()
        assert (connected.prefix, connected.unseal_secret()) == ("new/", "fresh-secret")

    def test_asked_for_again_finds_the_test_that_decided(self, connected, bucket):
        test = services.change(custom_storage=connected, actor="a test", prefix="new")
        tasks.drain()
        services.request_test(custom_storage=connected, asked_by="x", again="read")
        bucket.fail("put", *[AccessDenied()] * 9)
        tasks.drain()
        after = ConnectionTest.objects.exclude(pk=test.pk).latest("pk")
        assert after.findings.get(check_id="acl").state == "passed"  # not asked: from that test

    def test_with_a_test_that_waits_has_a_new_one_asked_for(self, draft, bucket):
        waits = services.request_test(custom_storage=draft, asked_by="x")
        services.change(custom_storage=draft, actor="a test", prefix="new")
        asked = services.request_test(custom_storage=draft, asked_by="x")
        assert asked.pk != waits.pk
        tasks.drain()
        services.connect(custom_storage=draft, actor="x")

    @pytest.mark.parametrize(
        ("meanwhile", "state"),
        [
            (lambda row: services.pause(custom_storage=row, actor="x"), "paused"),
            (lambda row: circuit.open_(row, reason="auth_denied"), "broken"),
        ],
    )
    def test_undoes_nothing_that_was_done_since_the_row_was_read(self, connected, meanwhile, state):
        read_before = CustomStorage.objects.get(pk=connected.pk)
        meanwhile(connected)
        services.change(custom_storage=read_before, actor="a test", on_clash="skip")
        connected.refresh_from_db()
        assert (connected.state, connected.on_clash) == (state, "skip")

    def test_of_a_row_that_was_read_before_newer_settings_leaves_those(self, connected):
        read_before = CustomStorage.objects.get(pk=connected.pk)
        test = services.change(
            custom_storage=connected, actor="a test", prefix="new", secret="fresh-secret"
        )
        services.run_test_now(custom_storage=connected, asked_by="a test", test=test)
        services.change(custom_storage=read_before, actor="a test", name="renamed")
        connected.refresh_from_db()
        assert (connected.name, connected.prefix) == ("renamed", "new/")
        assert connected.unseal_secret() == "fresh-secret"

    def test_of_a_storage_that_was_disconnected_meanwhile_is_refused(self, connected):
        read_before = CustomStorage.objects.get(pk=connected.pk)
        services.disconnect(custom_storage=connected, actor="a test")
        with pytest.raises(StorageGone):
            services.change(custom_storage=read_before, actor="a test", on_clash="skip")
        connected.refresh_from_db()
        assert (connected.state, connected.unseal_secret()) == ("removed", "")

    def test_of_the_pattern_is_kept_without_a_test(self, connected):
        answer = services.change(
            custom_storage=connected, actor="a test", key_pattern="${uuid}${ext}"
        )
        assert answer is None
        assert connected.state == "connected"

    def test_events_tell_of_a_secret_only_that_it_changed(self, draft):
        services.change(custom_storage=draft, actor="a test", secret="brand-new-secret")
        event = Event.objects.get(kind="storage.changed")
        assert event.data == {"changed": ["secret"]}

    def test_says_in_the_activity_that_copies_become_public(self, draft):
        services.change(custom_storage=draft, actor="a test", public_mode="policy")
        event = Event.objects.get(kind="storage.changed")
        assert event.data == {
            "changed": ["public_mode"],
            "changes": {"public_mode": {"before": "private", "after": "policy"}},
            "public_mode": "policy",
        }


class TestDisconnect:
    def test_ends_the_tests_that_wait_and_forgets_the_secret_that_was_tried(
        self, connected, bucket
    ):
        test = services.change(custom_storage=connected, actor="a test", secret="fresh-secret")
        services.disconnect(custom_storage=connected, actor="a test")
        assert runner.claim() is None
        test.refresh_from_db()
        assert (test.state, test.is_over) == (ConnectionTest.State.FAILED, True)
        change = AccessChange.objects.get()
        assert (change.state, change.sealed_secret) == (AccessChange.State.REFUSED, "")

    def test_during_a_test_lets_it_decide_nothing(self, connected, bucket):
        services.change(custom_storage=connected, actor="a test", prefix="new")
        claimed = runner.claim()
        services.disconnect(custom_storage=connected, actor="a test")
        runner.run_test(claimed)
        claimed.refresh_from_db()
        connected.refresh_from_db()
        assert claimed.state == ConnectionTest.State.FAILED
        assert (connected.state, connected.prefix) == ("removed", "up/")


class TestAgain:
    def test_one_row_is_run_with_those_it_needs_and_the_others_are_kept(self, connected, bucket):
        bucket.fail("get", AccessDenied(provider_code="AccessDenied"))
        before = answers_of(connected)[1]
        assert before["read"].state == "failed"
        test = services.request_test(custom_storage=connected, asked_by="x", again="read")
        tasks.drain()
        test.refresh_from_db()
        after = {row.check_id: row for row in test.findings.all()}
        assert after["read"].state == "passed"
        assert after["cond"].title == before["cond"].title
        assert test.state == ConnectionTest.State.PASSED
        connected.refresh_from_db()
        assert connected.can("read")
        assert connected.can("conditional_put")
        assert list(bucket.inner.list_objects()) == []

    def test_of_other_settings_proves_nothing_that_those_had(self, draft, bucket):
        services.change(custom_storage=draft, actor="x", uses=["copies"])
        answers_of(draft)
        assert draft.can("presign")
        services.change(custom_storage=draft, actor="x", prefix="elsewhere")
        bucket.fail("get", *[AccessDenied()] * 9)
        test = services.request_test(custom_storage=draft, asked_by="x", again="speed")
        tasks.drain()
        draft.refresh_from_db()
        assert test.findings.get(check_id="presign").state == "skipped"
        assert draft.capabilities["read"] is False
        assert not draft.can("presign")

    def test_breaks_no_storage_by_what_another_row_found_before(self, connected, bucket):
        bucket.fail("whoami", WrongSecret())
        answers_of(connected)
        assert connected.state == "broken"
        circuit.close(connected, why="a copy went through")
        test = services.request_test(custom_storage=connected, asked_by="x", again="clock")
        tasks.drain()
        connected.refresh_from_db()
        assert test.findings.get(check_id="identity").state == "passed"
        assert connected.state == "connected"

    def test_of_another_day_keeps_no_answer(self, connected, bucket):
        # The rows of a row that was run again are as old as the last whole test.
        services.request_test(custom_storage=connected, asked_by="x", again="read")
        tasks.drain()
        whole = ConnectionTest.objects.filter(again="")
        whole.update(finished_at=timezone.now() - timedelta(hours=2))
        bucket.fail("list_objects", *[AccessDenied()] * 9)
        test = services.request_test(custom_storage=connected, asked_by="x", again="speed")
        tasks.drain()
        assert test.findings.get(check_id="list").state == "failed"

    @pytest.mark.parametrize("again", ["nonsense", "x" * 1000, "../write", "\x00"])
    def test_of_an_unknown_row_runs_all(self, draft, bucket, again):
        test = services.request_test(custom_storage=draft, asked_by="x", again=again)
        tasks.drain()
        test.refresh_from_db()
        assert test.state == ConnectionTest.State.PASSED


class TestPatience:
    def test_a_tenant_that_asks_a_thousand_times_is_told_to_wait(self, draft, monkeypatch):
        monkeypatch.setattr(services, "_MAX_TESTS_OF_PROJECT", 3)
        for _ in range(3):
            services.request_test(custom_storage=draft, asked_by="x")
            ConnectionTest.objects.update(state="failed", finished_at=db_now())
        with pytest.raises(TooManyTests) as refusal:
            services.request_test(custom_storage=draft, asked_by="x")
        assert 0 < refusal.value.retry_after <= 600
        assert services.request_test(custom_storage=draft, asked_by="x", trigger=Trigger.SCHEDULE)

    def test_a_tenant_cannot_get_round_it_by_changing_settings(self, connected, monkeypatch):
        monkeypatch.setattr(services, "_MAX_TESTS_OF_PROJECT", 1)
        with pytest.raises(TooManyTests):
            services.change(custom_storage=connected, actor="x", secret="another-secret")
        assert not AccessChange.objects.exists()


def test_a_project_has_so_many_storages(connected, settings):  # S097
    settings.STORAGES_OF_A_PROJECT = 2
    fields = {"provider": "aws", "bucket": "photos"}
    services.create_draft(project=connected.project, actor="x", name="second", **fields)
    with pytest.raises(TooManyStorages):
        services.create_draft(project=connected.project, actor="x", name="third", **fields)
    services.disconnect(custom_storage=connected, actor="x")
    assert services.create_draft(project=connected.project, actor="x", name="third", **fields)


def test_a_project_keeps_so_many_drafts(draft, monkeypatch):
    monkeypatch.setattr(services, "_MAX_DRAFTS", 2)
    fields = {"provider": "aws", "bucket": "photos"}
    services.create_draft(project=draft.project, actor="x", name="second", **fields)
    with pytest.raises(TooManyDrafts):
        services.create_draft(project=draft.project, actor="x", name="third", **fields)
    services.disconnect(custom_storage=draft, actor="x")
    assert services.create_draft(project=draft.project, actor="x", name="third", **fields)


@pytest.mark.parametrize(
    "encryption",
    [
        {"mode": "rot13"},
        {"mode": "AES256", "kms_key_id": "alias/photos"},
        {"mode": "aws:kms", "kms_key_id": "two words"},
        {"mode": "aws:kms", "kms_key_id": "k" * 513},
        {"mode": "aws:kms", "kms_key_id": "é"},
    ],
)
def test_an_encryption_that_no_header_can_name_is_refused(draft, encryption):
    with pytest.raises(AddressRefused):
        services.change(custom_storage=draft, actor="x", encryption=encryption)


def test_a_draft_cannot_be_paused(draft):
    with pytest.raises(NotConnected):
        services.pause(custom_storage=draft, actor="x")


class TestSchedule:
    def fails(self, storage, error, bucket):
        bucket.fail("put", *[error] * (4 if isinstance(error, AccessDenied) else 1))
        services.request_test(custom_storage=storage, asked_by="schedule", trigger=Trigger.SCHEDULE)
        tasks.drain()
        storage.refresh_from_db()
        return storage.state

    def test_trouble_that_may_pass_breaks_a_storage_only_when_it_stays(self, connected, bucket):
        assert self.fails(connected, TimedOut(), bucket) == "connected"
        assert self.fails(connected, TimedOut(), bucket) == "broken"
        assert Event.objects.filter(kind="storage.broken").count() == 1

    def test_a_refusal_breaks_it_at_once(self, connected, bucket):
        assert self.fails(connected, AccessDenied(), bucket) == "broken"

    def test_what_was_found_before_is_no_news(self, connected, bucket):
        for _ in range(2):
            services.request_test(
                custom_storage=connected, asked_by="schedule", trigger=Trigger.SCHEDULE
            )
            tasks.drain()
        assert connected.connection_tests.history().count() == 1
        assert connected.connection_tests.count() == 3

    def test_comes_round_for_working_and_sooner_for_broken_storages(self, connected, bucket):
        tasks.retest()
        assert not connected.connection_tests.waiting().exists()
        ConnectionTest.objects.update(finished_at=db_now() - timedelta(hours=7))
        tasks.retest()
        assert connected.connection_tests.waiting().count() == 1
        tasks.drain()
        circuit.open_(connected, reason="auth_denied")
        ConnectionTest.objects.update(finished_at=db_now() - timedelta(minutes=11))
        tasks.retest()
        assert connected.connection_tests.waiting().count() == 1

    def test_leaves_paused_storages_and_drafts_alone(self, connected):
        ConnectionTest.objects.update(finished_at=db_now() - timedelta(days=1))
        services.pause(custom_storage=connected, actor="a test")
        make_custom_storage(connected.project, connected_at=None)
        tasks.retest()
        assert not ConnectionTest.objects.waiting().exists()

    def test_reads_of_the_checklist_are_forgotten_but_the_newest(self, connected):
        for _ in range(3):
            services.request_test(custom_storage=connected, asked_by="x", kind=Kind.CHECKLIST)
            tasks.drain()
        ConnectionTest.objects.update(finished_at=db_now() - timedelta(days=3))
        tasks.forget_tests()
        kinds = [test.kind for test in connected.connection_tests.all()]
        assert kinds == ["checklist", "test"]

    def test_what_mends_a_row_that_was_run_again_is_news(self, connected, bucket):
        services.request_test(custom_storage=connected, asked_by="a person")
        tasks.drain()
        bucket.fail("get", AccessDenied())
        services.request_test(custom_storage=connected, asked_by="a person", again="read")
        tasks.drain()
        services.request_test(custom_storage=connected, asked_by="page", trigger=Trigger.WATCH)
        tasks.drain()
        told = connected.connection_tests.order_by("pk")
        states = [(str(test.state), test.is_repeat) for test in told]
        assert states[-2:] == [("failed", False), ("passed", False)]

    def test_old_repeats_are_forgotten_and_news_are_kept(self, connected, bucket):
        for _ in range(2):
            services.request_test(
                custom_storage=connected, asked_by="schedule", trigger=Trigger.SCHEDULE
            )
            tasks.drain()
        ConnectionTest.objects.update(finished_at=db_now() - timedelta(days=3))
        newest = connected.connection_tests.first()
        tasks.forget_tests()
        assert [test.is_repeat for test in connected.connection_tests.all()] == [True, False]
        assert connected.connection_tests.first() == newest


def test_the_test_ends_in_time_whatever_a_server_does(draft, bucket, monkeypatch):
    hangs = threading.Event()
    monkeypatch.setattr(asking, "_TIME_FOR_ALL_S", 0.2)
    monkeypatch.setattr(asking, "_TIME_TO_TIDY_S", 0.1)
    bucket.fail("put", lambda put, *a, **k: hangs.wait(20))
    try:
        test, rows = answers_of(draft)
    finally:
        hangs.set()
    assert (rows["write"].state, rows["write"].code) == ("failed", "timeout")
    assert test.state == ConnectionTest.State.FAILED


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
