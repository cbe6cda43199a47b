"""Multipart uploads that nobody completes end, and leave nothing (F07)."""

import os
from datetime import timedelta
from io import BytesIO

import pytest
from django.core.files.base import File as DjangoFile
from django.core.files.storage import storages
from django.utils import timezone

from storages_app.models import Event, File, UploadPart, UploadSession
from storages_app.uploads import completing
from storages_app.uploads.errors import StorageFailed
from storages_app.uploads.orders import blob_name_for
from storages_app.uploads.parts.local import LocalParts
from storages_app.uploads.runner import sweep
from tests.factories import make_project, make_upload_session

pytestmark = pytest.mark.django_db

State = UploadSession.State
DAY = timedelta(days=1)


def later(hours):
    return timezone.now() + timedelta(hours=hours)


def state_of(session):
    session.refresh_from_db()
    return session.state


def make_old(path, hours):
    then = (timezone.now() - timedelta(hours=hours)).timestamp()
    os.utime(path, (then, then))


def test_an_upload_that_was_never_completed_ends_after_a_day(session, send, incoming):
    """F07."""
    send(session, 1, b"a" * 10)
    sweep(now=later(23))
    assert state_of(session) == State.OPEN
    assert len(list(incoming.iterdir())) == 1
    sweep(now=later(25))
    assert state_of(session) == State.EXPIRED
    assert session.reason == "expired"
    assert session.finished_at
    assert list(incoming.iterdir()) == []


def test_parts_of_many_hours_ago_stay_while_the_session_is_open(session, send, incoming):
    send(session, 1, b"a" * 10)
    make_old(LocalParts(session).path, hours=20)
    sweep(now=timezone.now())
    assert len(list(incoming.iterdir())) == 1


def test_one_that_is_just_being_completed_is_left_alone(session, send):
    send(session, 1, b"a" * 10)
    completing.claim(session)
    UploadSession.objects.update(expires_at=timezone.now() - DAY)
    sweep(now=timezone.now())
    assert state_of(session) == State.COMPLETING
    assert LocalParts(session).path.exists()
    UploadSession.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    sweep(now=timezone.now())
    assert state_of(session) == State.EXPIRED
    assert not LocalParts(session).path.exists()


def test_the_project_hears_of_one_that_was_to_be_completed(session):
    """Its client was told that the file would come; of others nobody was told anything."""
    make_upload_session(session.project)
    UploadSession.objects.filter(pk=session.pk).update(state=State.COMPLETING)
    sweep(now=later(25))
    event = Event.objects.get(kind="upload.failed")
    assert (event.project, event.subject) == (session.project, "large.bin")
    assert (event.subject_id, event.data) == (str(session.pk), {"reason": "expired"})


def test_who_completes_it_too_late_makes_no_file(session, send):
    for number, content in {1: b"a" * 10, 2: b"b" * 10, 3: b"c" * 5}.items():
        send(session, number, content)
    hold = completing.claim(session)
    UploadSession.objects.update(state=State.EXPIRED)  # its lease was over
    with pytest.raises(completing.LostSession):
        completing.put_together(hold)
    assert not File.objects.exists()


def test_what_cannot_be_removed_now_is_removed_later(session, monkeypatch):
    def fail(self):
        raise StorageFailed

    monkeypatch.setattr(LocalParts, "discard", fail)
    sweep(now=later(25))
    assert state_of(session) == State.EXPIRED
    assert session.finished_at is None
    monkeypatch.undo()
    sweep(now=later(25))
    assert state_of(session) == State.EXPIRED
    assert session.finished_at


def test_parts_in_a_bucket_that_is_no_upload_storage_any_more_hold_up_no_sweep(session):
    UploadSession.objects.update(upload_id="of an S3")
    sweep(now=later(25))
    assert state_of(session) == State.EXPIRED
    assert session.finished_at


def test_a_file_of_parts_without_a_session_goes_after_the_grace_time(session, send, incoming):
    """As of a process that died between its commit and its tidying up."""
    send(session, 1, b"a" * 10)
    (incoming / "session-of-somebody-else").touch()
    UploadSession.objects.update(state=State.DONE, finished_at=timezone.now())
    assert sweep(now=timezone.now()) == 0
    assert sweep(now=later(2)) == 1
    assert [path.name for path in incoming.iterdir()] == ["session-of-somebody-else"]


def test_bytes_that_are_about_to_get_their_row_are_left_alone(session, blobs, upload_storage):
    """Their age is that of the parts: a slow upload's bytes are old when they are put in place."""
    name = blob_name_for(session.pk)
    storages["uploads"].save(name, DjangoFile(BytesIO(b"whole")))
    make_old(upload_storage / name, hours=5)
    sweep(now=timezone.now())
    assert blobs() == [name]
    UploadSession.objects.update(state=State.FAILED, finished_at=timezone.now())
    sweep(now=timezone.now())
    assert blobs() == []


def test_sessions_are_forgotten_with_their_parts(session, send):
    send(session, 1, b"a" * 10)
    recent = make_upload_session(make_project())
    UploadSession.objects.update(state=State.DONE)
    UploadSession.objects.filter(pk=session.pk).update(finished_at=timezone.now() - 2 * DAY)
    UploadSession.objects.filter(pk=recent.pk).update(finished_at=timezone.now())
    sweep(now=timezone.now())
    assert UploadSession.objects.get() == recent
    assert not UploadPart.objects.exists()
