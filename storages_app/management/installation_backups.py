"""A backup of the installation itself: its database, and what else has to be kept, by name.

The originals are not in it: they lie in the upload storage, which has its own way of being kept.
Nor is the key ring: who finds a backup must not be able to open the secrets in it.

It is made of an older version's tables before they are migrated, so no model is asked here.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from storages_app.lib.crypto import CannotUnseal, KeyRing

FORMAT = "ucdash installation 1"
FACTS = "backup.json"
KEYS = "keys.env"
_DATABASES = {"sqlite": "database.sqlite3", "postgresql": "database.sql"}
_PROOF = "the key ring of this installation"
_COUNTED = {"projects": "storages_app_project", "files": "storages_app_file"}
_HEARTBEATS = "storages_app_workerheartbeat"
_LIVES = timedelta(seconds=45)


@dataclass(frozen=True)
class Backup:
    """What `backup.json` says."""

    made_at: str
    engine: str
    size: int
    sha256: str
    migrations: list[str]
    rows: dict[str, int]
    uploads: str
    key_proofs: dict[str, str]
    format: str = FORMAT

    @classmethod
    def read(cls, folder: Path) -> "Backup":
        try:
            facts = json.loads((folder / FACTS).read_text())
            backup = cls(**facts)
            backup.key_proofs.items(), backup.rows.items()
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise CommandError(
                f"{folder} has no {FACTS} that can be read: name the folder of one backup."
            ) from error
        if backup.format != FORMAT or backup.engine not in _DATABASES:
            raise CommandError(f"{folder} was made by another version: {backup.format}.")
        return backup

    @property
    def database(self) -> str:
        return _DATABASES[self.engine]

    def lost_keys(self) -> list[str]:
        """The ids of keys that its secrets may be sealed with and that are not in the ring here."""
        return [key_id for key_id, proof in self.key_proofs.items() if not _opens(proof)]


def waiting_migrations() -> list[str]:
    """What `migrate` would apply to the tables that are here; nothing where there are none."""
    executor = MigrationExecutor(connection)
    if not executor.loader.applied_migrations:
        return []
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def is_empty() -> bool:
    """Whether nobody has used this database."""
    return not counts().get("projects")


def require_room(folder: Path) -> None:
    """Refuse a folder that cannot be made or written into, without making it."""
    above = (folder, *folder.absolute().parents)
    here = next(one for one in above if os.access(one, os.F_OK))
    if not (here.is_dir() and os.access(here, os.W_OK | os.X_OK)):
        raise CommandError(f"Nothing can be written into {folder}: {here} does not let us.")


def require_apart(keys: Path, backup: Path) -> None:
    if keys.resolve().is_relative_to(backup.resolve()):
        raise CommandError("Keep the keys apart from the backup: name a folder outside of it.")


def make(parent: Path) -> Path:
    """A new folder in `parent` with the database as it is in one moment, and what belongs to it."""
    require_room(parent)
    now = timezone.now()
    folder = parent / f"{now:%Y-%m-%dT%H%M%S.%fZ}"
    half = parent / f".{folder.name}"
    try:
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        half.mkdir(mode=0o700)
        dump = half / _DATABASES[connection.vendor]
        _dump(dump)
        backup = Backup(
            made_at=now.isoformat(),
            engine=connection.vendor,
            size=dump.stat().st_size,
            sha256=_sha256(dump),
            migrations=_applied(),
            rows=counts(),
            uploads=upload_storage(),
            key_proofs=dict(_proofs()),
        )
        (half / FACTS).write_text(json.dumps(asdict(backup), indent=2) + "\n")
        half.rename(folder)
    except BaseException as error:
        shutil.rmtree(half, ignore_errors=True)  # what is not whole must not pass for a backup
        if isinstance(error, OSError | sqlite3.Error):
            raise CommandError(f"The backup could not be written: {error}.") from error
        raise
    return folder


def write_keys(folder: Path, *, apart_from: Path) -> Path:
    """The secrets of the installation, for a place of their own."""
    require_apart(folder, apart_from)
    require_room(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / KEYS
    lines = ["UCDASH_SECRET_KEY=", settings.SECRET_KEY, "\n"]
    lines += ["UCDASH_DATA_KEYS=", ",".join(settings.DATA_KEYS), "\n"]
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write("".join(lines))
    return path


def upload_storage() -> str:
    """Where the originals are, in words."""
    options = cast("dict[str, dict[str, Any]]", settings.STORAGES["uploads"])["OPTIONS"]
    if not settings.UPLOADS_BUCKET:
        return f"folder {options['location']}"
    return f"bucket {settings.UPLOADS_BUCKET} at {options['endpoint_url'] or 'Amazon S3'}"


def check(folder: Path) -> Backup:
    """The backup, if its database is whole and is one for the engine that is used here."""
    backup = Backup.read(folder)
    dump = folder / backup.database
    try:
        is_whole = dump.is_file() and _sha256(dump) == backup.sha256
    except OSError as error:
        raise CommandError(f"{dump} cannot be read: {error.strerror}.") from error
    if not is_whole:
        raise CommandError(f"{dump} is not the file that was written: take another backup.")
    if backup.engine != connection.vendor:
        raise CommandError(
            f"This backup is of {backup.engine}, and DATABASE_URL names {connection.vendor}."
        )
    return backup


def put_back(folder: Path, backup: Backup) -> None:
    """The database becomes what it was then, whole or not at all."""
    connection.close()
    if backup.engine == "sqlite":
        try:
            with (
                closing(sqlite3.connect(folder / backup.database)) as kept,
                closing(sqlite3.connect(_sqlite_file(), timeout=20)) as used,
            ):
                kept.backup(used)
        except sqlite3.Error as error:
            said = f"The database was not put back: {error}. Stop what uses it, and try again."
            raise CommandError(said) from error
        return
    # Tables and functions of a newer version would be left over, and stand in the way of the old.
    anew = "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
    _run_postgresql(
        *("psql", "--no-psqlrc", "--quiet", "--output", os.devnull, "--single-transaction"),
        *("--set", "ON_ERROR_STOP=1", "--command", "SET lock_timeout = '10s'", "--command", anew),
        *("--file", str(folder / backup.database)),
    )


def living_workers() -> int:
    """Worker processes that use this database now."""
    if _HEARTBEATS not in connection.introspection.table_names():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT seen_at FROM {_HEARTBEATS}")  # noqa: S608 - our own name
        seen = [parse_datetime(str(moment)) for (moment,) in cursor.fetchall()]
    since = timezone.now() - _LIVES
    return sum(
        (moment if moment.tzinfo else moment.replace(tzinfo=since.tzinfo)) > since
        for moment in seen
        if moment
    )


def forget_workers() -> None:
    """Those of the backup: they do not live any more."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {_HEARTBEATS}")  # noqa: S608 - our own name


