"""A whole ucdash of real processes in a scratch folder: database, web, worker, demo bucket."""

import json
import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.rig import molds
from tests.rig.commands import Commands
from tests.rig.processes import Process, free_port, free_s3_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
_HANDED_ON = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
OPERATOR_EMAIL = "operator@example.com"
# A backup's schedule that comes round on the 29th of February alone: no pass of it falls between
# a file's removal and its restore, which brings back what the newest backup has.
RARELY = "0 0 29 2 *"


@dataclass(frozen=True)
class Project:
    """What scripts know about a project."""

    name: str
    slug: str
    public_key: str
    secret_key: str


@dataclass(frozen=True)
class Bucket:
    """How to reach the demo bucket."""

    endpoint_url: str
    bucket: str
    access_key_id: str
    secret_access_key: str
    region: str = "us-east-1"

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
        )

    def is_there(self) -> bool:
        """The server makes the bucket a moment after it answers."""
        client = self.client()
        try:
            client.head_bucket(Bucket=self.bucket)
        except (BotoCoreError, ClientError):
            return False
        finally:
            client.close()
        return True

    def read(self, key: str) -> bytes:
        client = self.client()
        try:
            body: bytes = client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        finally:
            client.close()
        return body


class Installation:
    """Processes of one installation; `stop` ends whatever was started."""

    def __init__(self, folder: Path, *, on_services: bool = True, **settings: str) -> None:
        self.folder = folder
        self.data_dir = folder / "var"
        self.data_dir.mkdir(parents=True, mode=0o700)
        self.port, self.files_port, self.s3_port = free_port(), free_port(), free_s3_port()
        self.url = f"http://localhost:{self.port}"
        self.files_url = f"http://127.0.0.1:{self.files_port}"
        self.settings = settings
        self.on_services = on_services
        self.processes: list[Process] = []
        self.worker: Process | None = None
        self._commands = Commands()
        self._made_database = ""
        self._worker_since = datetime.now(UTC)

    # --- environment ---------------------------------------------------------------------------

    @property
    def env(self) -> dict[str, str]:
        """The environment of its processes: nothing of the machine's but what they need."""
        return {
            **{name: os.environ[name] for name in _HANDED_ON if name in os.environ},
            "UCDASH_ENV_FILE": str(self.folder / "env-file"),
            "UCDASH_DATA_DIR": str(self.data_dir),
            "UCDASH_PORT": str(self.port),
            "UCDASH_FILES_PORT": str(self.files_port),
            "UCDASH_DEMO_S3_PORT": str(self.s3_port),
            "UCDASH_LOG_LEVEL": "INFO",
            # All clients of a test have one address.
            "UCDASH_UPLOADS_PER_MINUTE_OF_ADDRESS": "0",
            "UCDASH_UPLOADS_PER_MINUTE_OF_PROJECT": "0",
            "UCDASH_REST_PER_MINUTE_OF_ADDRESS": "0",
            "UCDASH_REST_PER_MINUTE_OF_KEY": "0",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
            **self._services(),
            **self.settings,
        }

    def _services(self) -> dict[str, str]:
        """PostgreSQL and Redis when the suite runs on them: a database and queue of its own."""
        found: dict[str, str] = {}
        if not self.on_services:
            return found
        if url := os.environ.get("UCDASH_TEST_DATABASE_URL"):
            self._made_database = self._made_database or f"rig_{uuid.uuid4().hex[:12]}"
            found["DATABASE_URL"] = urlsplit(url)._replace(path=f"/{self._made_database}").geturl()
        if url := os.environ.get("UCDASH_TEST_BROKER_URL"):
            found["CELERY_BROKER_URL"] = url
        return found

    # --- life ----------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Secrets, tables, static files, the operator and the Demo project."""
        self._run(sys.executable, "-m", "ucdash.install", env=self.env)
        molds.prepare(
            self.data_dir,
            self._made_database,
            migrate=partial(self.manage, "migrate", "--verbosity", "0"),
            bootstrap=partial(self.manage, "bootstrap"),
        )

    def start(self) -> None:
        """Web, worker and demo bucket, all answering."""
        s3 = self._start("s3", [sys.executable, "-m", "ucdash.demo_s3"])
        web = self.start_web(wait=False)
        self.start_worker(wait=False)
        s3.wait_until(self.bucket.is_there, within=60, what="demo bucket")
        web.wait_until(self.web_answers, within=60, what="web")
        self.wait_for_worker()

    def start_web(self, *, wait: bool = True) -> Process:
        arguments = ["--config", "python:ucdash.gunicorn", "ucdash.wsgi"]
        web = self._start("web", [sys.executable, "-m", "gunicorn", *arguments])
        if wait:
            web.wait_until(self.web_answers, within=60, what="web")
        return web

    def start_worker(self, *, wait: bool = True) -> Process:
        """A worker with beat, as `make run` starts it."""
        line = next(
            line
            for line in (ROOT / "Procfile").read_text().splitlines()
            if line.startswith("worker:")
        )
        arguments = line.partition(" exec celery ")[2].split()
        self._worker_since = datetime.now(UTC)
        self.worker = self._start("worker", [sys.executable, "-m", "celery", *arguments])
        if wait:
            self.wait_for_worker()
        return self.worker

    def wait_for_worker(self) -> None:
        """Until it has written a heartbeat since it was started."""
        assert self.worker
        self.worker.wait_until(self._has_fresh_heartbeat, within=60, what="worker's heartbeat")

    def kill_worker(self) -> None:
        """SIGKILL for the worker and all its children, as when the machine loses power."""
        assert self.worker
        self.worker.kill()
        self.processes.remove(self.worker)
        self.worker = None

    def stop_worker(self) -> None:
        """End it as a deployment does."""
        assert self.worker
        self.worker.stop()
        self.processes.remove(self.worker)
        self.worker = None

    def stop(self) -> None:
        for process in self.processes:
            process.ask_to_stop()  # all together, which takes as long as the slowest
        for process in self.processes:
            process.stop()
        self.processes.clear()
        self._commands.stop()
        self._admin_sql(f'DROP DATABASE IF EXISTS "{self._made_database}" WITH (FORCE)')

    def logs(self) -> str:
        return "\n".join(process.tail() for process in self.processes)

    # --- asking it -----------------------------------------------------------------------------

    def manage(
        self, *arguments: str, check: bool = True, **extra_env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a management command; its exit code is checked unless told otherwise."""
        env = self.env | extra_env
        return self._run(sys.executable, str(ROOT / "manage.py"), *arguments, env=env, check=check)

    def arrange(
        self, *arguments: str, check: bool = True, **extra_env: str
    ) -> subprocess.CompletedProcess[str]:
        """As `manage`, in a fortieth of the time, where the command is not what is tested.

        Settings are those of the installation; `extra_env` is for what a command reads itself.
        """
        done = self._commands.run(*arguments, root=ROOT, env=self.env, **extra_env)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}")
        return done

    def shell_json(self, code: str) -> Any:
        """What the expression at the end of `code` is, asked inside the installation."""
        *body, last = code.strip().splitlines()
        script = "\n".join(
            ["import json", *body, f"print(json.dumps({last.strip()}, default=str))"]
        )
        answer = self.arrange("shell", "--no-imports", "--command", script)
        return json.loads(answer.stdout.splitlines()[-1])

    def create_project(self, name: str = "") -> Project:
        name = name or f"Project {secrets.token_hex(4)}"
        answer = self.arrange("create_project", name, "--owner", OPERATOR_EMAIL, "--json")
        facts = json.loads(answer.stdout)
        return Project(facts["project"], facts["slug"], facts["public_key"], facts["secret_key"])

    def connect_bucket(
        self,
        project: Project,
        *options: str,
        name: str = "demo",
        prefix: str = "",
        secret: str = "",
        bucket: str = "",
    ) -> dict[str, Any]:
        """Connect the demo bucket as scripts do; the JSON of the command, passed or failed."""
        demo = self.bucket
        answer = self.arrange(
            *("connect_storage", "--project", project.slug, "--name", name),
            *("--endpoint", demo.endpoint_url, "--region", demo.region),
            *("--bucket", bucket or demo.bucket, "--prefix", prefix),
            *("--access-key-id", demo.access_key_id, "--secret-env", "RIG_SECRET", "--json"),
            *options,
            check=False,
            RIG_SECRET=secret or demo.secret_access_key,
        )
        assert answer.stdout, answer.stderr
        facts: dict[str, Any] = json.loads(answer.stdout)
        return facts | {"exit_code": answer.returncode}

    def new_bucket(self, *, versioned: bool = False) -> str:
        """An empty bucket beside the demo bucket, for the same keys."""
        name = f"bucket-{secrets.token_hex(4)}"
        client = self.bucket.client()
        client.create_bucket(Bucket=name)
        if versioned:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        client.close()
        return name

    @property
    def operator_password(self) -> str:
        return (self.data_dir / "operator.txt").read_text().split()[1]

    @property
    def bucket(self) -> Bucket:
        from ucdash.env import read_env_file

        values = read_env_file(self.data_dir / "env")
        return Bucket(
            endpoint_url=f"http://127.0.0.1:{self.s3_port}",
            bucket="demo-bucket",
            access_key_id=values["UCDASH_DEMO_S3_ACCESS_KEY_ID"],
            secret_access_key=values["UCDASH_DEMO_S3_SECRET_ACCESS_KEY"],
        )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows straight from its database, without starting Django."""
        if self._made_database:
            import psycopg

            with psycopg.connect(self.env["DATABASE_URL"]) as connection:
                return connection.execute(sql).fetchall()  # type: ignore[call-overload]
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(self.data_dir / "db.sqlite3", timeout=20)) as connection:
            return connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        """Statements straight into its database, committed."""
        if self._made_database:
            import psycopg

            with psycopg.connect(self.env["DATABASE_URL"], autocommit=True) as connection:
                connection.execute(sql)  # type: ignore[call-overload]
            return
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(self.data_dir / "db.sqlite3", timeout=20)) as connection:
            connection.executescript(sql)

    @property
    def on_postgresql(self) -> bool:
        return bool(self._made_database)

    def count(self, what: str) -> int:
        """How many rows `what` (a table and its WHERE) has."""
        ((number,),) = self.query(f"SELECT count(*) FROM {what}")
        return int(number)

    def web_answers(self) -> bool:
        return self._answers(self.url) and self._answers(self.files_url)

    # --- helpers -------------------------------------------------------------------------------

    def _start(self, name: str, command: list[str]) -> Process:
        process = Process(name, command, env=self.env, log=self.folder / f"{name}.log")
        self.processes.append(process)
        return process

    def _run(
        self, *command: str, env: dict[str, str], check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
        return done

    def _admin_sql(self, sql: str) -> None:
        if not self._made_database:
            return
        import psycopg

        with psycopg.connect(os.environ["UCDASH_TEST_DATABASE_URL"], autocommit=True) as connection:
            connection.execute(sql)  # type: ignore[call-overload]

    def _has_fresh_heartbeat(self) -> bool:
        ((seen_at,),) = self.query("SELECT max(seen_at) FROM storages_app_workerheartbeat")
        if seen_at is None:
            return False
        moment = datetime.fromisoformat(str(seen_at))  # SQLite keeps UTC as text without a zone
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) >= self._worker_since

    @staticmethod
    def _answers(url: str) -> bool:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False
        return True


__all__ = ["Bucket", "Installation", "Project", "wait_until"]
