"""manage.py installation: kept, put back, and what is said where the keys are lost.

On SQLite by `make test`, on PostgreSQL by `make test-services`.
"""

import json
import shutil
import stat
from pathlib import Path

import pytest

from storages_app.lib.crypto import new_data_key
from tests.rig.installation import Installation
from ucdash.env import read_env_file

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """An installation with projects, and no process."""
    made = Installation(tmp_path_factory.mktemp("kept-installation"))
    try:
        made.prepare()
        yield made
    finally:
        made.stop()


@pytest.fixture
def backup(ours, tmp_path) -> Path:
    ours.create_project("Kept")
    facts = json.loads(
        ours.manage("installation", "backup", "--into", str(tmp_path), "--json").stdout
    )
    return Path(facts["backup"])


def names(installation: Installation) -> set[str]:
    return {name for (name,) in installation.query("SELECT name FROM storages_app_project")}


def refused(installation: Installation, *words: str, **env: str) -> str:
    done = installation.manage("installation", *words, check=False, **env)
    assert done.returncode == 1, done.stdout
    return done.stderr


class TestBackup:
    def test_is_for_its_owner_only_and_has_no_key(self, ours, backup):
        assert stat.S_IMODE(backup.stat().st_mode) == 0o700
        secrets = read_env_file(ours.data_dir / "env")
        for file in backup.iterdir():
            content = file.read_bytes()
            assert secrets["UCDASH_SECRET_KEY"].encode() not in content
            assert secrets["UCDASH_DATA_KEYS"].partition(":")[2].encode() not in content

    def test_names_what_is_not_in_it(self, ours, tmp_path):
        said = ours.manage("installation", "backup", "--into", str(tmp_path)).stdout
        assert f"Originals are not in it: folder {ours.data_dir / 'uploads'}." in said
        assert "Keys are not in it (UCDASH_DATA_KEYS, UCDASH_SECRET_KEY)" in said

    def test_of_keys_lies_apart(self, ours, tmp_path):
        into, apart = tmp_path / "backups", tmp_path / "safe"
        ours.manage("installation", "backup", "--into", str(into), "--keys-into", str(apart))
        kept, used = read_env_file(apart / "keys.env"), read_env_file(ours.data_dir / "env")
        assert kept == {name: used[name] for name in ("UCDASH_SECRET_KEY", "UCDASH_DATA_KEYS")}
        assert stat.S_IMODE((apart / "keys.env").stat().st_mode) == 0o600
        said = refused(ours, "backup", "--into", str(into), "--keys-into", str(into / "keys"))
        assert "Keep the keys apart" in said
        assert len([*into.iterdir()]) == 1, "what was refused has written nothing"

    def test_is_not_written_in_a_dry_run(self, ours, tmp_path):
        into = tmp_path / "backups"
        words = ("backup", "--into", str(into), "--keys-into", str(tmp_path / "safe"), "--dry-run")
        told = json.loads(ours.manage("installation", *words, "--json").stdout)
        assert (told["dry_run"], told["into"]) == (True, str(into))
        assert told["rows"]["projects"] == len(names(ours))
        assert not [*tmp_path.iterdir()]
        said = refused(ours, "backup", "--into", "/dev/null", "--dry-run")
        assert "Nothing can be written into /dev/null" in said

    def test_before_migrations_is_made_only_if_some_wait(self, ours, tmp_path):
        words = ("installation", "backup", "--into", str(tmp_path), "--if-migrations-wait")
        assert ours.manage(*words).stdout.strip() == ""
        assert not [*tmp_path.iterdir()]
        newest = "SELECT app, name FROM django_migrations WHERE app = 'storages_app' ORDER BY id"
        app, name = ours.query(newest)[-1]
        ours.execute(f"DELETE FROM django_migrations WHERE app = '{app}' AND name = '{name}'")
        try:
            assert "Database: " in ours.manage(*words).stdout
        finally:
            ours.manage("migrate", "--fake", "--verbosity", "0")
        assert len([*tmp_path.iterdir()]) == 1

    def test_is_made_by_the_next_start_of_a_newer_version(self, ours):
        """`make run` migrates by itself."""
        folder = ours.data_dir / "backups"
        before = {*folder.glob("*")}
        ours.manage("bootstrap", "--skip-static")
        assert {*folder.glob("*")} == before
        ours.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
        done = ours.manage("bootstrap", "--skip-static", check=False)
        ours.manage("migrate", "--fake", "--verbosity", "0")
        assert "Database: " in done.stdout
        assert len({*folder.glob("*")} - before) == 1