def _dump(target: Path) -> None:
    if connection.vendor == "sqlite":
        with (
            closing(sqlite3.connect(_sqlite_file(), timeout=20)) as used,
            closing(sqlite3.connect(target)) as kept,
        ):
            used.backup(kept)  # one moment, while others read and write
            kept.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            (verdict,) = kept.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise CommandError(f"The database is damaged: {verdict}")
    else:
        _run_postgresql("pg_dump", "--no-owner", "--no-privileges", "--file", str(target))
    target.chmod(0o600)


def _sqlite_file() -> str:
    return str(settings.DATABASES["default"]["NAME"])


def _run_postgresql(program: str, *arguments: str) -> None:
    found = shutil.which(program)
    if not found:
        raise CommandError(f"{program} is missing: apt-get install postgresql-client")
    database = settings.DATABASES["default"]
    names = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "NAME": "PGDATABASE"}
    names["PASSWORD"] = "PGPASSWORD"  # noqa: S105 - a variable's name; options are seen by all
    environment = {name: str(database[key]) for key, name in names.items() if database.get(key)}
    done = subprocess.run(  # noqa: S603 - a program of PostgreSQL's, with words of our own
        [found, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CommandError(f"{program} failed, and nothing was changed:\n{done.stderr.strip()}")


def _applied() -> list[str]:
    return sorted(
        f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()
    )


def counts() -> dict[str, int]:
    """How many rows of each kind there are, of the kinds that people know by number."""
    here = set(connection.introspection.table_names())
    found = {}
    with connection.cursor() as cursor:
        for name, table in _COUNTED.items():
            if table in here:
                cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own names
                found[name] = cursor.fetchone()[0]
    return found


def _proofs() -> Iterator[tuple[str, str]]:
    """A known text sealed with each key: what opens it has the key."""
    for key in KeyRing.parse(settings.DATA_KEYS).keys:
        yield key[0], KeyRing((key,)).seal(_PROOF, place=_PROOF)


def _opens(proof: str) -> bool:
    try:
        return KeyRing.parse(settings.DATA_KEYS).unseal(proof, place=_PROOF) == _PROOF
    except CannotUnseal:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
