"""All processes of a run: database, broker, bucket, web and workers."""

import os
import random
import signal
import sys
import time
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.chaos import hooks
from tests.chaos.bucket import BucketServer
from tests.chaos.plan import Form
from tests.chaos.servers import Broker, FolderBroker, PostgreSQL, Redis
from tests.rig import services
from tests.rig.installation import ROOT, Installation, Project
from tests.rig.processes import Process
from ucdash.env import read_env_file

LEASE_S = 3
_NEXT_TRIAL_AFTER_S = 1.0
MAX_CRASHES = 3  # the product's; a test compares them
# Storages by their names, each in a bucket of its own; rivals' keys have no uuid.
MAIN, RIVALS = "main", "rivals"
BUCKETS = {MAIN: "chaos-main", RIVALS: "chaos-rivals"}
_OVER = "('done', 'unverified', 'failed', 'skipped', 'cancelled')"
# An observer that the product knows nothing of: a copy that has ended may be ordered again, and
# nothing else may happen to it.
_OBSERVER = {
    "postgresql": f"""
        CREATE TABLE chaos_rewrite (job bigint, was text, became text);
        CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN INSERT INTO chaos_rewrite VALUES (OLD.id, OLD.state, NEW.state); RETURN NULL; END
        $$;
        CREATE TRIGGER chaos_note AFTER UPDATE OF state ON storages_app_copyjob FOR EACH ROW
          WHEN (OLD.state IN {_OVER} AND NEW.state NOT IN ('pending', 'blocked'))
          EXECUTE FUNCTION chaos_note();
    """,
    "sqlite": f"""
        CREATE TABLE chaos_rewrite (job bigint, was text, became text);
        CREATE TRIGGER chaos_note AFTER UPDATE OF state ON storages_app_copyjob FOR EACH ROW
          WHEN OLD.state IN {_OVER} AND NEW.state NOT IN ('pending', 'blocked')
          BEGIN INSERT INTO chaos_rewrite VALUES (OLD.id, OLD.state, NEW.state); END;
    """,
}


