"""PUT and DELETE /files/storage/."""

import uuid

import pytest
from django.utils import timezone

from storages_app.library import services as library
from storages_app.models import BackupPlan, CopyJob, Event, File
from tests.factories import make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db

PATH = "/files/storage/"
METHODS = ["PUT", "DELETE"]


def uuids(answer):
    return {item["uuid"] for item in answer.json()["result"]}


def test_stores_all_that_are_named(rest, project):
    files = [make_file(project, stored_at=None) for _ in range(3)]
    answer = rest("PUT", PATH, [str(file.pk) for file in files])
    assert answer.status_code == 200
    said = answer.json()
    assert (said["status"], said["problems"]) == ("ok", {})
    assert uuids(answer) == {str(file.pk) for file in files}
    assert all(item["datetime_stored"] for item in said["result"])
    assert said["result"][0] == rest.get(f"/files/{said['result'][0]['uuid']}/").json()
    assert File.objects.stored().count() == 3


def test_removes_all_that_are_named(rest, project):
    files = [make_file(project) for _ in range(3)]
    kept = make_file(project)
    answer = rest("DELETE", PATH, [str(file.pk) for file in files])
    assert answer.status_code == 200
    assert answer.json()["problems"] == {}
    assert all(
        item["datetime_removed"] and item["datetime_stored"] is None
        for item in answer.json()["result"]
    )
    assert list(File.objects.filter(removed_at=None)) == [kept]
    assert Event.objects.filter(kind="file.deleted").count() == 3


def test_stored_files_are_copied_like_one_that_is_stored_alone(rest, project):
    storage = make_custom_storage(project)
    BackupPlan.objects.create(project=project, custom_storage=storage)
    files = [make_file(project, stored_at=None) for _ in range(2)]
    rest("PUT", PATH, [str(file.pk) for file in files])
    assert set(CopyJob.objects.values_list("file", flat=True)) == {file.pk for file in files}


@pytest.mark.parametrize("method", METHODS)
def test_a_second_time_changes_nothing(rest, project, method):
    ids = [str(make_file(project, stored_at=None).pk)]
    assert rest(method, PATH, ids).json() == rest(method, PATH, ids).json()


@pytest.mark.parametrize("method", METHODS)
def test_ids_that_are_sent_twice_are_one_file(rest, project, method):
    file = make_file(project)
    answer = rest(method, PATH, [str(file.pk), str(file.pk), str(file.pk).upper()])
    assert len(answer.json()["result"]) == 1
    assert answer.json()["problems"] == {}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "text",
    ["4j334o01-8bs3", "", "\0", "ü" * 300, "{0}", "0" * 32, "urn:uuid:" + str(uuid.UUID(int=1))],
)
def test_what_is_no_uuid_is_a_problem_and_hinders_no_other(rest, project, method, text):
    file = make_file(project)
    answer = rest(method, PATH, [text, str(file.pk)])
    assert answer.status_code == 200
    assert answer.json()["problems"] == {text: "Invalid"}
    assert uuids(answer) == {str(file.pk)}


@pytest.mark.parametrize("method", METHODS)
def test_files_of_others_are_missing_like_those_that_never_were(rest, method):
    """S034, S035."""
    foreign = make_file(make_project(), stored_at=None)
    unknown = uuid.uuid4()
    answer = rest(method, PATH, [str(foreign.pk), str(unknown)])
    assert answer.json() == {
        "status": "ok",
        "problems": {
            str(foreign.pk): "Missing in the project",
            str(unknown): "Missing in the project",
        },
        "result": [],
    }
    foreign.refresh_from_db()
    assert foreign.stored_at is None
    assert foreign.removed_at is None


def test_a_removed_file_cannot_be_stored_and_is_missing(rest, project):
    removed = make_file(project, stored_at=None, removed_at=timezone.now())
    answer = rest("PUT", PATH, [str(removed.pk)])
    assert answer.json()["problems"] == {str(removed.pk): "Missing in the project"}
    assert answer.json()["result"] == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Expected list of UUIDs"),
        ("text", "Expected list of UUIDs"),
        (None, "Expected list of UUIDs"),
        ([1], "Expected list of UUIDs"),
        ([None], "Expected list of UUIDs"),
        ([["a"]], "Expected list of UUIDs"),
        ([], "List of UUIDs can not be empty"),
        (["x"] * 101, "Maximum UUIDs per request is exceeded. The limit is 100"),
    ],
)
def test_other_bodies_are_refused(rest, project, method, body, text):
    make_file(project)
    answer = rest(method, PATH, body)
    assert answer.status_code == 400
    assert answer.json() == {"detail": text}


@pytest.mark.parametrize("method", METHODS)
def test_a_hundred_are_taken(rest, project, method):
    ids = [str(make_file(project, b"").pk) for _ in range(2)]
    ids += [str(uuid.uuid4()) for _ in range(98)]
    assert len(uuids(rest(method, PATH, ids))) == 2


@pytest.mark.parametrize("method", METHODS)
def test_a_million_items_are_refused_before_they_are_read(rest, method):
    answer = rest(method, PATH, b'["x"' + b',"x"' * 999_999 + b"]")
    assert answer.status_code == 413
    assert answer.json() == {"detail": "The size of the request is too large."}


def test_all_are_removed_or_none(project, monkeypatch):
    files = [make_file(project) for _ in range(3)]
    worst = max(files, key=lambda file: file.pk)
    remove = library.orders.remove

    def fails_at_last(file):
        if file == worst:
            raise OSError("The database went away.")
        return remove(file)

    monkeypatch.setattr(library.orders, "remove", fails_at_last)
    with pytest.raises(OSError, match="went away"):
        library.delete_all(files=files, actor="a test")
    assert not File.objects.exclude(removed_at=None).exists()
