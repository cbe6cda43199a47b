"""The circuit breaker's hand on the ledger: many rows are parked and released in parts."""

from datetime import timedelta

import pytest

from storages_app.custom_storages import circuit
from storages_app.custom_storages import services as custom_storages
from storages_app.models import CopyJob, CustomStorage, Event
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now, read_db_now
from tests.factories import make_copy_job, make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def storage():
    return make_custom_storage(make_project())


@pytest.fixture(autouse=True)
def _two_at_once(monkeypatch):
    monkeypatch.setattr(circuit, "_AT_ONCE", 2)


@pytest.fixture
def waiting(storage) -> list[CopyJob]:
    file = make_file(storage.project)
    return [make_copy_job(file, storage, state=State.PENDING) for _ in range(5)]


def n_blocked() -> int:
    return CopyJob.objects.filter(state=State.BLOCKED).count()


def test_the_first_rows_are_parked_at_once_and_the_others_by_the_poller(storage, waiting):
    circuit.open_(storage, reason="auth_denied")
    assert n_blocked() == 2
    assert Event.objects.get(kind="storage.broken").data["waiting"] == 5
    circuit.settle_states()
    assert n_blocked() == 5
    storage.refresh_from_db()
    assert not storage.has_stale_states


def test_release_goes_the_same_way(storage, waiting):
    custom_storages.pause(custom_storage=storage, actor="a test")
    circuit.settle_states()
    custom_storages.resume(custom_storage=storage, actor="a test")
    assert n_blocked() == 3
    circuit.settle_states()
    assert n_blocked() == 0


def test_whoever_resumes_while_rows_are_still_parked_gets_all_of_them_back(storage, waiting):
    custom_storages.pause(custom_storage=storage, actor="a test")
    custom_storages.resume(custom_storage=storage, actor="a test")
    circuit.settle_states()
    assert set(CopyJob.objects.values_list("state", flat=True)) == {State.PENDING}


def test_a_copy_that_still_says_it_waits_is_claimed_by_nobody_while_the_storage_is_broken(
    storage, waiting
):
    from storages_app.copying import claiming

    circuit.open_(storage, reason="auth_denied")
    assert claiming.claim_batch(worker="a", limit=5) == []
    circuit.close(storage, why="a test")
    assert len(claiming.claim_batch(worker="a", limit=5)) == 5


def test_parked_copies_keep_their_place_in_the_queue(storage):
    file = make_file(storage.project)
    old = make_copy_job(file, storage, state=State.PENDING, run_after=db_now() - timedelta(days=1))
    later = db_now() + timedelta(minutes=10)
    tried = make_copy_job(file, storage, state=State.RETRY_WAIT, run_after=later)
    circuit.open_(storage, reason="auth_denied")
    circuit.close(storage, why="a test")
    old.refresh_from_db()
    tried.refresh_from_db()
    assert old.run_after < read_db_now() - timedelta(hours=23)
    assert old.run_after < tried.run_after <= read_db_now()


def test_a_rest_is_never_cut_short(storage):
    circuit.slow_down(storage, seconds=60)
    circuit.slow_down(storage, seconds=5)
    rest = CustomStorage.objects.get().next_claim_at - read_db_now()
    assert rest > timedelta(seconds=55)
