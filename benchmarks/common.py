"""What every benchmark needs: a whole installation, work to do, and one way to report."""

import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from benchmarks.delaying_proxy import delaying_proxy
from tests.rig.installation import Bucket, Installation, Project


@contextmanager
def running_installation(**settings: str) -> Iterator[Installation]:
    """Web, worker and SeaweedFS in a temporary folder; everything is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="ucdash-bench-") as folder:
        installation = Installation(Path(folder), **settings)
        try:
            installation.prepare()
            installation.start()
            yield installation
        finally:
            installation.stop()


@contextmanager
def running_installation_behind(
    delay_ms: float, **settings: str
) -> Iterator[tuple[Installation, Bucket]]:
    """The same, and its bucket as both clients reach it: with a delay, through a proxy."""
    with tempfile.TemporaryDirectory(prefix="ucdash-bench-") as folder:
        installation = Installation(Path(folder), **settings)
        with ExitStack() as stack:
            port = installation.s3_port
            if delay_ms:
                port = stack.enter_context(delaying_proxy(to=port, ms=delay_ms))
                installation.settings["UCDASH_ALLOWED_PRIVATE_HOSTS"] = f"127.0.0.1:{port}"
            stack.callback(installation.stop)
            installation.prepare()
            installation.start()
            bucket = installation.bucket
            yield installation, replace(bucket, endpoint_url=f"http://127.0.0.1:{port}")


@contextmanager
def running_web() -> Iterator[Installation]:
    """An installation of which only the web processes run."""
    with tempfile.TemporaryDirectory(prefix="ucdash-bench-") as folder:
        installation = Installation(Path(folder))
        try:
            installation.prepare()
            installation.start_web()
            yield installation
        finally:
            installation.stop()


def connect(
    installation: Installation, project: Project, bucket: Bucket, *options: str, name: str = "demo"
) -> None:
    """Connect the bucket as scripts do; its connection test must pass."""
    installation.manage(
        *("connect_storage", "--project", project.slug, "--name", name),
        *("--endpoint", bucket.endpoint_url, "--region", bucket.region),
        *("--bucket", bucket.bucket, "--access-key-id", bucket.access_key_id),
        *("--secret-env", "BENCH_SECRET"),
        *options,
        BENCH_SECRET=bucket.secret_access_key,
    )


def random_files(folder: Path, *, count: int, size: int) -> list[Path]:
    """`count` files of `size` random bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"file-{number:05}.bin" for number in range(count)]
    for path in paths:
        path.write_bytes(os.urandom(size))
    return paths


def upload(installation: Installation, project: Project, paths: list[Path]) -> list[str]:
    """Send the files through the Upload API; their UUIDs in the order of `paths`."""
    with requests.Session() as session:

        def send(path: Path) -> str:
            answer = session.post(
                f"{installation.url}/base/",
                data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
                files={"file": (path.name, path.open("rb"), "application/octet-stream")},
                timeout=60,
            )
            answer.raise_for_status()
            return str(answer.json()["file"])

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(send, paths))


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def memory_mb(pid: int) -> float:
    """Peak resident memory of a process and its children, in MB (0 where it is gone)."""
    total = 0.0
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            facts = dict(line.split(":", 1) for line in path.read_text().splitlines())
        except OSError:
            continue
        if int(facts["Pid"]) == pid or int(facts["PPid"]) == pid:
            total += float(facts.get("VmHWM", "0 kB").split()[0]) / 1024
    return total


def own_memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(
    *,
    name: str,
    ours: float,
    peer: float,
    peer_name: str,
    unit: str,
    more_is_better: bool,
    memory: float,
    rows: list[tuple[str, str]],
    **more: Any,
) -> None:
    """Print a table, and JSON as the last line; a ratio over 1 is better than the peer."""
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        print(f"{label:<{width}}  {value}")
    ratio = ours / peer if more_is_better else peer / ours
    facts = {
        "name": name,
        "ours": round(ours, 3),
        "peer": round(peer, 3),
        "peer_name": peer_name,
        "ratio": round(ratio, 3),
        "unit": unit,
        "memory_mb": round(memory, 1),
    }
    print(json.dumps(facts | more))


def main(run: Callable[[], None]) -> None:
    """Run one benchmark; however it is ended, what it started is stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(130)
