"""/api/v1/restores/: bringing a backup back by a program."""

import pytest

from storages_app.backups import services as backups
from storages_app.backups import tasks as backup_tasks
from storages_app.copying import runner as copying
from storages_app.models import BackupRun, CopyJob, File, RestoreRun
from storages_app.restores import runner, services, tasks
from tests.factories import make_custom_storage, make_file, make_project, make_restore_run
from tests.memory_bucket import PROVEN, bucket

__all__ = ["bucket"]
pytestmark = pytest.mark.django_db
URL = "/api/v1/restores/"


@pytest.fixture(autouse=True)
def _restores_read_it_too(monkeypatch, bucket):
    for module in (runner, services):
        monkeypatch.setattr(module, "open_store", lambda custom_storage: bucket)


@pytest.fixture
def vault(project):
    return make_custom_storage(project, name="vault", prefix="b/", capabilities=PROVEN)


@pytest.fixture
def lost(project, vault, bucket):
    """Three files were backed up and lost; their UUIDs, by which they are known."""
    files = [make_file(project, bytes([n]) * 9, name=f"{n}.bin") for n in range(3)]
    plan = backups.connect(project=project, custom_storage=vault, actor="a test")
    for _ in range(3):
        BackupRun.objects.update(lease_until=None)
        backup_tasks.drain()
        copying.drain()
    assert plan.runs.get().state == "done"
    CopyJob.objects.all().delete()
    File.objects.all().delete()
    return [str(file.pk) for file in files]


def work():
    RestoreRun.objects.filter(finished_at=None).update(lease_until=None)
    tasks.drain()


def test_manifests_of_a_storage_are_listed(rest, vault, lost):
    run = BackupRun.objects.get()
    (offered,) = rest.get(f"/api/v1/custom_storages/{vault.pk}/manifests/").json()["results"]
    assert (offered["key"], offered["run"]) == (run.manifest_key, run.pk)
    assert offered["public_key"] == vault.project.public_key


def test_a_restore_is_asked_for_shown_started_and_done(rest, vault, lost):
    answer = rest.post(URL, {"custom_storage": str(vault.pk)})
    assert answer.status_code == 202
    path = answer["Location"]
    assert answer.json()["state"] == "reading"
    work()
    shown = rest.get(path).json()
    assert (shown["state"], shown["word"]) == ("counted", "Waiting")
    assert shown["plans"] == {"restore": {"files": 3, "bytes": 27}}
    assert not File.objects.exists()
    assert rest.post(f"{path}start/", {}).json()["state"] == "restoring"
    work()
    shown = rest.get(path).json()
    assert (shown["state"], shown["done"], shown["problems"]) == ("done", 3, {})
    assert shown["sentence"] == "3 files restored, all match."
    assert [run["id"] for run in rest.get(URL).json()["results"]] == [shown["id"]]


def test_some_files_and_a_drill(rest, vault, lost):
    order = {"custom_storage": str(vault.pk), "only": {"uuids": lost[:1]}, "drill": True}
    path = rest.post(URL, order)["Location"]
    work()
    shown = rest.get(path).json()
    assert (shown["state"], shown["done"]) == ("done", 1)
    assert not File.objects.exists()


def test_the_files_come_page_by_page(rest, vault, lost):
    path = rest.post(URL, {"custom_storage": str(vault.pk)})["Location"]
    work()
    first = rest.get(f"{path}files/?limit=2").json()
    second = rest.get(f"{path}files/?limit=2&after={first['next_after']}").json()
    assert {file["uuid"] for file in first["results"] + second["results"]} == set(lost)
    assert second["next_after"] is None
    assert rest.get(f"{path}files/?gaps=true").json()["results"] == []


def test_replacing_asks_for_the_name(rest, project, vault, lost):
    make_file(project, b"other", uuid=lost[0])
    order = {"custom_storage": str(vault.pk), "on_taken": "replace"}
    path = rest.post(URL, order)["Location"]
    work()
    assert rest.get(path).json()["replaces"] == 1
    refused = rest.post(f"{path}start/", {"name": "no"})
    assert (refused.status_code, refused.json()["code"]) == (400, "restore_confirmation_missing")
    assert rest.post(f"{path}start/", {"name": project.name}).status_code == 200


def test_what_has_ended_is_not_started(rest, vault):
    run = make_restore_run(vault, state="cancelled")
    refused = rest.post(f"{URL}{run.pk}/start/", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "restore_not_waiting")


def test_a_bucket_without_a_backup(rest, vault):
    refused = rest.post(URL, {"custom_storage": str(vault.pk)})
    assert (refused.status_code, refused.json()["code"]) == (400, "manifest_unknown")


def test_another_projects_storage_is_not_found(rest):
    theirs = make_custom_storage(make_project())
    assert rest.post(URL, {"custom_storage": str(theirs.pk)}).status_code == 404
    assert not RestoreRun.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"custom_storage": 7},
        {"custom_storage": "x", "colour": "red"},
        {"custom_storage": "x", "manifest": ["y"]},
        {"custom_storage": "x", "drill": "yes"},
        {"custom_storage": "x", "on_taken": "burn"},
        {"custom_storage": "x", "only": []},
        {"custom_storage": "x", "only": "all"},
        {"custom_storage": "x", "only": {"uuids": [{}]}},
        {"custom_storage": "x", "only": {"name": "\0"}},
        {"custom_storage": "x", "manifest": "elsewhere/m.jsonl"},
        {"custom_storage": "x", "manifest": None},
        {"custom_storage": "x", "only": {"after": {"$gt": ""}}},
    ],
)
def test_bad_input_is_the_callers_400_or_404(rest, vault, lost, body):
    if isinstance(body, dict) and body.get("custom_storage") == "x":
        body = body | {"custom_storage": str(vault.pk)}
    assert rest.post(URL, body).status_code in {400, 404}
    assert not RestoreRun.objects.exists()


@pytest.mark.parametrize("number", ["0", "x", "9" * 30, "-1", "٣"])
def test_an_id_that_is_none_is_not_found(rest, number):
    assert rest.get(f"{URL}{number}/").status_code == 404
