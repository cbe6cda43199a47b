"""`manage.py seed`: many rows that look like those of real uploads."""

import json
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from storages_app.copying.orders import order_for
from storages_app.models import CopyJob, CustomStorage, File, Group, Project, Tally
from storages_app.models.copy_jobs import State

pytestmark = pytest.mark.django_db


def test_files_and_copies_are_spread_over_the_projects():
    call_command("seed", files=11, waiting=4, projects=2, verbosity=0)
    assert sorted(s.copy_jobs.count() for s in CustomStorage.objects.all()) == [5, 6]
    assert CopyJob.objects.waiting().count() == 4
    assert CopyJob.objects.filter(state=State.DONE).exclude(evidence="").count() == 7


def test_rows_are_those_that_an_upload_and_an_order_would_make():
    call_command("seed", files=3, waiting=1)
    for job in CopyJob.objects.all():
        assert UUID(str(job.file.pk)).version == 4
        assert job.key == order_for(file=job.file, custom_storage=job.custom_storage).key
    assert File.objects.values("uploaded_at").distinct().count() == 3
    newest = File.objects.latest("uploaded_at")
    assert newest.copy_jobs.get().state == State.BLOCKED


def test_the_oldest_are_removed_and_the_next_unstored():
    call_command("seed", files=10, removed=3, unstored=2)
    files = File.objects.order_by("uploaded_at")
    fates = ["removed" if f.is_removed else "stored" if f.is_stored else "unstored" for f in files]
    assert fates == 3 * ["removed"] + 2 * ["unstored"] + 5 * ["stored"]
    assert not any(file.is_removed and file.bytes_removed_at is None for file in files)
    assert Tally.objects.of(Project.objects.get()) == {
        "n_stored": 5,
        "n_unstored": 2,
        "n_removed": 3,
        "n_groups": 0,
        "n_bytes": 7 * 1000,
    }


def test_groups_have_a_file_of_their_project():
    call_command("seed", files=5, groups=3, projects=2)
    for project in Project.objects.all():
        assert Tally.objects.of(project)["n_groups"] == len(project.groups.all())
        oldest = project.files.order_by("uploaded_at")[: len(project.groups.all())]
        made = project.groups.order_by("created_at")
        assert [group.members.get().file for group in made] == list(oldest)
    assert Group.objects.count() == 5


def test_only_the_files_that_are_asked_for_have_bytes():
    call_command("seed", files=3, bytes=1)
    first, second, _ = File.objects.order_by("uploaded_at")
    with first.open_bytes() as content:
        assert len(content.read()) == first.size
    with pytest.raises(FileNotFoundError):
        second.open_bytes()


@pytest.mark.parametrize("goes", [False, True])
def test_the_storages_are_paused_unless_workers_shall_try_them(goes):
    call_command("seed", files=1, waiting=1, go=goes)
    assert CustomStorage.objects.get().is_paused is not goes
    assert CopyJob.objects.get().state == (State.PENDING if goes else State.BLOCKED)


def test_a_dry_run_makes_nothing(capsys):
    call_command("seed", "--files", "1,000", "--projects", "2", "--dry-run")
    assert "1,000 files and copies in 2 new projects" in capsys.readouterr().out
    assert not Project.objects.exists()


def test_programs_are_told_what_was_made(capsys):
    call_command("seed", "--files", "3", "--projects", "2", "--json")
    told = json.loads(capsys.readouterr().out)
    assert {one["slug"] for one in told["projects"]} == {one.slug for one in Project.objects.all()}
    assert told["files"] == File.objects.count()


def test_more_waiting_copies_than_files_are_refused():
    with pytest.raises(CommandError, match="one copy a file"):
        call_command("seed", files=1, waiting=2)
    assert not File.objects.exists()
