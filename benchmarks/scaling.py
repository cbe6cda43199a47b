"""The same auto-copies with 1, 2 and 4 worker processes on PostgreSQL and Redis.

Timed by the ledger, from the first claim to the last proof. The peer is one process; more processes
than cores help only where the bucket is far away: `DELAY_MS=30` gives each answer so much later.
"""

import os
import tempfile
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from benchmarks.common import (
    connect,
    main,
    memory_mb,
    random_files,
    report,
    running_installation_behind,
    upload,
)
from tests.rig.installation import Installation, Project
from tests.rig.services import postgresql, redis

COUNT = int(os.environ.get("FILES", "2000"))
SIZE = 20 * 1024
DELAY_MS = float(os.environ.get("DELAY_MS", "0"))
PROCESSES = (1, 2, 4)
_SWITCH = """
from storages_app.models import CustomStorage
from storages_app.custom_storages import services
services.{verb}(custom_storage=CustomStorage.objects.get(name="demo"), actor="benchmark")
"""
_LEDGER = """
SELECT count(*), min(first_attempt_at), max(verified_at),
  count(DISTINCT split_part(leased_by, ':', 2))
FROM storages_app_copyjob WHERE state = 'done' AND evidence <> '' AND id > {after}
"""


def run() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ucdash-bench-")))
        folder.chmod(0o755)  # for the user that PostgreSQL runs as
        os.environ["UCDASH_TEST_DATABASE_URL"] = stack.enter_context(postgresql(folder))
        os.environ["UCDASH_TEST_BROKER_URL"] = stack.enter_context(redis(folder))
        installation, bucket = stack.enter_context(running_installation_behind(DELAY_MS))
        project = installation.create_project("Benchmark")
        connect(installation, project, bucket, "--auto-copy")
        paths = random_files(folder / "files", count=COUNT, size=SIZE)
        rates = {n: _rate(installation, project, paths, processes=n) for n in PROCESSES}
        assert installation.worker
        memory = memory_mb(installation.worker.pid)
    report(
        name="scaling",
        ours=rates[2],
        peer=rates[1],
        peer_name="1 process",
        unit="files/s",
        more_is_better=True,
        memory=memory,
        rows=[
            ("files", f"{COUNT} of {SIZE // 1024} KB on {os.cpu_count()} cores"),
            ("each answer comes later by", f"{DELAY_MS:g} ms"),
            *[(f"{n} worker processes", f"{rate:.0f} files/s") for n, rate in rates.items()],
        ],
        delay_ms=DELAY_MS,
        rates={str(n): round(rate, 1) for n, rate in rates.items()},
    )


def _rate(
    installation: Installation, project: Project, paths: list[Path], *, processes: int
) -> float:
    """Let copies pile up in the ledger, then let so many processes at them."""
    installation.stop_worker()
    installation.settings["UCDASH_WORKER_PROCESSES"] = str(processes)
    installation.manage("shell", "--command", _SWITCH.format(verb="pause"))
    ((last,),) = installation.query("SELECT coalesce(max(id), 0) FROM storages_app_copyjob")
    upload(installation, project, paths)
    installation.start_worker()
    installation.manage("shell", "--command", _SWITCH.format(verb="resume"))
    ends_at = time.monotonic() + 300
    while time.monotonic() < ends_at:
        ((n_done, first, end, n_workers),) = installation.query(_LEDGER.format(after=last))
        if n_done == COUNT:
            assert n_workers <= processes
            began, ended = (datetime.fromisoformat(str(moment)) for moment in (first, end))
            return COUNT / (ended - began).total_seconds()
        time.sleep(0.5)
    raise SystemExit(f"Only {n_done} of {COUNT} copies were done in 300 s.")


if __name__ == "__main__":
    main(run)
