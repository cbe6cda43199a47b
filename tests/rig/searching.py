"""All that an installation has written down anywhere, to search it for what must not be there."""

import gzip
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.rig.installation import Installation
from tests.rig.services import postgres_binary


def places(running: Installation) -> Iterator[tuple[str, bytes]]:
    """Where it is, and what is there: database, broker, logs, mails, backups, bucket, processes."""
    yield from _files(running.folder)
    yield "process list", b"\n".join(_command_lines())
    if running.on_postgresql:
        yield "pg_dump", _dump(running.env["DATABASE_URL"])
    if broker := running.env.get("CELERY_BROKER_URL"):
        yield from _redis(broker)
    yield from _bucket(running)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """SQLite and its journal, logs, messages of its own broker, mails, uploads."""
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_file() and "/static/" not in name:
            yield name, path.read_bytes()


def _command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().replace(b"\0", b" ")
        except OSError:
            continue  # it has ended


def _dump(url: str) -> bytes:
    command = [postgres_binary("pg_dump"), "--no-password", url]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def _redis(url: str) -> Iterator[tuple[str, bytes]]:
    """Each key as it is read, and the snapshot that Redis would keep on its disk."""
    import redis

    with closing(redis.Redis.from_url(url)) as client:
        for key in client.scan_iter():
            yield f"redis {key.decode()}", key + b" " + repr(_value(client, key)).encode()
        client.config_set("rdbcompression", "no")
        client.save()
        folder, name = (client.config_get(what)[what] for what in ("dir", "dbfilename"))
        snapshot = Path(folder, name)
        yield "redis on its disk", snapshot.read_bytes()
        snapshot.unlink()


def _value(client: Any, key: bytes) -> object:
    readers = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"list": lambda of: client.lrange(of, 0, -1),
        b"zset": lambda of: client.zrange(of, 0, -1, withscores=True),
    }
    kind = client.type(key)
    return readers[kind](key) if kind in readers else b""


def _bucket(running: Installation) -> Iterator[tuple[str, bytes]]:
    """Copies, and what a backup writes beside them: its manifest and the segments of it."""
    client = running.bucket.client()
    with closing(client):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=running.bucket.bucket):
            for one in page.get("Contents", []):
                content = running.bucket.read(one["Key"])
                is_packed = content.startswith(b"\x1f\x8b")
                yield f"bucket {one['Key']}", gzip.decompress(content) if is_packed else content
