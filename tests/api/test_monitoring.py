"""Health at three depths, and figures that only whom they concern may read."""

from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from storages_app.models import CopyJob, CustomStorage, Reconciliation, WorkerHeartbeat
from storages_app.oversight import figures, health
from tests.factories import (
    make_backup_plan,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
    make_url_upload,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker():
    now = timezone.now()
    return WorkerHeartbeat.objects.create(name="host:1", seen_at=now, claimed_at=now)


@pytest.fixture
def custom_storage():
    return make_custom_storage(make_project(), name="the name of a tenant's storage")


def deep():
    answer = Client().get("/health/deep")
    return answer.status_code, answer.json()


class TestLive:
    def test_asks_nothing(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            answer = Client().get("/health/live")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert "no-store" in answer["Cache-Control"]

    def test_takes_no_post(self):
        assert Client().post("/health/live").status_code == 405


class TestReady:
    def test_is_200_with_database_and_disk(self):
        answer = Client().get("/health/ready/")
        assert answer.status_code == 200
        assert answer.json()["passing"] == ["database", "upload storage"]

    def test_is_503_without_the_database(self, monkeypatch):
        def gone():
            raise OperationalError("password of the database")

        monkeypatch.setattr(health.connection, "cursor", gone)
        answer = Client().get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["failing"] == {"database": "It does not answer."}

    def test_is_503_before_the_migrations(self, monkeypatch):
        health._migrated.clear()
        monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda *args: ["one"])
        answer = Client().get("/health/ready")
        assert answer.status_code == 503
        assert "run migrate" in answer.json()["failing"]["database"]

    def test_is_503_where_uploads_cannot_be_written(self, monkeypatch):
        monkeypatch.setattr(health.os, "access", lambda *args: False)
        answer = Client().get("/health/ready")
        assert list(answer.json()["failing"]) == ["upload storage"]
        assert str(storages["uploads"].location) not in answer.content.decode()


class TestDeep:
    def test_is_200_with_a_worker_and_nothing_to_do(self, worker):
        status, said = deep()
        assert (status, said["failing"], said["warnings"]) == (200, {}, [])

    def test_is_503_without_a_worker(self, worker):
        WorkerHeartbeat.objects.update(seen_at=timezone.now() - timedelta(minutes=1))
        status, said = deep()
        assert (status, list(said["failing"])) == (503, ["worker"])

    def test_is_503_when_a_living_worker_claims_nothing_of_what_is_due(
        self, worker, custom_storage
    ):
        make_copy_job(make_file(custom_storage.project), custom_storage, state="pending")
        assert deep()[0] == 200
        WorkerHeartbeat.objects.update(claimed_at=timezone.now() - timedelta(minutes=2))
        status, said = deep()
        assert (status, list(said["failing"])) == (503, ["work"])
        assert "name of a tenant" not in str(said)

    def test_long_copies_that_hold_every_slot_are_work(self, worker, custom_storage):
        """Their leases are renewed only while their bytes move."""
        files = [make_file(custom_storage.project) for _ in range(2)]
        make_copy_job(files[0], custom_storage, state="pending")
        long = make_copy_job(files[1], custom_storage, state="leased")
        WorkerHeartbeat.objects.update(claimed_at=timezone.now() - timedelta(hours=1))
        now = timezone.now()
        for lease_until, status in ((now + timedelta(seconds=9), 200), (now, 503)):
            CopyJob.objects.filter(pk=long.pk).update(lease_until=lease_until)
            assert deep()[0] == status

    def test_copies_of_a_broken_storage_are_not_the_installations_fault(
        self, worker, custom_storage
    ):
        make_copy_job(make_file(custom_storage.project), custom_storage, state="pending")
        WorkerHeartbeat.objects.update(claimed_at=None)
        CustomStorage.objects.update(circuit_opened_at=timezone.now())
        assert deep()[0] == 200

    def test_names_a_worker_whose_clock_is_wrong(self, worker):
        """F44."""
        WorkerHeartbeat.objects.update(clock_offset_s=-3600)
        status, said = deep()
        assert (status, said["warnings"]) == (
            200,
            ["The clocks of 1 workers differ from the database's."],
        )

    def test_names_a_web_process_whose_clock_is_wrong(self, worker, monkeypatch):
        """F44."""
        an_hour_ago = timezone.now() - timedelta(hours=1)
        monkeypatch.setattr(health, "read_db_now", lambda: an_hour_ago)
        assert "this web process" in deep()[1]["warnings"][0]

    def test_names_buckets_whose_clock_is_wrong_by_the_newest_look(self, worker, custom_storage):
        """F44."""
        for offset in (0.0, 3600.0):
            Reconciliation.objects.create(
                custom_storage=custom_storage,
                kind="light",
                asked_by="x",
                clock_offset_s=offset,
                finished_at=timezone.now(),
            )
        assert deep()[1]["warnings"] == ["The clocks of 1 buckets differ from ours."]
        Reconciliation.objects.order_by("pk").last().delete()
        assert deep()[1]["warnings"] == []


@pytest.fixture(autouse=True)
def fresh_figures(monkeypatch):
    monkeypatch.setattr(figures, "exposition", figures.Exposition())


def figures_now():
    text = figures.Exposition().text().decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in lines)


