"""Files that are stored together, and what can be undone of it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.library import services
from storages_app.models import Event, File
from tests.factories import (
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
    make_webhook,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


def fresh(project, **fields):
    soon = timezone.now() + timedelta(hours=1)
    return make_file(project, stored_at=None, expires_at=soon, **fields)


def store(project, *files):
    return services.store_together(project=project, files=files, actor="owner@example.com")


def undo(project, storing):
    return services.undo_storing(project=project, stored_at=storing.at, actor="another")


def test_counts_those_that_were_not_stored_before(project):
    kept = make_file(project)
    gone = make_file(project, stored_at=None, removed_at=timezone.now())
    storing = store(project, fresh(project), fresh(project), kept, gone)
    assert (storing.n_files, storing.may_be_undone) == (2, True)
    assert File.objects.stored().count() == 3
    assert store(project, kept).n_files == 0
    assert Event.objects.values_list("kind", "subject").get() == ("file.stored", "2 files")


def test_undone_they_expire_as_before_and_others_stay_stored(project):
    uploaded_at = timezone.now() - timedelta(hours=2)
    new, old = fresh(project, uploaded_at=uploaded_at), fresh(project)
    other = fresh(make_project())
    kept = make_file(project)
    storing = store(project, new, old)
    File.objects.filter(pk=other.pk).update(stored_at=storing.at, expires_at=None)
    assert undo(project, storing) == 2
    assert undo(project, storing) == 0
    new.refresh_from_db()
    old.refresh_from_db()
    assert new.expires_at == uploaded_at + timedelta(hours=24)
    assert old.expires_at > timezone.now() + timedelta(minutes=9)  # not at once, however old
    assert set(File.objects.stored()) == {other, kept}
    undone = Event.objects.get(kind="file.storing_undone")
    assert (undone.actor, undone.subject) == ("another", "2 files")


def test_a_file_that_was_stored_on_arrival_is_not_undone(project):
    now = timezone.now()
    make_file(project, uploaded_at=now, stored_at=now)
    assert services.undo_storing(project=project, stored_at=now, actor="x") == 0


def test_not_after_ten_minutes(project):
    storing = store(project, fresh(project))
    File.objects.update(stored_at=storing.at - timedelta(minutes=11))
    earlier = storing.at - timedelta(minutes=11)
    assert services.undo_storing(project=project, stored_at=earlier, actor="x") == 0


def test_not_where_a_copy_was_ordered_or_a_webhook_told(project):
    copied, free = fresh(project), fresh(project)
    storing = store(project, copied, free)
    make_copy_job(copied, make_custom_storage(project), created_at=timezone.now())
    assert undo(project, storing) == 1
    assert File.objects.stored().get() == copied
    make_webhook(project, "file.stored")
    assert not store(project, free).may_be_undone
