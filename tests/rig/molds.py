"""What the installations of a run have in common, made once: empty tables and static files.

The first installation is made from nothing, as a user's is; those after it begin with a copy.
`pytest` names the folder in UCDASH_TEST_MOLDS; without it each is made from nothing.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

VARIABLE = "UCDASH_TEST_MOLDS"
_DATABASE_URL = "UCDASH_TEST_DATABASE_URL"


def begin() -> Callable[[], None]:
    """A folder for the molds of this run and its child processes; the way to remove them."""
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix="ucdash-molds-")

    def end() -> None:
        if url := os.environ.get(_DATABASE_URL):
            _execute(url, f'DROP DATABASE IF EXISTS "{_mold_of(url)}"')
        shutil.rmtree(os.environ.pop(VARIABLE), ignore_errors=True)

    return end


def prepare(
    data_dir: Path, database: str, *, migrate: Callable[[], object], bootstrap: Callable[[], object]
) -> None:
    """Tables and static files of a new installation, whose PostgreSQL `database` is named or ''."""
    url = os.environ[_DATABASE_URL] if database else ""
    if VARIABLE not in os.environ:
        if database:
            _execute(url, f'CREATE DATABASE "{database}"')
        bootstrap()
        return
    folder = Path(os.environ[VARIABLE])
    with _locked(folder):
        if not _begin_with_a_copy(folder, data_dir, database, url):
            migrate()
            _keep_tables(folder, data_dir, database, url)
        static = folder / "static"
        if is_first := not static.exists():
            bootstrap()
            _link(data_dir / "static", static)
    if not is_first:
        _link(static, data_dir / "static")
        bootstrap()


def _begin_with_a_copy(folder: Path, data_dir: Path, database: str, url: str) -> bool:
    """Whether there was a mold; if not, the database is there and empty."""
    mold = _mold_of(url)
    is_there = (folder / mold).exists()
    if database:
        _execute(url, f'CREATE DATABASE "{database}"' + f' TEMPLATE "{mold}"' * is_there)
    elif is_there:
        shutil.copyfile(folder / mold, data_dir / "db.sqlite3")
    return is_there


def _keep_tables(folder: Path, data_dir: Path, database: str, url: str) -> None:
    mold = _mold_of(url)
    if database:
        _execute(url, f'CREATE DATABASE "{mold}" TEMPLATE "{database}"')
        (folder / mold).touch()
        return
    with (
        closing(sqlite3.connect(data_dir / "db.sqlite3")) as made,
        closing(sqlite3.connect(folder / mold)) as kept,
    ):
        made.backup(kept)


def _link(source: Path, target: Path) -> None:
    """Without copying: what collects static files writes new ones and changes none."""
    shutil.copytree(source, target, copy_function=os.link)


def _mold_of(url: str) -> str:
    """Its name; a run may start further servers than the one that it was given."""
    return f"rig_mold_{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def _execute(url: str, sql: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql)  # type: ignore[call-overload]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time: the workers of xdist share the folder."""
    with (folder / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