class TestWhoMaySeeFigures:
    @pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
    def test_this_machine_without_a_token(self, settings, host):
        settings.ALLOWED_HOSTS = ["*"]
        answer = Client().get("/metrics", HTTP_HOST=host)
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/plain; version=0.0.4")

    @pytest.mark.parametrize(
        "sent",
        [
            {"REMOTE_ADDR": "192.0.2.1"},
            {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
            {"HTTP_HOST": "files.example.com"},  # by a proxy that tells nothing of itself
            {"HTTP_HOST": "localhost.example.com"},
        ],
    )
    def test_nobody_else_without_a_token(self, settings, sent):
        settings.ALLOWED_HOSTS = ["*"]
        assert Client().get("/metrics", **{"HTTP_HOST": "localhost"} | sent).status_code == 404

    def test_with_a_token_only_who_knows_it(self, settings):
        settings.METRICS_TOKEN = "known to prometheus"
        right = {"HTTP_AUTHORIZATION": "Bearer known to prometheus", "REMOTE_ADDR": "192.0.2.1"}
        assert Client().get("/metrics", **right).status_code == 200
        for sent in ({}, {"HTTP_AUTHORIZATION": "Bearer wrong"}, {"HTTP_AUTHORIZATION": "Ünd"}):
            assert Client().get("/metrics", **sent).status_code == 404


class TestFigures:
    def test_tell_of_the_queue_by_lane(self, custom_storage):
        file = make_file(custom_storage.project, b"12345")
        due = timezone.now() - timedelta(minutes=10)
        make_copy_job(file, custom_storage, state="pending", lane=1, run_after=due)
        make_copy_job(file, custom_storage, state="blocked", lane=3)
        said = figures_now()
        assert said['ucdash_copies_waiting{lane="auto_copy"}'] == "1.0"
        assert said['ucdash_copies_waiting_bytes{lane="auto_copy"}'] == "5.0"
        age = float(said['ucdash_copies_oldest_due_age_seconds{lane="auto_copy"}'])
        assert 600 <= age < 660
        assert said['ucdash_copies_oldest_due_age_seconds{lane="backup"}'] == "0.0"
        assert said["ucdash_copies_blocked"] == "1.0"
        assert said['ucdash_copies_waiting{lane="interactive"}'] == "0.0"

    def test_tell_of_failures_by_reason_and_of_what_is_unverified(self, custom_storage):
        file = make_file(custom_storage.project)
        make_copy_job(
            file, custom_storage, state="failed", reason="key_invalid", takeovers=2, duplicates=3
        )
        make_copy_job(file, custom_storage, state="unverified", reason="dest_unverifiable")
        said = figures_now()
        assert said['ucdash_copies_failed{reason="key_invalid"}'] == "1.0"
        assert said['ucdash_copies{state="unverified"}'] == "1.0"
        assert said["ucdash_copies_takeovers"] == "2.0"
        assert said["ucdash_copies_duplicate_delivery"] == "3.0"

    def test_tell_of_fetches(self):
        project = make_project()
        make_url_upload(project, run_after=timezone.now() - timedelta(minutes=5))
        for _ in range(2):
            make_url_upload(project, state="failed", run_after=None)
        said = figures_now()
        assert said['ucdash_fetches{state="waiting"}'] == "1.0"
        assert said['ucdash_fetches{state="failed"}'] == "2.0"
        assert said['ucdash_fetches{state="running"}'] == "0.0"
        assert 300 <= float(said["ucdash_fetches_oldest_due_age_seconds"]) < 360

    def test_tell_of_circuits_workers_differences_and_backups(self, custom_storage, worker):
        CustomStorage.objects.update(circuit_opened_at=timezone.now(), circuit_reason="throttled")
        Reconciliation.objects.create(
            custom_storage=custom_storage,
            kind="full",
            asked_by="x",
            state="different",
            counts={"missing": 3},
            finished_at=timezone.now(),
        )
        plan = make_backup_plan(custom_storage)
        plan.runs.create(
            asked_by="x", state="done", snapshot_at=timezone.now() - timedelta(hours=1)
        )
        said = figures_now()
        label = f'{{storage="{custom_storage.pk}",why="throttled"}}'
        assert said[f"ucdash_storage_circuit_open{label}"] == "1.0"
        assert said['ucdash_storages{state="broken"}'] == "1.0"
        assert said["ucdash_workers"] == "1.0"
        assert float(said["ucdash_last_claim_age_seconds"]) < 60
        assert said['ucdash_reconcile_differences{kind="missing"}'] == "3.0"
        assert 3600 <= float(said[f'ucdash_backup_age_seconds{{plan="{plan.pk}"}}']) < 3660
        assert "name of a tenant" not in str(said)

    def test_asks_the_database_once_in_a_while_however_often_it_is_scraped(
        self, django_assert_num_queries
    ):
        exposition = figures.Exposition()
        first = exposition.text()
        with django_assert_num_queries(0):
            assert exposition.text() == first
