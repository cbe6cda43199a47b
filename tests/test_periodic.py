"""The timetable: every entry once in its period, whoever ticks."""

from datetime import timedelta

import pytest

from storages_app import periodic
from storages_app.models import TimetableSlot, WorkerHeartbeat
from storages_app.models.fields import db_now
from ucdash.celery import app

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch):
    names: list[str] = []
    monkeypatch.setattr(periodic, "wake", names.append)
    return names


def test_two_beats_send_every_entry_once(sent):
    periodic.tick()
    periodic.tick()
    assert sorted(sent) == sorted(entry.task for entry in periodic.TIMETABLE)


def test_an_entry_is_sent_again_when_its_period_is_over(sent):
    periodic.tick()
    sent.clear()
    TimetableSlot.objects.filter(entry="backups.schedule").update(
        ran_at=db_now() - timedelta(minutes=2)
    )
    periodic.tick()
    assert sent == ["backups.schedule"]


def test_after_two_hours_without_beat_an_entry_is_sent_once_and_not_many_times(sent):
    periodic.tick()
    sent.clear()
    TimetableSlot.objects.update(ran_at=db_now() - timedelta(hours=2))
    periodic.tick()
    periodic.tick()
    assert sent.count("backups.schedule") == 1


def test_every_entry_is_a_task_that_celery_knows():
    app.loader.import_default_modules()
    assert {entry.task for entry in periodic.TIMETABLE} <= set(app.tasks)
    assert "periodic.tick" in app.tasks


def test_a_heartbeat_is_one_row_a_process():
    periodic.heartbeat()
    periodic.heartbeat()
    assert WorkerHeartbeat.objects.count() == 1
    WorkerHeartbeat.objects.update(seen_at=db_now() - timedelta(days=2))
    periodic.forget_workers()
    assert not WorkerHeartbeat.objects.exists()
