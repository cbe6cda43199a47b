"""Faults of our own: a check is tried again with growing pauses, then it ends and says so."""

from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.lib import shortage
from storages_app.models import Event, Reconciliation
from storages_app.reconciliation import notebook, runner, services
from tests.factories import make_custom_storage

pytestmark = pytest.mark.django_db
Kind = Reconciliation.Kind


@pytest.fixture
def asked(custom_storage, bucket):
    return services.request(custom_storage=custom_storage, kind="full", asked_by="somebody")


def broken(*_arguments, **_more):
    raise ZeroDivisionError


@pytest.fixture
def full_is_broken(monkeypatch):
    monkeypatch.setitem(runner._PASSES, Kind.FULL, broken)


def try_once(run):
    """What a worker does when the pause is over; how long the next one is."""
    Reconciliation.objects.filter(finished_at=None).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )
    runner.drain()
    run.refresh_from_db()
    return (run.lease_until - timezone.now()).total_seconds() if run.lease_until else 0


@pytest.mark.usefixtures("full_is_broken")
def test_a_check_that_fails_again_and_again_ends(asked):
    """F60: bounded, with growing pauses, told in the report and in the activity."""
    pauses = [try_once(asked) for _ in range(runner._MOST_TRIES - 1)]
    assert pauses == sorted(pauses)
    assert pauses[0] > 50
    assert pauses[-1] > 400
    assert (asked.state, asked.is_over) == ("waiting", False)
    assert "(internal)" in asked.reason
    assert not Event.objects.filter(kind="check.failed").exists()
    try_once(asked)
    assert (asked.state, asked.is_over) == ("failed", True)
    assert asked.reason == runner._FAULT
    assert Event.objects.get(kind="check.failed").data["reason"] == runner._FAULT


def test_a_fault_that_passes_ends_nothing(asked, copy_of, bucket, monkeypatch):
    """F60: and what is wrong is found by the try that comes through."""
    job = copy_of()
    bucket.inner.delete(job.key)
    with monkeypatch.context() as patched:
        patched.setitem(runner._PASSES, Kind.FULL, broken)
        try_once(asked)
    assert asked.state == "waiting"
    try_once(asked)
    assert (asked.state, asked.counts) == ("different", {"missing": 1})
    assert "(internal)" not in asked.reason


def test_a_process_that_ran_short_of_memory_hears_of_it(asked, monkeypatch):
    def short(*_arguments):
        raise MemoryError

    monkeypatch.setattr(shortage, "_is_met", False)
    monkeypatch.setitem(runner._PASSES, Kind.FULL, short)
    try_once(asked)
    assert (asked.state, shortage._is_met) == ("waiting", True)


def test_a_fault_in_writing_down_what_was_found_ends_it_as_well(asked, monkeypatch):
    real = notebook.Notebook.flush
    monkeypatch.setattr(
        notebook.Notebook, "flush", lambda book: broken() if book.counts else real(book)
    )
    monkeypatch.setitem(
        runner._PASSES, Kind.FULL, lambda comparison: comparison.notebook.difference("extra", "k")
    )
    for _ in range(runner._MOST_TRIES):
        try_once(asked)
    assert (asked.state, asked.reason, asked.n_differences) == ("failed", runner._FAULT, 0)


@pytest.mark.usefixtures("full_is_broken")
def test_other_checks_are_made_meanwhile(asked, bucket, project):
    other = make_custom_storage(project, name="other", bucket="other")
    light = services.request(custom_storage=other, kind="light", asked_by="somebody")
    full = services.request(custom_storage=other, kind="full", asked_by="somebody")
    runner.drain()
    for run in (asked, light, full):
        run.refresh_from_db()
    assert [run.state for run in (asked, light, full)] == ["waiting", "clean", "waiting"]


@pytest.mark.usefixtures("full_is_broken")
def test_one_that_was_taken_over_counts_no_fault(asked):
    late = runner.claim()
    Reconciliation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    held = runner.claim()
    runner.conduct(late)
    asked.refresh_from_db()
    assert (asked.state, asked.lease_until) == ("running", held.lease_until)


@pytest.mark.parametrize(("n_before", "state"), [(0, "clean"), (1, "failed")])
def test_one_that_kills_its_workers_ends(asked, n_before, state):
    """F27 for checks: no exception is left to be counted, so the claims are."""
    Reconciliation.objects.update(fence=runner._MOST_CLAIMS - 1 + n_before)
    try_once(asked)
    assert asked.state == state
    assert ("worker_crashed" in asked.reason) is (state == "failed")


def test_the_lease_and_its_signs_of_life_follow_the_setting(
    custom_storage, asked, copy_of, settings, monkeypatch
):
    settings.LEASE = timedelta(seconds=2)
    run = runner.claim()
    run.refresh_from_db()
    assert timedelta(seconds=15) < run.lease_until - timezone.now() < timedelta(seconds=21)
    now = [100.0]
    monkeypatch.setattr(runner, "monotonic", lambda: now[0])
    beat = runner._heart_of(run, notebook.Notebook(run))
    Reconciliation.objects.update(lease_until=None)
    now[0] += 5
    beat()
    assert Reconciliation.objects.get().lease_until is None
    now[0] += 2
    beat()
    assert Reconciliation.objects.get().lease_until