class Stage:
    """Everything that runs. `stop` ends all of it, whatever state it is in."""

    def __init__(
        self,
        folder: Path,
        *,
        seed: int,
        form: Form,
        on_services: bool,
        mutation: str = "",
        **settings: str,
    ) -> None:
        self.folder, self.on_services, self.mutation = folder, on_services, mutation
        self._form = form
        self._chance = random.Random(f"{seed}/stage")
        self._stack = ExitStack()
        self.database: PostgreSQL | None = None
        self.broker: Broker
        self.workers: list[Process] = []
        self.full_disk_file = folder / "full-disk"
        self._projects: list[Project] = []
        self.bucket = BucketServer(folder, seed=seed, buckets=list(BUCKETS.values()))
        self._stack.callback(self.bucket.stop)
        if on_services:
            self._start_services()
        self.installation = Installation(folder / "ucdash", **(self._settings() | settings))
        if not on_services:
            self.broker = FolderBroker(self.installation.data_dir / "broker")

    def _start_services(self) -> None:
        services.install_missing(with_radosgw=False)
        self.database = PostgreSQL(self.folder)
        self._stack.callback(self.database.stop)
        self.broker = redis = Redis(self.folder, self._chance)
        self._stack.callback(redis.stop)
        # How an installation of the rig finds services.
        self._stack.enter_context(
            patch.dict(
                os.environ,
                UCDASH_TEST_DATABASE_URL=self.database.url,
                UCDASH_TEST_BROKER_URL=redis.url,
            )
        )

    def _settings(self) -> dict[str, str]:
        form = self._form
        return {
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "PYTHONPATH": str(ROOT),
            hooks.FULL_DISK_FILE: str(self.full_disk_file),
            hooks.MUTATE: self.mutation,
            "UCDASH_LEASE_S": str(LEASE_S),
            "UCDASH_POLL_S": "1",
            "UCDASH_TIME_SCALE": "0.1",
            "UCDASH_WORKER_PROCESSES": "1" if self.on_services else "2",
            "UCDASH_MULTIPART_THRESHOLD": str(form.multipart_threshold),
            "UCDASH_MULTIPART_PART_SIZE": str(5 * 1024 * 1024),
            "UCDASH_REMOTE_COPY_WAIT_S": "1",
            "UCDASH_ALLOWED_PRIVATE_HOSTS": self.bucket.facts["endpoint_url"].partition("//")[2],
            "UCDASH_LOG_LEVEL": "WARNING",
        }

    # --- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Tables, web, and one worker, or two where services are."""
        self.installation.prepare()
        self._stack.callback(self.installation.stop)
        self.installation.execute(_OBSERVER["postgresql" if self.on_services else "sqlite"])
        if self.mutation == "unique":
            self.installation.execute("DROP INDEX copy_job_one_writer_a_key")
        web = self.installation.start_web(wait=False)
        self.workers = [self._start_worker(n) for n in range(2 if self.on_services else 1)]
        web.wait_until(self.installation.web_answers, within=60, what="web")
        self.wait_for_workers()

    def stop(self) -> None:
        self._stack.close()

    def _start_worker(self, number: int) -> Process:
        """As `make run` starts it; one of them with beat."""
        line = next(
            line
            for line in (ROOT / "Procfile").read_text().splitlines()
            if line.startswith("worker:")
        )
        words = line.partition(" exec ")[2].split()
        if number:
            words.remove("--beat")
        return self.installation._start(f"worker-{number}", [sys.executable, "-m", *words])

    def wait_for_workers(self) -> None:
        """Until every worker has written a heartbeat."""
        for worker in self.workers:
            worker.wait_until(partial(self._is_beating, worker), within=60, what="worker")

    def _is_beating(self, worker: Process) -> bool:
        rows = self.query("SELECT name FROM storages_app_workerheartbeat")
        return bool({_pid(name) for (name,) in rows} & descendants(worker.pid))

    def kill_worker(self, number: int) -> None:
        """SIGKILL for the whole group; another one is started in its place."""
        self.stop_worker(number)
        self.start_worker(number)

    def stop_worker(self, number: int) -> None:
        """SIGKILL for the whole group."""
        self.workers[number].kill()
        self.installation.processes.remove(self.workers[number])

    def end_worker(self, number: int) -> None:
        """As a deployment does."""
        self.workers[number].stop()
        self.installation.processes.remove(self.workers[number])

    def start_worker(self, number: int) -> None:
        self.workers[number] = self._start_worker(number)

    def logs(self) -> str:
        return self.installation.logs()

    # --- asking --------------------------------------------------------------------------------

    def create_project(self, storage: str, *options: str) -> Project:
        """A project whose files are all copied to the storage of that name."""
        project = self.installation.create_project(storage)
        self._projects.append(project)
        facts = self.bucket.facts
        answer = self.installation.arrange(
            *("connect_storage", "--project", project.slug, "--name", storage, "--json"),
            *("--endpoint", facts["endpoint_url"], "--region", "us-east-1"),
            *("--bucket", BUCKETS[storage], "--access-key-id", facts["access_key_id"]),
            *("--secret-env", "CHAOS_SECRET", "--auto-copy", *options),
            CHAOS_SECRET=facts["secret_access_key"],
        )
        assert '"state": "connected"' in answer.stdout, answer.stdout
        return project

    def secrets(self) -> dict[str, str]:
        """What must stand in no log and no row."""
        values = read_env_file(self.installation.data_dir / "env")
        return {
            "a storage's secret access key": str(self.bucket.facts["secret_access_key"]),
            "the key of sessions": values["UCDASH_SECRET_KEY"],
            "the key that seals": values["UCDASH_DATA_KEYS"].rpartition(":")[2],
            "the operator's password": self.installation.operator_password,
            **{f"the secret key of {one.name}": one.secret_key for one in self._projects},
        }

    def texts(self) -> dict[str, str]:
        """All logs and all tables."""
        logs = sorted(self.installation.folder.glob("*.log"))
        return {
            **{log.name: log.read_text(errors="replace") for log in logs},
            **{f"table {name}": self._dump(name) for name in self._tables()},
        }

    def _tables(self) -> list[str]:
        text = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if self.on_services:
            text = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        return [str(name) for (name,) in self.query(text)]

    def _dump(self, table: str) -> str:
        return "\n".join(map(str, self.query(f'SELECT * FROM "{table}"')))

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Rows of the installation's database; none while it restarts."""
        return self.installation.query(text)

    def n_waiting(self) -> int:
        """Copies that have not ended."""
        return self.installation.count(f"storages_app_copyjob WHERE state NOT IN {_OVER}")

    def holders(self) -> list[int]:
        """Processes of workers that hold copies now.

        A trial copy into a broken storage does not count: killed each time, none would succeed.
        """
        rows: list[tuple[str]] = []
        with suppress(Exception):  # the database may be restarting
            rows = self.query(
                "SELECT DISTINCT j.leased_by FROM storages_app_copyjob j "
                "JOIN storages_app_customstorage s ON s.id = j.custom_storage_id "
                "WHERE j.state IN ('leased', 'written') AND s.circuit_opened_at IS NULL"
            )
        groups = {worker.pid for worker in self.workers}
        return sorted({_pid(name) for (name,) in rows if group_of(_pid(name)) in groups})

    def seize(self, pids: set[int]) -> bool:
        """Stop these processes; not if they hold a copy that does not outlive another death.

        A third death over one copy is its end, by design (F27): it is taken for poison.
        """
        _signal(pids, signal.SIGSTOP)
        time.sleep(0.01)
        is_safe = False
        with suppress(Exception):  # the database may be restarting
            rows = self.query(
                "SELECT leased_by FROM storages_app_copyjob "
                f"WHERE state IN ('leased', 'written') AND crashes >= {MAX_CRASHES - 1}"
            )
            is_safe = not any(_pid(name) in pids for (name,) in rows)
        if not is_safe:
            _signal(pids, signal.SIGCONT)
        return is_safe

    def members_of(self, number: int) -> set[int]:
        """All processes that die with a worker, also those whose parent is dead already."""
        group = self.workers[number].pid
        everybody = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
        return {pid for pid in everybody if group_of(pid) == group}

    def held_by(self, pid: int) -> list[int]:
        """The copies that a process holds."""
        rows = self.query(
            "SELECT id, leased_by FROM storages_app_copyjob WHERE state IN ('leased', 'written')"
        )
        return [pk for pk, name in rows if _pid(name) == pid]

    def have_ended(self, jobs: list[int]) -> bool:
        numbers = ", ".join(map(str, [0, *jobs]))
        return not self.installation.count(
            f"storages_app_copyjob WHERE id IN ({numbers}) AND state NOT IN {_OVER}"
        )

    def endings_of(self, jobs: list[int]) -> dict[int, tuple[Any, ...]]:
        """Those that have ended, with all that is written when somebody speaks of one again."""
        numbers = ", ".join(map(str, [0, *jobs]))
        rows = self.query(
            "SELECT id, state, crashes, duplicates, "
            "(SELECT count(*) FROM chaos_rewrite WHERE job = id) "
            f"FROM storages_app_copyjob WHERE id IN ({numbers}) AND state IN {_OVER}"
        )
        return {pk: (*facts,) for pk, *facts in rows}

    def wait_for_busy_process(self, *, within: float) -> int:
        """One that holds copies; 0 where nobody does for so long.

        Where a fifth of all calls fails a breaker opens, by design: nobody is at work then until a
        trial copy has gone through.
        """
        deadline = time.monotonic() + within
        next_trial = time.monotonic() + _NEXT_TRIAL_AFTER_S
        while time.monotonic() < deadline:
            if holders := self.holders():
                return self._chance.choice(holders)
            if time.monotonic() > next_trial:
                self._let_time_pass_for_breakers()
                next_trial = time.monotonic() + _NEXT_TRIAL_AFTER_S
            time.sleep(0.02)
        return 0

    def _let_time_pass_for_breakers(self) -> None:
        """Until the next trial copy of each broken storage is due."""
        with suppress(Exception):  # the database may be restarting
            self.installation.execute(
                "UPDATE storages_app_customstorage SET circuit_probe_after = CURRENT_TIMESTAMP, "
                "circuit_probes = 0 WHERE circuit_opened_at IS NOT NULL"
            )

    def worker_of(self, pid: int) -> int:
        """Which worker (its number) this process belongs to."""
        groups = [worker.pid for worker in self.workers]
        return groups.index(group_of(pid)) if group_of(pid) in groups else 0


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def group_of(pid: int) -> int:
    """The process group, which is that of the worker; 0 for a process that is gone."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _pid(name: str) -> int:
    """Of a holder or a heartbeat: `host:pid`, and perhaps more behind it."""
    return int(name.split(":")[1])


def descendants(pid: int) -> set[int]:
    """The children of a process, and theirs."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found |= {child} | descendants(child)
    return found
