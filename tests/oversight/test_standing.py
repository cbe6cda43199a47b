"""The figures of the operators' start page."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from storages_app.models import TimetableSlot
from storages_app.models.fields import read_db_now
from storages_app.oversight import standing
from tests.factories import (
    make_bulk_job,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
    make_webhook,
    make_webhook_delivery,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def storage():
    return make_custom_storage(make_project(), connected_at=read_db_now())


def figure(name):
    return next(figure for figure in standing.read() if figure.name == name)


def waiting(storage, *, since):
    file = make_file(storage.project)
    return make_copy_job(file, storage, state="pending", run_after=read_db_now() - since)


def test_an_empty_instance_needs_nobody():
    assert [one.name for one in standing.read() if one.problem] == []
    assert figure("waiting").value == "0"
    assert figure("oldest").value == "–"


def test_what_waits_is_counted_and_its_oldest_told(storage):
    waiting(storage, since=timedelta(minutes=1))
    waiting(storage, since=timedelta(minutes=5))
    assert figure("waiting").value == "2"
    assert figure("oldest").value == "5 min"
    assert figure("oldest").problem == ""


def test_a_copy_that_waits_for_long_is_red_with_the_command(storage):
    waiting(storage, since=timedelta(minutes=40))
    assert figure("oldest").problem == "The oldest copy has been due for 40 min."
    assert figure("oldest").command == "celery -A ucdash worker"


def test_copies_of_a_paused_storage_may_wait(storage):
    storage.paused_at = read_db_now()
    storage.save()
    waiting(storage, since=timedelta(hours=3))
    assert figure("oldest").problem == ""


def test_a_broken_storage_is_red(storage):
    storage.circuit_opened_at, storage.circuit_reason = read_db_now(), "auth_denied"
    storage.save()
    assert figure("broken").value == "1"
    assert figure("broken").problem == "1 storage is broken; its copies wait."


def test_a_full_disk_is_red(monkeypatch):
    usage = standing.shutil.disk_usage("/")._replace(total=10**12, free=10**9)
    monkeypatch.setattr(standing.shutil, "disk_usage", lambda path: usage)
    assert "uploads will fail" in figure("disk").problem


def test_webhooks_that_failed_today_are_counted():
    webhook = make_webhook(make_project())
    make_webhook_delivery(webhook, state="dead")
    make_webhook_delivery(webhook, state="dead", finished_at=read_db_now() - timedelta(days=2))
    make_webhook_delivery(webhook, state="delivered")
    assert figure("webhooks").value == "1"


def test_a_count_ends_where_it_says_enough(storage, monkeypatch):
    monkeypatch.setattr(standing, "COUNTED_UP_TO", 2)
    for _ in range(3):
        waiting(storage, since=timedelta(0))
    assert figure("waiting").value == "over 2"


def test_the_last_beat_is_told_and_whether_it_is_late():
    assert figure("beat").value == "never"
    slot = TimetableSlot.objects.create(entry="x", ran_at=read_db_now() - timedelta(seconds=40))
    assert figure("beat").value in {"40 s ago", "41 s ago"}
    slot.ran_at = read_db_now() - timedelta(minutes=5)
    slot.save()
    assert figure("beat").value == "5 min ago (late)"


def test_ten_rows_are_told_in_as_many_queries_as_one():
    def fill():
        storage = make_custom_storage(make_project(), connected_at=read_db_now())
        waiting(storage, since=timedelta(minutes=1))
        make_bulk_job(storage)

    fill()
    with CaptureQueriesContext(connection) as for_one:
        standing.read()
    for _ in range(9):
        fill()
    with CaptureQueriesContext(connection) as for_ten:
        standing.read()
    assert len(for_ten) == len(for_one) <= 12
