"""Signs of life: health believes them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.copying import runner
from storages_app.models import WorkerHeartbeat, heartbeats
from tests.factories import make_copy_job, make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN, bucket

__all__ = ["bucket"]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_was_noted(monkeypatch):
    monkeypatch.setattr(heartbeats, "_claim_noted", {})


def test_a_beat_tells_how_far_the_clock_is_from_the_databases(monkeypatch):
    """F44."""
    ahead = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(heartbeats.timezone, "now", lambda: ahead)
    monkeypatch.setattr(heartbeats, "read_db_now", lambda: ahead - timedelta(hours=1))
    WorkerHeartbeat.beat()
    assert WorkerHeartbeat.objects.get().clock_offset_s == 3600


def test_a_worker_that_claims_a_copy_writes_it_down(bucket):
    project = make_project()
    storage = make_custom_storage(project, capabilities=PROVEN)
    make_copy_job(make_file(project), storage, state="pending")
    WorkerHeartbeat.beat()
    runner.drain()
    assert WorkerHeartbeat.objects.get().claimed_at


def test_a_drain_that_finds_nothing_writes_down_no_claim(bucket):
    WorkerHeartbeat.beat()
    runner.drain()
    assert WorkerHeartbeat.objects.get().claimed_at is None


def test_claims_are_written_down_every_few_seconds_only(django_assert_num_queries):
    WorkerHeartbeat.beat()
    WorkerHeartbeat.note_claim()
    with django_assert_num_queries(0):
        WorkerHeartbeat.note_claim()
