"""Faults of our own in a step: tried again with growing pauses, then the job ends and says so."""

from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.bulk_copies import ending, faults, leases, planning, runner, services, window
from storages_app.lib import shortage
from storages_app.models import BulkJob, Event
from tests.factories import make_file

pytestmark = pytest.mark.django_db


def broken(*_arguments, **_more):
    raise ZeroDivisionError


def once(real):
    steps = iter([real, broken])

    def step(job):
        next(steps)(job)

    return step


def lease_lapses():
    BulkJob.objects.open().update(lease_until=timezone.now() - timedelta(seconds=1))


def step(job):
    """One try of a worker, whenever it would come; the seconds until the next."""
    lease_lapses()
    for held in leases.claim_each():
        runner.advance(held)
    job.refresh_from_db()
    return (job.lease_until - timezone.now()).total_seconds() if job.lease_until else 0


def test_a_count_that_fails_again_and_again_ends_the_job(project, order, monkeypatch):
    """F71: bounded, with growing pauses, and told."""
    make_file(project)
    job = order()
    monkeypatch.setattr(planning, "count_on", broken)
    pauses = [step(job) for _ in range(faults.MOST_IN_A_ROW - 1)]
    assert job.state == "counting"
    assert pauses == sorted(pauses)
    assert pauses[0] > 20
    assert pauses[-1] > 200
    step(job)
    assert (job.state, job.reason) == ("failed", ending.FAULTS)
    told = Event.objects.get(kind="bulk_copy.finished")
    assert (told.subject_id, told.data["state"]) == (str(job.pk), "Failed")
    assert step(job) == 0
    assert job.state == "failed"


def test_a_copying_that_fails_again_and_again_leaves_gaps_that_may_be_retried(
    project, order, counted, worked, monkeypatch
):
    """F71."""
    files = [make_file(project) for _ in range(3)]
    job = counted(order(is_dry_run=True))
    services.start(bulk_job=job, actor="ann")
    with monkeypatch.context() as patched:
        patched.setattr(window, "_order", broken)
        for _ in range(faults.MOST_IN_A_ROW):
            assert job.state == "copying"
            step(job)
    assert (job.state, job.gaps) == ("failed", {"internal": len(files)})
    assert (job.n_ended, job.n_bytes_ended) == (job.n_files, job.n_bytes)
    assert services.retry(bulk_job=job, actor="ann") == len(files)
    assert worked(job).state == "done"
    assert (job.n_copied, job.n_gaps, job.n_bytes_ended) == (3, 0, job.n_bytes)


def test_a_list_that_cannot_even_be_written_ends_the_job_all_the_same(
    project, order, counted, monkeypatch
):
    make_file(project)
    job = counted(order(is_dry_run=True))
    services.start(bulk_job=job, actor="ann")
    monkeypatch.setattr(window, "_order", broken)
    monkeypatch.setattr(ending, "_end_the_rest", broken)
    for _ in range(faults.MOST_IN_A_ROW):
        step(job)
    assert (job.state, job.reason) == ("failed", ending.FAULTS)


def test_a_step_forward_begins_to_count_anew(project, order, monkeypatch, worked):
    """F70: faults now and then, between pages that are counted, end nothing."""
    monkeypatch.setattr(planning, "PAGE", 1)
    monkeypatch.setattr(runner, "_PAGES_AT_ONCE", 1)
    for _ in range(3):
        make_file(project)
    job = order()
    for _ in range(3):
        with monkeypatch.context() as patched:
            patched.setattr(planning, "count_on", broken)
            for _ in range(faults.MOST_IN_A_ROW - 1):
                step(job)
        step(job)
        assert "~" not in job.cursor
    assert job.n_files == 3
    assert worked(job).state == "done"


def test_a_page_before_the_fault_is_a_step_forward_as_well(project, order, monkeypatch):
    monkeypatch.setattr(planning, "PAGE", 1)
    for _ in range(faults.MOST_IN_A_ROW + 2):
        make_file(project)
    job = order(is_dry_run=True)
    for n_counted in range(1, faults.MOST_IN_A_ROW + 2):
        with monkeypatch.context() as patched:
            patched.setattr(planning, "count_on", once(planning.count_on))
            step(job)
        assert (job.state, job.n_files) == ("counting", n_counted)
        assert job.cursor.endswith("~1")


def test_a_copying_that_moves_again_begins_to_count_anew(
    project, order, counted, worked, monkeypatch
):
    make_file(project)
    job = counted(order(is_dry_run=True))
    services.start(bulk_job=job, actor="ann")
    with monkeypatch.context() as patched:
        patched.setattr(window, "_order", broken)
        step(job)
    assert faults.take_count(BulkJob.objects.get()) == 1
    step(job)
    assert faults.take_count(BulkJob.objects.get()) == 0
    assert worked(job).state == "done"


def test_a_worker_that_lost_the_job_counts_nothing(project, order, monkeypatch):
    make_file(project)
    job = order()
    (late,) = leases.claim_each()
    lease_lapses()
    assert next(leases.claim_each()).pk == job.pk
    monkeypatch.setattr(planning, "count_on", broken)
    runner.advance(late)
    job.refresh_from_db()
    assert job.cursor == ""


def test_a_process_that_ran_short_of_memory_hears_of_it(project, order, monkeypatch):
    """Else it would go on, though nothing of it is to be trusted any more."""

    def short(*_arguments):
        raise MemoryError

    make_file(project)
    job = order()
    monkeypatch.setattr(shortage, "_is_met", False)
    monkeypatch.setattr(planning, "count_on", short)
    step(job)
    assert shortage._is_met


def test_other_jobs_go_on_meanwhile(project, order, counted, monkeypatch):
    make_file(project)
    bad, good = order(is_dry_run=True), order(is_dry_run=True)
    real = planning.count_on
    monkeypatch.setattr(
        planning, "count_on", lambda job: broken() if job.pk == bad.pk else real(job)
    )
    assert counted(good).state == "counted"
    bad.refresh_from_db()
    assert bad.state == "counting"
