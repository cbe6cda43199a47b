"""Files that leave a project in ten minutes, unless somebody thinks better of it."""

from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from storages_app.library import orders, services
from storages_app.library.runner import remove_due
from storages_app.models import Event, File
from tests.factories import make_copy_job, make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db

AFTER = timedelta(minutes=10, seconds=1)


@pytest.fixture
def project():
    return make_project()


def remove(project, *files):
    return services.remove_later(project=project, files=files, actor="owner@example.com")


def undo(project, removal):
    return services.undo_removal(project=project, due_at=removal.due_at, actor="another")


def test_until_its_time_the_file_is_as_it_was(project):
    file, storage = make_file(project), make_custom_storage(project)
    job = make_copy_job(file, storage, state="pending", evidence="")
    remove(project, file)
    assert remove_due(now=timezone.now() + timedelta(minutes=9)) == 0
    assert File.objects.live().get() == file
    job.refresh_from_db()
    assert job.state == "pending"


def test_then_it_goes_with_its_waiting_copies_and_in_the_name_of_who_asked(
    project, django_capture_on_commit_callbacks
):
    file, storage = make_file(project), make_custom_storage(project)
    job = make_copy_job(file, storage, state="pending", evidence="")
    remove(project, file)
    with django_capture_on_commit_callbacks(execute=True):
        assert remove_due(now=timezone.now() + AFTER) == 1
    file.refresh_from_db()
    job.refresh_from_db()
    assert file.is_removed
    assert file.removal_due_at is None
    assert not storages["uploads"].exists(file.blob_name)
    assert (job.state, job.reason) == ("cancelled", "file_deleted")
    event = Event.objects.get(kind="file.deleted")
    assert (event.actor, event.subject_id) == ("owner@example.com", str(file.pk))
    assert services.removals_of(project) == []


def test_undone_it_stays_for_good(project):
    files = [make_file(project) for _ in range(3)]
    removal = remove(project, *files)
    assert (removal.n_files, services.removals_of(project)) == (3, [removal])
    assert undo(project, removal) == 3
    assert services.removals_of(project) == []
    assert remove_due(now=timezone.now() + AFTER) == 0
    assert File.objects.live().count() == 3
    kinds = list(Event.objects.order_by("pk").values_list("kind", "actor", "subject"))
    assert kinds == [
        ("file.removal_ordered", "owner@example.com", "3 files"),
        ("file.removal_undone", "another", "3 files"),
    ]


def test_a_second_time_keeps_the_first_time(project):
    file = make_file(project)
    removal = remove(project, file)
    assert remove(project, file) is None
    assert services.removals_of(project) == [removal]


def test_undoing_what_is_over_does_nothing(project):
    file = make_file(project)
    removal = remove(project, file)
    remove_due(now=timezone.now() + AFTER)
    assert undo(project, removal) == 0
    file.refresh_from_db()
    assert file.is_removed
    assert not Event.objects.filter(kind="file.removal_undone").exists()


def test_another_projects_files_are_neither_removed_nor_kept(project):
    file, other = make_file(project), make_project()
    assert remove(other, file) is None
    removal = remove(project, file)
    assert undo(other, removal) == 0
    assert services.removals_of(other) == []
    assert services.removals_of(project) == [removal]


def test_who_undoes_it_while_the_sweep_has_the_file_in_hand_keeps_it(project, monkeypatch):
    file = make_file(project)
    removal = remove(project, file)
    real = orders.remove

    def undone_meanwhile(file, **kwargs):
        undo(project, removal)
        return real(file, **kwargs)

    monkeypatch.setattr(orders, "remove", undone_meanwhile)
    assert remove_due(now=timezone.now() + AFTER) == 0
    file.refresh_from_db()
    assert not file.is_removed


def test_by_rest_a_file_goes_at_once_and_a_restored_one_does_not_go_again(project):
    file = make_file(project)
    remove(project, file)
    services.delete(file=file, actor="a key")
    file.refresh_from_db()
    assert file.is_removed
    File.objects.filter(pk=file.pk).update(removed_at=None, stored_at=timezone.now())
    assert remove_due(now=timezone.now() + AFTER) == 0
