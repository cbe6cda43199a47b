"""Copies of single files and what happened, by programs."""

import pytest
from django.utils import timezone

from storages_app.lib.origins import in_request
from storages_app.models import CopyJob, Event
from tests.api.test_v1 import make_job
from tests.factories import make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db
JOBS, EVENTS = "/api/v1/jobs/", "/api/v1/events/"


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [one["id"] for one in answer.json()["results"]]


def failed_job(project, **fields):
    ended = {"state": "failed", "reason": "auth_denied", "finished_at": timezone.now()}
    return make_job(project, **(ended | fields))


class TestListOfJobs:
    def test_is_newest_first_and_goes_on_where_the_page_ended(self, rest, project):
        storage = make_custom_storage(project)
        jobs = [make_job(project, custom_storage=storage) for _ in range(3)]
        make_job(make_project())
        first = rest.get(f"{JOBS}?limit=2")
        assert ids(first) == [jobs[2].pk, jobs[1].pk]
        assert first.json()["next"] == jobs[1].pk
        second = rest.get(f"{JOBS}?limit=2&before={first.json()['next']}")
        assert ids(second) == [jobs[0].pk]
        assert second.json()["next"] is None

    def test_can_be_of_a_state_a_file_or_a_storage(self, rest, project):
        storage = make_custom_storage(project)
        waiting = make_job(project, custom_storage=storage)
        failed = failed_job(project, custom_storage=make_custom_storage(project))
        assert ids(rest.get(f"{JOBS}?state=failed")) == [failed.pk]
        assert ids(rest.get(f"{JOBS}?file={waiting.file_id}")) == [waiting.pk]
        assert ids(rest.get(f"{JOBS}?custom_storage={storage.pk}")) == [waiting.pk]
        assert ids(rest.get(f"{JOBS}?state=done")) == []

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("limit=0", 400),
            ("limit=101", 400),
            ("before=x", 400),
            ("before=%00", 400),
            ("state=green", 400),
            ("limit=1&limit=2", 400),
            ("state=", 400),
            ("file=x", 404),
            ("file=", 404),
            ("custom_storage=", 404),
            ("custom_storage=%00", 404),
        ],
    )
    def test_refuses_what_it_cannot_read(self, rest, query, status):
        answer = rest.get(f"{JOBS}?{query}")
        assert answer.status_code == status
        assert answer["Content-Type"] == "application/problem+json"

    def test_costs_the_same_however_long_it_is(self, rest, project, django_assert_max_num_queries):
        storage = make_custom_storage(project)
        for _ in range(5):
            make_job(project, custom_storage=storage)
        with django_assert_max_num_queries(4):
            assert len(ids(rest.get(JOBS))) == 5


class TestCancel:
    def test_drops_a_copy_that_waits(self, rest, project):
        job = make_job(project)
        shown = rest.post(f"{JOBS}{job.pk}/cancel/").json()
        assert (shown["state"], shown["reason"]) == ("cancelled", "cancelled_by_user")
        assert Event.objects.get(project=project, kind="copy.cancelled").actor == "key full key"

    def test_refuses_one_that_has_ended(self, rest, project):
        job = failed_job(project)
        answer = rest.post(f"{JOBS}{job.pk}/cancel/")
        assert answer.status_code == 409
        assert answer.json()["code"] == "job_not_waiting"
        assert answer.json()["why"] == "It is failed."
        assert CopyJob.objects.get(pk=job.pk).state == "failed"


class TestRetry:
    def test_makes_an_ended_copy_again(self, rest, project):
        job = failed_job(project)
        assert rest.post(f"{JOBS}{job.pk}/retry/").json()["state"] == "pending"

    def test_refuses_one_that_waits(self, rest, project):
        answer = rest.post(f"{JOBS}{make_job(project).pk}/retry/")
        assert (answer.status_code, answer.json()["code"]) == (409, "job_not_over")

    def test_refuses_one_whose_file_was_removed(self, rest, project):
        removed = make_file(project, removed_at=timezone.now(), stored_at=None)
        job = failed_job(project, file=removed)
        assert rest.post(f"{JOBS}{job.pk}/retry/").status_code == 409
        assert CopyJob.objects.get(pk=job.pk).state == "failed"

    @pytest.mark.parametrize("verb", ["cancel", "retry"])
    @pytest.mark.parametrize("job_id", ["0", "x", "9" * 40])
    def test_of_a_job_that_is_none_is_not_found(self, rest, verb, job_id):
        assert rest.post(f"{JOBS}{job_id}/{verb}/").status_code == 404


class TestEvents:
    def test_are_those_of_the_project_newest_first(self, rest, project):
        old = Event.objects.record("copy.failed", actor="a", subject="s", project=project)
        new = Event.objects.record(
            "storage.broken", actor="b", subject="t", project=project, data={"n": 1}
        )
        theirs = Event.objects.record("copy.failed", actor="a", subject="s", project=make_project())
        listed = ids(rest.get(EVENTS))
        assert listed[:2] == [new.pk, old.pk]  # before them, the making of the key
        assert theirs.pk not in listed
        assert ids(rest.get(f"{EVENTS}?kind=copy.failed")) == [old.pk]
        assert ids(rest.get(f"{EVENTS}?before={new.pk}"))[0] == old.pk

    def test_show_no_address_of_a_person(self, rest, project):
        with in_request("one of a page", "198.51.100.7"):
            Event.objects.record("a.b", actor="x", subject="s", project=project)
        assert Event.objects.filter(address="198.51.100.7").exists()
        assert b"198.51.100.7" not in rest.get(EVENTS).content

    @pytest.mark.parametrize("query", ["kind=%00", f"kind={'x' * 61}", "before=-1", "limit=1000"])
    def test_refuse_what_cannot_be_asked(self, rest, query):
        assert rest.get(f"{EVENTS}?{query}").status_code == 400
