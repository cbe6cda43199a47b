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


def _install_missing() -> None:
    missing = [
        *([] if _postgres_folder() else ["postgresql"]),
        *([] if shutil.which("redis-server") else ["redis-server"]),
        *([] if radosgw.is_installed() else radosgw.PACKAGES),
    ]
    if missing:
        debian.install(*missing)


def _as_postgres(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return command
    return ["runuser", "--user", "postgres", "--", *command]


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A server without fsync, for the tests only; its URL."""
    binaries = _postgres_folder()
    assert binaries, f"PostgreSQL was installed, but is not in {_PG_BINARIES}"
    data, port = folder / "postgresql", free_port()
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(data, "postgres", "postgres")
    subprocess.run(
        _as_postgres(
            [
                *(str(binaries / "initdb"), "--pgdata", str(data), "--username", "ucdash"),
                *("--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
            ]
        ),
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
    )
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": 200,
    }
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    server = Process(
        "postgresql",
        _as_postgres([str(binaries / "postgres"), "-D", str(data), *words]),
        env=os.environ,
        log=folder / "postgresql.log",
        stop_signal="SIGINT",  # SIGTERM waits for idle clients
    )
    ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    try:
        server.wait_until(
            lambda: subprocess.run(ready, check=False).returncode == 0, within=30, what="PostgreSQL"
        )
        yield f"postgres://ucdash@127.0.0.1:{port}/postgres"
    finally:
        server.stop()


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A server that keeps nothing on disk; its URL."""
    port = free_port()
    server = Process(
        "redis",
        [
            *("redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""),
            *("--appendonly", "no", "--dir", str(folder)),
        ],
        env=os.environ,
        log=folder / "redis.log",
    )
    try:
        server.wait_until(
            lambda: b"Ready to accept connections" in server.log.read_bytes(),
            within=15,
            what="Redis",
        )
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.stop()


def main(command: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped too
    _install_missing()
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