class TestRestore:
    def test_brings_the_database_back_and_keeps_what_was_there(self, ours, backup):
        before = names(ours)
        ours.create_project("Made later")
        said = ours.manage("installation", "restore", str(backup), "--replace").stdout
        assert names(ours) == before
        kept = Path(said.partition("What was here is kept: ")[2].splitlines()[0])
        ours.manage("installation", "restore", str(kept), "--replace")
        assert names(ours) == before | {"Made later"}

    def test_into_an_empty_installation_opens_every_secret(self, ours, backup, tmp_path):
        """Another machine: the backup, the keys and the originals are all that is brought."""
        other = Installation(tmp_path / "other")
        try:
            shutil.copy(ours.data_dir / "env", other.data_dir / "env")
            other.prepare()
            other.manage("installation", "restore", str(backup), "--replace")
            assert names(other) == names(ours)
            assert other.manage("doctor").stdout.strip() == "Nothing is wrong."
            other.create_project("Written afterwards")
        finally:
            other.stop()

    def test_over_newer_tables_leaves_none_of_them(self, ours, backup):
        """The way back from an upgrade that went wrong."""
        ours.execute("CREATE TABLE storages_app_of_a_newer_version (id integer)")
        ours.manage("installation", "restore", str(backup), "--replace")
        with pytest.raises(Exception, match="storages_app_of_a_newer_version"):
            ours.query("SELECT * FROM storages_app_of_a_newer_version")
        ours.manage("migrate", "--check")

    def test_looks_only_with_dry_run(self, ours, backup):
        ours.create_project("Stays")
        said = ours.manage("installation", "restore", str(backup), "--replace", "--dry-run").stdout
        assert "This backup is whole" in said
        assert "Stays" in names(ours)

    def test_refuses_to_replace_projects_unasked(self, ours, backup):
        assert "Say --replace" in refused(ours, "restore", str(backup))

    def test_refuses_a_backup_with_one_other_byte(self, ours, backup):
        (dump,) = backup.glob("database.*")
        content = bytearray(dump.read_bytes())
        content[len(content) // 2] ^= 1
        dump.write_bytes(content)
        before = names(ours)
        assert "is not the file that was written" in refused(
            ours, "restore", str(backup), "--replace"
        )
        assert names(ours) == before

    def test_refuses_beside_a_worker(self, ours, backup):
        ours.arrange(
            *("shell", "--no-imports", "--command"),
            "from storages_app.models import WorkerHeartbeat; WorkerHeartbeat.beat()",
        )
        said = refused(ours, "restore", str(backup), "--replace")
        ours.execute("DELETE FROM storages_app_workerheartbeat")
        assert "stop web and workers first" in said

    def test_refuses_without_the_keys_and_says_what_to_do(self, ours, backup):
        """S115: a lost key ring is told before anything is replaced."""
        lost = {"UCDASH_DATA_KEYS": new_data_key("another")}
        said = refused(ours, "restore", str(backup), "--replace", **lost)
        assert "cannot open this backup's secrets (key first)" in said
        words = ("installation", "restore", str(backup), "--replace", "--without-keys")
        assert "Secrets have to be entered again" in ours.manage(*words, **lost).stdout

    def test_refuses_what_is_no_backup(self, ours, tmp_path):
        assert "has no backup.json" in refused(ours, "restore", str(tmp_path))
        done = ours.manage("installation", "restore", str(tmp_path), "--json", check=False)
        assert done.returncode == 1
        assert json.loads(done.stdout)["error"]["code"] == "refused"

    @pytest.mark.parametrize("facts", ["[]", '{"rows": []}', "{", "[" * 100_000])
    def test_refuses_facts_that_are_none(self, ours, backup, facts):
        (backup / "backup.json").write_text(facts)
        assert "has no backup.json that can be read" in refused(ours, "restore", str(backup))
