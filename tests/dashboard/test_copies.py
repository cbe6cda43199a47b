"""The page of one copy in each of its states: what, why, what to do, details, and the proof."""

import pytest
from django.urls import reverse
from django.utils import timezone

from storages_app.dashboard.reasons import explain
from storages_app.models import CopyJob
from storages_app.models.copy_jobs import State
from tests.factories import make_connection_test, make_copy_job

pytestmark = pytest.mark.django_db

UNPROVED = {"evidence": "", "verified_at": None}


@pytest.fixture
def page_of(project, as_owner):
    """The words of a copy's page, each line break a space."""

    def get(job):
        address = reverse("dashboard:copy", args=[project.slug, job.pk])
        return " ".join(as_owner.get(address).text.split())

    return get


class TestNeedsAttention:
    """No copy needs attention without saying why and what to do (spec/DASHBOARD 1.0)."""

    def test_of_a_broken_storage_says_what_its_test_found(self, file, storage, page_of):
        storage.circuit_opened_at, storage.circuit_reason = timezone.now(), "auth_denied"
        storage.save()
        make_connection_test(storage, state="failed", findings=(("Write", "failed", "required"),))
        page = page_of(make_copy_job(file, storage, state="blocked", **UNPROVED))
        assert "Needs attention" in page
        assert "Waits for “photos”. Nothing is lost." in page
        assert "Write was asked" in page
        assert "Do this" in page
        assert "<li>Open the bucket.</li>" in page
        assert reverse("dashboard:storage", args=[storage.project.slug, storage.pk]) in page

    def test_of_a_broken_storage_without_a_test_says_what_its_copies_met(
        self, file, storage, page_of
    ):
        storage.circuit_opened_at, storage.circuit_reason = timezone.now(), "auth_denied"
        storage.save()
        page = page_of(make_copy_job(file, storage, state="blocked", **UNPROVED))
        assert "The bucket refused these credentials." in page
        assert "Open the storage and run its test: it says what to do." in page

    def test_of_a_copy_that_nothing_proves_says_so(self, file, storage, page_of):
        facts = {"reason": "dest_unverifiable", "finished_at": timezone.now()}
        page = page_of(make_copy_job(file, storage, state="unverified", **facts, **UNPROVED))
        assert "Needs attention" in page
        assert "Written, but not verified." in page
        assert "Allow s3:GetObject on the prefix, then copy again." in page
        assert "Not verified: nothing proves that the bytes are right" in page

    @pytest.mark.parametrize(
        ("circuit", "why"),
        [
            ("auth_denied", "The bucket refused these credentials."),
            ("a code of a check", "The storage has failed its check."),
            ("", "The storage has failed its check."),
        ],
    )
    def test_has_a_reason_in_lists_too(self, file, storage, circuit, why):
        storage.circuit_opened_at, storage.circuit_reason = timezone.now(), circuit
        job = make_copy_job(file, storage, state="blocked", **UNPROVED)
        assert explain(job).why == why

    def test_has_a_reason_for_each_state_that_wants_one(self, file, storage):
        for state in (State.BLOCKED, State.UNVERIFIED):
            assert explain(make_copy_job(file, storage, state=state, **UNPROVED))


def test_the_text_of_a_reason_is_that_of_its_general_case(file, storage):
    facts = {"state": "retry_wait", "reason": "server_error"}
    assert explain(make_copy_job(file, storage, **facts)).why == "The provider failed on its side."


def test_a_paused_copy_says_how_it_goes_on(file, storage, page_of):
    storage.paused_at = timezone.now()
    storage.save()
    page = page_of(make_copy_job(file, storage, state="blocked", **UNPROVED))
    assert "The storage is paused." in page
    assert "Resume it: its copies go on by themselves." in page


def test_a_failed_copy_has_its_four_parts_and_the_details_to_pass_on(file, storage, page_of):
    page = page_of(
        make_copy_job(
            file,
            storage,
            state="failed",
            reason="auth_denied",
            detail="Access <b>Denied</b>",
            error_code="AccessDenied",
            http_status=403,
            request_id="R1",
            **UNPROVED,
        )
    )
    assert "Not copied." in page
    assert "The bucket refused these credentials." in page
    assert "it names the action to allow." in page
    for line in ("Code: AccessDenied", "HTTP status: 403", "Request id: R1"):
        assert line in page
    assert "The provider said: Access &lt;b&gt;Denied&lt;/b&gt;" in page
    assert 'data-copy="copy-details"' in page


@pytest.mark.parametrize("state", [State.PENDING, State.LEASED, State.BLOCKED])
def test_nothing_is_called_verified_before_it_is(state, file, storage, page_of):
    page = page_of(make_copy_job(file, storage, state=state, **UNPROVED))
    assert "Not verified yet" in page
    assert "verified –" not in page


def test_what_was_proved_once_is_told_as_the_past(file, storage, page_of):
    facts = {"reason": "dest_checksum_mismatch", "verified_at": timezone.now()}
    page = page_of(make_copy_job(file, storage, state="failed", **facts))
    assert "The ETag is the MD5 of the bytes, last verified" in page


def test_a_copy_that_is_there_asks_for_nothing(file, storage, page_of):
    page = page_of(make_copy_job(file, storage, reason="already_there"))
    assert "The same bytes were in the bucket already." in page
    assert "Do this" not in page


class TestItsEnd:
    """Somebody looks at the page of a copy while it is made."""

    @pytest.mark.parametrize(
        ("ending", "heard"),
        [
            ({"state": "done"}, "Copied to photos."),
            (
                {"state": "failed", "reason": "too_large_5gb"},
                "Not copied. The file is over 5 GB, the limit for one copy.",
            ),
        ],
    )
    def test_is_spoken_with_the_last_answer(self, ending, heard, project, file, storage, as_owner):
        job = make_copy_job(file, storage, state="leased")
        part = reverse("dashboard:copy_status", args=[project.slug, job.pk])
        assert 'id="live"' not in as_owner.get(part).text
        facts = ending | {"lease_until": None, "finished_at": timezone.now()}
        CopyJob.objects.filter(pk=job.pk).update(**facts)
        last = as_owner.get(part)
        assert last.status_code == 286
        assert f'<div id="live" hx-swap-oob="innerHTML">{heard}</div>' in last.text

    def test_is_not_spoken_on_the_page_of_one_that_is_over(self, file, storage, page_of):
        assert "hx-swap-oob" not in page_of(make_copy_job(file, storage))
