"""manage.py bootstrap and announce: the first start, and each one after it."""

import json
import stat

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from storages_app.lib import outbound
from storages_app.management.commands import announce
from storages_app.models import Membership, Project, User, WorkerHeartbeat

pytestmark = pytest.mark.django_db

KEYS = {
    "dashboard_url", "api_url", "upload_url", "cdn_url", "project", "public_key", "secret_key",
    "operator_email", "operator_password", "s3",
}  # fmt: skip
S3_KEYS = {"endpoint_url", "region", "bucket", "access_key_id", "secret_access_key"}


@pytest.fixture
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.DEMO_S3_ACCESS_KEY_ID = "DEMO"
    settings.DEMO_S3_SECRET_ACCESS_KEY = "demo secret"
    return tmp_path


@pytest.fixture
def all_answer(monkeypatch):
    monkeypatch.setattr(announce, "_answers", lambda url: True)
    monkeypatch.setattr(announce, "_bucket_is_there", lambda: True)


def bootstrap() -> None:
    call_command("bootstrap", "--skip-static")


def worker_beats() -> None:
    WorkerHeartbeat.objects.create(name="worker:1", seen_at=timezone.now())


class TestBootstrap:
    def test_makes_an_operator_who_can_sign_in_and_owns_the_demo_project(
        self, data_dir, capsys, client
    ):
        bootstrap()
        email, password = (data_dir / "operator.txt").read_text().split()
        operator = User.objects.get()
        assert operator.is_superuser
        assert operator.check_password(password)
        assert client.login(email=email, password=password)
        assert password in capsys.readouterr().out
        owner = Membership.objects.get(project__slug="demo")
        assert (owner.user, owner.role) == (operator, "owner")
        assert Project.objects.get().secret_keys.active().count() == 1

    def test_keeps_the_password_from_other_users_of_the_machine(self, data_dir):
        bootstrap()
        assert stat.S_IMODE((data_dir / "operator.txt").stat().st_mode) == 0o600

    def test_a_second_time_changes_nothing_and_says_no_password(self, data_dir, capsys):
        bootstrap()
        password = (data_dir / "operator.txt").read_text().split()[1]
        key = Project.objects.get().secret_keys.get()
        capsys.readouterr()
        bootstrap()
        assert password not in capsys.readouterr().out
        assert User.objects.get().check_password(password)
        assert Project.objects.get().secret_keys.get() == key

    def test_what_the_last_run_said_of_itself_is_gone(self, data_dir):
        (data_dir / "demo.json").write_text("{}")
        bootstrap()
        assert not (data_dir / "demo.json").exists()


class TestAnnounce:
    def test_writes_the_facts_that_scripts_rely_on(self, data_dir, all_answer):
        bootstrap()
        worker_beats()
        call_command("announce", "--timeout", "0")
        path = data_dir / "demo.json"
        facts = json.loads(path.read_text())
        project = Project.objects.get()
        assert set(facts) == KEYS
        assert set(facts["s3"]) == S3_KEYS
        assert facts["public_key"] == project.public_key
        assert facts["secret_key"] == project.secret_keys.get().unseal_secret()
        assert User.objects.get().check_password(facts["operator_password"])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_writes_the_names_that_clients_read_by_themselves(self, data_dir, all_answer, settings):
        bootstrap()
        worker_beats()
        call_command("announce", "--timeout", "0")
        path = data_dir / "demo.env"
        lines = path.read_text().splitlines()
        assert f"export UPLOADCARE_PUBLIC_KEY={Project.objects.get().public_key}" in lines
        assert "export AWS_SECRET_ACCESS_KEY='demo secret'" in lines
        # So that manage.py in a second terminal knows the ports that `make run` was given.
        assert f"export UCDASH_DATA_DIR={data_dir}" in lines
        assert f"export UCDASH_DEMO_S3_PORT={settings.DEMO_S3_PORT}" in lines
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_names_the_part_that_does_not_answer(self, data_dir, all_answer, monkeypatch):
        bootstrap()
        worker_beats()
        monkeypatch.setattr(announce, "_bucket_is_there", lambda: False)
        with pytest.raises(CommandError, match="the demo bucket"):
            call_command("announce", "--timeout", "0")
        assert not (data_dir / "demo.json").exists()

    def test_the_worker_of_the_run_before_does_not_count(self, data_dir, all_answer):
        worker_beats()
        bootstrap()
        with pytest.raises(CommandError, match="the worker"):
            call_command("announce", "--timeout", "0")

    @pytest.mark.real
    def test_a_server_without_its_bucket_is_not_ready(self, seaweed, settings, monkeypatch):
        port = int(seaweed.endpoint_url.rpartition(":")[2])
        settings.DEMO_S3_PORT = port
        settings.DEMO_S3_ACCESS_KEY_ID = seaweed.access_key_id
        settings.DEMO_S3_SECRET_ACCESS_KEY = seaweed.secret_access_key
        allowed = outbound.Policy(allowed_private=frozenset({("127.0.0.1", port)}))
        monkeypatch.setattr(outbound._Current, "policy", allowed)
        monkeypatch.setattr(announce.demo_s3, "BUCKET", "not-made-yet")
        assert not announce._bucket_is_there()
        monkeypatch.setattr(announce.demo_s3, "BUCKET", seaweed.bucket)
        assert announce._bucket_is_there()
