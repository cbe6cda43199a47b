"""S097: a project keeps as many files and bytes as the operator lets it, and none more."""

import pytest
from django.utils import timezone

from storages_app.models import File
from storages_app.uploads import services, sessions
from storages_app.uploads.errors import QuotaReached
from tests.factories import make_file, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_storage(upload_storage):
    """No test here sees the bytes of another."""


def receive(project, *uploads):
    return services.receive_all(project=project, uploads=list(uploads), store="auto", metadata={})


def test_files_come_until_the_quota_is_full(received, blobs):
    project = make_project(max_files=2)
    receive(project, received(), received())
    with pytest.raises(QuotaReached, match="reached its limits") as refused:
        receive(project, received())
    assert "may keep 2 files, and would have 3" in refused.value.advice
    assert File.objects.count() == len(blobs()) == 2


def test_bytes_fit_to_the_last_one(received, blobs):
    project = make_project(max_bytes=10)
    receive(project, received(b"12345"), received(b"12345"))
    with pytest.raises(QuotaReached):
        receive(project, received(b"1"))
    assert len(blobs()) == 2


def test_of_files_that_come_together_all_are_taken_or_none(received, blobs):
    project = make_project(max_files=1)
    with pytest.raises(QuotaReached):
        receive(project, received(), received())
    assert not File.objects.exists()
    assert blobs() == []


def test_what_was_removed_makes_room(received):
    project = make_project(max_files=1)
    make_file(project, stored_at=None, removed_at=timezone.now())
    receive(project, received())
    assert File.objects.live().count() == 1


def test_other_projects_have_room_of_their_own(received):
    make_file(make_project(max_files=1))
    receive(make_project(max_files=1), received())
    receive(make_project(), received())


def test_a_large_upload_is_refused_before_it_is_sent():
    project = make_project(max_bytes=20_000_000)
    begin = {
        "project": project,
        "filename": "large.bin",
        "content_type": "",
        "part_size": "",
        "store": "auto",
        "metadata": {},
    }
    sessions.start(size="20000000", **begin)
    with pytest.raises(QuotaReached):
        sessions.start(size="20000001", **begin)
