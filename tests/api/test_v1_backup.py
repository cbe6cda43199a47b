"""The backup of a project from a program: /api/v1/backup/."""

import pytest

from storages_app.api.v1 import backup, backup_schema
from storages_app.models import BackupPlan, BackupRun
from tests.api.test_schema import fields_of
from tests.factories import (
    make_backup_plan,
    make_backup_run,
    make_custom_storage,
    make_file,
    make_project,
)

pytestmark = pytest.mark.django_db

BACKUP, RUNS = "/api/v1/backup/", "/api/v1/backup/runs/"
PING = "https://hc.example.com/ping/a-secret-uuid"


@pytest.fixture
def storage(rest):
    return make_custom_storage(rest.project, name="vault")


@pytest.fixture
def plan(storage):
    return make_backup_plan(storage, ping_url=PING)


def test_there_is_none_until_it_is_set_up(rest):
    assert rest.get(BACKUP).status_code == 404
    assert rest.get(RUNS).status_code == 404


def test_is_set_up_and_begins_a_run_at_once(rest, storage):
    make_file(rest.project)
    answer = rest(
        "PUT",
        BACKUP,
        {"custom_storage": "vault", "schedule": "0 3 * * *", "keep_days": 30, "ping_url": PING},
    )
    assert answer.status_code == 201
    said = answer.json()
    assert said["custom_storage"] == {"id": str(storage.pk), "name": "vault", "state": "connected"}
    assert (said["schedule_in_words"], said["keep_days"]) == ("Every day at 03:00 UTC", 30)
    assert len(said["next_runs"]) == 3
    assert said["standing"]["sentence"] == "First backup: 0 of 1."
    assert said["standing"]["missing"] == 1
    assert BackupRun.objects.get().state == "waiting"


def test_the_address_of_a_monitor_is_masked_and_may_be_sent_back(rest, reader, plan):
    for key in (rest, reader):
        assert key.get(BACKUP).json()["ping_url"] == "https://hc.example.com/****"
    changed = rest("PATCH", BACKUP, {"ping_url": "https://hc.example.com/****", "sample_size": 3})
    assert changed.status_code == 200
    plan.refresh_from_db()
    assert (plan.unseal_ping_url(), plan.sample_size) == (PING, 3)


