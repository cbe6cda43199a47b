"""F44: the clock of a worker is off by hours, and leases and waits go by the database's."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from storages_app.copying import orders, runner
from storages_app.copying.claiming import claim_one
from storages_app.models import CopyJob, fields
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now, read_db_now
from storages_app.objectstores.errors import ServerError
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db


@pytest.fixture
def job() -> CopyJob:
    storage = make_custom_storage(make_project(), capabilities=PROVEN)
    order = orders.order_for(file=make_file(storage.project), custom_storage=storage)
    (placed,) = orders.place([order], lane=CopyJob.Lane.AUTO_COPY, asked_by="a test")
    return placed


@pytest.fixture(params=[-1, 1], ids=["an hour behind", "an hour ahead"], autouse=True)
def skewed(request, job, monkeypatch):
    """From here on, of this process and not of the database."""
    right = timezone.now
    if connection.vendor == "sqlite":  # whose clock is else that of the process
        _teach(lambda: right().strftime("%Y-%m-%d %H:%M:%S.%f"))
    monkeypatch.setattr(timezone, "now", lambda: right() + timedelta(hours=request.param))
    yield
    if connection.vendor == "sqlite":
        _teach(fields._sqlite_now)


def _teach(now) -> None:
    connection.connection.create_function("ucdash_now", 0, now)


def test_a_lease_lasts_as_long_as_ever_and_nobody_takes_it_sooner(job, settings):
    assert claim_one(pk=job.pk, worker="first")
    job.refresh_from_db()
    assert timedelta() < job.lease_until - read_db_now() <= settings.LEASE
    assert not claim_one(pk=job.pk, worker="second")


def test_a_lease_that_is_over_is_taken_over(job, bucket):
    assert claim_one(pk=job.pk, worker="first")
    CopyJob.objects.update(lease_until=db_now() - timedelta(seconds=1))
    runner.drain()
    job.refresh_from_db()
    assert (job.state, job.takeovers) == (State.DONE, 1)


def test_a_failed_attempt_waits_seconds_and_not_an_hour_nor_nothing(job, bucket):
    bucket.fail("put", ServerError(http_status=500))
    runner.drain()
    job.refresh_from_db()
    assert job.state == State.RETRY_WAIT
    assert timedelta() < job.run_after - read_db_now() < timedelta(seconds=5)
