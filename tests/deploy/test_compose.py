"""deploy/compose.yml, read: there is no engine here to start it with."""

import re
import subprocess
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from tests.rig.installation import ROOT

COMPOSE = ROOT / "deploy" / "compose.yml"
OURS = ("tables", "web", "worker")
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text())["services"]


def listed() -> set[str]:
    text = (ROOT / ".env.example").read_text()
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))


def dockerfile() -> str:
    return (ROOT / "deploy" / "Dockerfile").read_text()


def test_every_setting_is_one_that_the_product_reads(services):
    for name in OURS:
        assert set(services[name]["environment"]) <= listed()
    assert set(re.findall(r"UCDASH_\w+", dockerfile())) <= listed()


def test_no_password_stands_in_it_and_none_may_be_left_out():
    for name, kind, _default in _VARIABLE.findall(COMPOSE.read_text()):
        if re.search("PASSWORD|SECRET_KEY|DATA_KEYS", name):
            assert kind == "?", name
    (inside,) = re.findall(r"```sh\n(umask 077.*?)```", docs(), re.DOTALL)
    assert set(re.findall(r"^(\w+)=", inside, re.MULTILINE)) >= {
        name for name, kind, _default in _VARIABLE.findall(COMPOSE.read_text()) if kind == "?"
    }


def docs() -> str:
    return (ROOT / "docs" / "deploying.md").read_text()


def test_the_passwords_that_the_docs_make_are_such_that_the_product_starts(tmp_path):
    (inside,) = re.findall(r"```sh\n(umask 077.*?)```", docs(), re.DOTALL)
    (tmp_path / "deploy").mkdir()
    subprocess.run(["bash", "-ec", inside], cwd=tmp_path, check=True)
    made = dotenv_values(tmp_path / "deploy" / ".env")
    settings = {name: made[name] for name in ("UCDASH_SECRET_KEY", "UCDASH_DATA_KEYS")}
    done = subprocess.run(
        [str(ROOT / ".venv" / "bin" / "python"), "manage.py", "check"],
        env=settings | {"UCDASH_ENV_FILE": "none", "UCDASH_DATA_DIR": str(tmp_path / "var")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_only_the_web_server_is_reached_and_only_from_this_machine(services):
    ports = {name: each["ports"] for name, each in services.items() if "ports" in each}
    assert ports == {"web": ["127.0.0.1:8000:8000", "127.0.0.1:8001:8001"]}


def test_the_broker_asks_for_a_password(services):
    """S124."""
    assert "--requirepass" in services["redis"]["command"]
    for name in ("CELERY_BROKER_URL", "UCDASH_CACHE_URL"):
        assert services["web"]["environment"][name].startswith("redis://:${REDIS_PASSWORD:?")


@pytest.mark.parametrize("name", OURS)
def test_our_containers_may_do_little(services, name):
    service = services[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_nothing_starts_before_the_tables_are_changed(services):
    for name in ("web", "worker"):
        assert services[name]["depends_on"]["tables"] == {
            "condition": "service_completed_successfully"
        }
    backup, migrate = services["tables"]["command"][2].split(" && ")
    assert "installation backup --if-migrations-wait" in backup
    assert "migrate" in migrate


def test_web_and_worker_run_what_the_procfile_runs(services):
    procfile = (ROOT / "Procfile").read_text()
    (worker,) = re.findall(r"exec (celery .*)", procfile)
    assert " ".join(services["worker"]["command"]) == worker.replace(" --beat", "")
    (web,) = re.findall(r"^web: exec (.*)", procfile, re.MULTILINE)
    assert f"CMD {web.split()}".replace("'", '"') in dockerfile()


def test_the_database_is_not_newer_than_the_program_that_dumps_it(services):
    """Debian bookworm has PostgreSQL's client 15."""
    assert "slim-bookworm AS ucdash" in dockerfile()
    assert services["database"]["image"].startswith("postgres:15-")


def test_every_volume_is_declared(services):
    declared = yaml.safe_load(COMPOSE.read_text())["volumes"]
    used = {
        volume.partition(":")[0] for each in services.values() for volume in each.get("volumes", [])
    }
    assert used == set(declared)