def test_a_put_sets_what_it_leaves_out_to_its_default(rest, plan, storage):
    BackupPlan.objects.update(keep_days=9, sample_size=9)
    answer = rest("PUT", BACKUP, {"custom_storage": str(storage.pk)})
    assert answer.status_code == 200
    plan.refresh_from_db()
    assert (plan.keep_days, plan.sample_size, plan.unseal_ping_url()) == (0, 10, "")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "parameter_missing"),
        ([], "parameter_invalid"),
        ({"custom_storage": "nobody"}, "parameter_invalid"),
        ({"custom_storage": None}, "parameter_invalid"),
        ({"custom_storage": ["vault"]}, "parameter_invalid"),
        ({"custom_storage": {"a": 1}}, "parameter_invalid"),
        ({"custom_storage": "vault", "schedule": "often"}, "backup_refused"),
        ({"custom_storage": "vault", "schedule": 5}, "parameter_invalid"),
        ({"custom_storage": "vault", "schedule": ""}, "backup_refused"),
        ({"custom_storage": "vault", "keep_days": -1}, "parameter_invalid"),
        ({"custom_storage": "vault", "keep_days": True}, "parameter_invalid"),
        ({"custom_storage": "vault", "sample_size": 1e9}, "parameter_invalid"),
        ({"custom_storage": "vault", "storage_class": "GLACIER"}, "backup_refused"),
        ({"custom_storage": "vault", "storage_class": "a\0b"}, "parameter_invalid"),
        ({"custom_storage": "vault", "ping_url": "http://169.254.169.254/"}, "ping_refused"),
        ({"custom_storage": "vault", "ping_url": "https://x:y@z/"}, "ping_refused"),
        ({"custom_storage": "vault", "ping_url": "x" * 3000}, "parameter_invalid"),
        ({"custom_storage": "vault", "surprise": 1}, "field_unknown"),
    ],
)
def test_refuses_what_cannot_be(rest, storage, body, code):
    answer = rest("PUT", BACKUP, body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not BackupPlan.objects.exists()


def test_another_projects_storage_is_none(rest):
    foreign = make_custom_storage(make_project(), name="theirs")
    for named in ("theirs", str(foreign.pk)):
        assert rest("PUT", BACKUP, {"custom_storage": named}).status_code == 400


def test_moves_to_another_storage(rest, plan):
    make_custom_storage(rest.project, name="other")
    said = rest("PATCH", BACKUP, {"custom_storage": "other"}).json()
    assert said["custom_storage"]["name"] == "other"
    assert BackupRun.objects.get().state == "waiting"


def test_is_paused_resumed_turned_off_and_on(rest, plan):
    assert rest.post(RUNS).status_code == 202
    paused = rest.post(f"{BACKUP}pause/").json()
    assert paused["paused_at"]
    assert paused["next_runs"] == []
    assert paused["standing"]["state"] == "paused"
    refused = rest.post(RUNS)
    assert (refused.status_code, refused.json()["code"]) == (409, "backup_paused")
    assert rest.post(f"{BACKUP}resume/").json()["paused_at"] is None
    assert rest.post(f"{BACKUP}turn_off/").json()["standing"]["state"] == "off"
    for switch in ("pause", "resume"):
        refused = rest.post(f"{BACKUP}{switch}/")
        assert (refused.status_code, refused.json()["code"]) == (409, "backup_off")
    assert rest.post(f"{BACKUP}turn_on/").json()["is_on"] is True
    assert [run.state for run in BackupRun.objects.order_by("pk")] == [
        "cancelled",
        "cancelled",
        "waiting",
    ]


def test_a_run_is_asked_for_and_found(rest, plan):
    asked = rest.post(RUNS)
    assert rest.get(asked["Location"]).json() == asked.json()
    assert rest.post(RUNS).json()["id"] == asked.json()["id"]


def test_runs_come_page_by_page(rest, plan):
    made = [make_backup_run(plan).pk for _ in range(3)]
    first = rest.get(f"{RUNS}?limit=2").json()
    assert [run["id"] for run in first["results"]] == [made[2], made[1]]
    second = rest.get(f"{RUNS}?limit=2&before={first['next']}").json()
    assert ([run["id"] for run in second["results"]], second["next"]) == ([made[0]], None)
    assert rest.get(f"{RUNS}?limit=0").status_code == 400
    assert rest.get(f"{RUNS}?before=x").status_code == 400


@pytest.mark.parametrize("run_id", ["0", "x", "9" * 30, "１"])
def test_a_run_that_is_none_is_not_found(rest, plan, run_id):
    assert rest.get(f"{RUNS}{run_id}/").status_code == 404


def test_the_documentation_names_what_is_sent(rest, plan):
    file = make_file(rest.project)
    gap = {"state": "failed", "reason": "quota", "n": 1, "files": [{"uuid": str(file.pk)}]}
    run = make_backup_run(plan, gaps=[gap], manifest_key="k", manifest_sha256="s")
    shown, told = backup.backup_object(plan), backup.run_object(run)
    assert set(shown) == fields_of(backup_schema.Backup)
    assert set(shown["standing"]) == fields_of(backup_schema.BackupStanding)
    assert set(shown["custom_storage"]) == fields_of(backup_schema.BackupStorage)
    assert set(told) == fields_of(backup_schema.BackupRunShape)
    assert set(told["gaps"][0]) == fields_of(backup_schema.BackupGap)
    assert set(told["manifest"]) == fields_of(backup_schema.BackupManifest)
