"""Run a command on servers of its own: `python -m tests.rig.services pytest …`.

PostgreSQL, Redis and Ceph's S3 gateway come from Debian, are installed when missing, listen on
free loopback ports, keep their data in a temporary folder and are stopped whatever happens.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.rig import debian, radosgw
from tests.rig.processes import Process, free_port, say

_PG_BINARIES = Path("/usr/lib/postgresql")


def _postgres_folder() -> Path | None:
    found = sorted(_PG_BINARIES.glob("*/bin"), key=lambda path: int(path.parent.name))
    return found[-1] if found else None


def postgres_binary(name: str) -> str:
    folder = _postgres_folder()
    assert folder, f"PostgreSQL was installed, but is not in {_PG_BINARIES}"
    return str(folder / name)


def install_missing(*, with_radosgw: bool = True) -> None:
    missing = [
        *([] if _postgres_folder() else ["postgresql"]),
        *([] if shutil.which("redis-server") else ["redis-server"]),
        *([] if radosgw.is_installed() or not with_radosgw else radosgw.PACKAGES),
    ]
    if missing:
        debian.install(*missing)


def _as_postgres(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return command
    return ["runuser", "--user", "postgres", "--", *command]


def init_postgresql(folder: Path) -> Path:
    """The data folder of a new cluster."""
    data = folder / "postgresql"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(data, "postgres", "postgres")
    command = [
        *(postgres_binary("initdb"), "--pgdata", str(data), "--username", "ucdash"),
        *("--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
    ]
    subprocess.run(_as_postgres(command), check=True, stdout=subprocess.DEVNULL, cwd="/")
    return data


def start_postgresql(
    folder: Path, data: Path, port: int, **options: str | int
) -> tuple[Process, str]:
    """A server on a data folder, answering; its URL."""
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        **options,
    }
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    server = Process(
        "postgresql",
        _as_postgres([postgres_binary("postgres"), "-D", str(data), *words]),
        env=os.environ,
        log=folder / "postgresql.log",
        stop_signal="SIGINT",  # SIGTERM waits for idle clients
    )
    ready = [postgres_binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    server.wait_until(
        lambda: subprocess.run(ready, check=False).returncode == 0, within=30, what="PostgreSQL"
    )
    return server, f"postgres://ucdash@127.0.0.1:{port}/postgres"


def crash_postgresql(data: Path) -> None:
    """Sessions are cut and nothing is put in order, as when the machine fails; then it is down."""
    command = [postgres_binary("pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop"]
    subprocess.run(_as_postgres(command), check=True, stdout=subprocess.DEVNULL, cwd="/")


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A server without fsync, for the tests only; its URL."""
    server, url = start_postgresql(
        folder,
        init_postgresql(folder),
        free_port(),
        fsync="off",
        synchronous_commit="off",
        full_page_writes="off",
        max_connections=300,  # three installations at a time, of 64 threads each and workers
    )
    try:
        yield url
    finally:
        server.stop()


def start_redis(folder: Path, port: int) -> tuple[Process, str]:
    """A server that keeps nothing on disk, answering; its URL."""
    log = folder / "redis.log"
    log.unlink(missing_ok=True)  # of one that ran before
    server = Process(
        "redis",
        [
            *("redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""),
            *("--appendonly", "no", "--dir", str(folder)),
        ],
        env=os.environ,
        log=log,
    )
    server.wait_until(
        lambda: b"Ready to accept connections" in log.read_bytes(), within=15, what="Redis"
    )
    return server, f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A server that keeps nothing on disk; its URL."""
    server, url = start_redis(folder, free_port())
    try:
        yield url
    finally:
        server.stop()


def main(command: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped too
    install_missing()
    # Readable by the user that PostgreSQL runs as; its own folder inside is not.
    with tempfile.TemporaryDirectory(prefix="ucdash-services-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with (
            postgresql(folder) as database_url,
            redis(folder) as broker_url,
            radosgw.gateway(folder) as s3_url,
        ):
            say(f"PostgreSQL: {database_url}   Redis: {broker_url}   radosgw: {s3_url}")
            environment = os.environ | {
                "UCDASH_TEST_DATABASE_URL": database_url,
                "UCDASH_TEST_BROKER_URL": broker_url,
                radosgw.VARIABLE: s3_url,
            }
            return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
