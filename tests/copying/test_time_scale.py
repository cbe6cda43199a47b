"""UCDASH_TIME_SCALE shortens every wait of the ledger, and nothing that a bucket asked for."""

from datetime import timedelta

import pytest

from storages_app.copying import orders, runner, settling
from storages_app.custom_storages import circuit
from storages_app.models import CopyJob, CustomStorage
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now, read_db_now
from storages_app.objectstores.errors import ServerError, Throttled
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db


@pytest.fixture
def storage():
    return make_custom_storage(make_project(), capabilities=PROVEN)


@pytest.fixture(autouse=True)
def _tenth(settings, monkeypatch):
    settings.TIME_SCALE = 0.1
    monkeypatch.setattr(settling.random, "random", lambda: 1.0)


def failed(storage, bucket, error, **changed) -> CopyJob:
    order = orders.order_for(file=make_file(storage.project), custom_storage=storage)
    (job,) = orders.place([order], lane=CopyJob.Lane.AUTO_COPY, asked_by="a test")
    CopyJob.objects.update(**changed)
    bucket.fail("put", error)
    runner.drain()
    job.refresh_from_db()
    return job


def wait_of(moment) -> float:
    return (moment - read_db_now()).total_seconds()


def test_the_wait_between_attempts_is_shorter(storage, bucket):
    job = failed(storage, bucket, ServerError(), attempts=20)
    assert 80 < wait_of(job.run_after) <= 90.1


def test_retry_after_is_not_shortened(storage, bucket):
    job = failed(storage, bucket, Throttled(http_status=503, retry_after=100))
    assert wait_of(job.run_after) > 95


@pytest.mark.parametrize(("hours", "state"), [(2, State.RETRY_WAIT), (3, State.FAILED)])
def test_24_hours_of_trying_are_fewer(storage, bucket, hours, state):
    begun = db_now() - timedelta(hours=hours)
    assert failed(storage, bucket, ServerError(), first_attempt_at=begun).state == state


def test_trial_copies_of_a_broken_storage_are_nearer(storage):
    circuit.open_(storage, reason="auth_denied")
    storage.refresh_from_db()
    assert 5 < wait_of(storage.circuit_probe_after) <= 6
    CustomStorage.objects.update(circuit_probe_after=db_now(), circuit_probes=30)
    assert circuit.claim_probe() == storage
    storage.refresh_from_db()
    assert 170 < wait_of(storage.circuit_probe_after) <= 180
