"""A backup run with nothing to do, with 100 changes, and the first one: 10 k, 100 k, 1 M files.

The whole product runs: a worker takes the run, writes records and manifest to a SeaweedFS and
proves them. The time is the run's own, from its start to its verdict. The files are rows only, so
no copy is read back; the copies of all of them are in the ledger with evidence. Beside it stands
the least that has to be asked, one bare anti-join on the same database.
"""

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from benchmarks.common import main, memory_mb, report, running_installation
from tests.rig.installation import Installation

SIZES = [int(size) for size in os.environ.get("FILES", "10000,100000,1000000").split(",")]
JUDGED = 100_000
CHANGED = 100
_WAIT_S = 1200

_CONNECT = """
from storages_app.backups import services
from storages_app.models import CustomStorage
storage = CustomStorage.objects.get(name="seed")
storage.endpoint_url, storage.bucket = "{endpoint_url}", "{bucket}"
storage.access_key_id, storage.paused_at = "{access_key_id}", None
storage.capabilities = {{"read": True, "verifies_checksum": True, "checksum": "sha256"}}
storage.seal_secret("{secret_access_key}")
storage.save()
storage.copy_jobs.update(is_backup=True)
services.connect(project=storage.project, custom_storage=storage, actor="bench", sample_size=0)
"""
_CHANGE = """
from storages_app.models import CopyJob
pks = CopyJob.objects.order_by("pk").values_list("pk", flat=True)
CopyJob.objects.filter(pk__in=list(pks[::{step}][:{changed}])).update(record=None)
"""
_RUN = """
from storages_app.backups import services
from storages_app.models import BackupPlan
services.request_run(plan=BackupPlan.objects.get(), asked_by="bench")
"""
_ENDED = """
SELECT state, n_files, n_gaps, n_changed, started_at, finished_at FROM storages_app_backuprun
WHERE finished_at IS NOT NULL ORDER BY id
"""
_BARE = """
SELECT count(*) FROM storages_app_file AS f
WHERE f.removed_at IS NULL AND f.is_ready AND f.stored_at IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM storages_app_copyjob AS c
  WHERE c.file_id = f.uuid AND c.is_backup AND c.state = 'done'
)
"""


@dataclass(frozen=True)
class Found:
    """What was measured with so many files."""

    n_files: int
    first: float
    nothing: float
    changed: float
    bare: float
    memory: float

    def __str__(self) -> str:
        return (
            f"nothing to do {self.nothing:6.2f} s   {CHANGED} changed {self.changed:6.2f} s   "
            f"first {self.first:7.2f} s   bare anti-join {self.bare:5.2f} s   "
            f"worker {self.memory:.0f} MB"
        )


def run() -> None:
    found = [_measure(n_files) for n_files in SIZES]
    judged = next((one for one in found if one.n_files == JUDGED), found[-1])
    report(
        name="backup_scan",
        ours=judged.nothing,
        peer=judged.bare,
        peer_name="bare SQL anti-join",
        unit=f"s for {judged.n_files} files",
        more_is_better=False,
        memory=judged.memory,
        rows=[(f"{one.n_files:>9,} files", str(one)) for one in found],
        seconds={str(one.n_files): round(one.nothing, 3) for one in found},
        seconds_100_changed={str(one.n_files): round(one.changed, 3) for one in found},
        seconds_first={str(one.n_files): round(one.first, 3) for one in found},
        worker_memory_mb={str(one.n_files): round(one.memory, 1) for one in found},
    )


def _measure(n_files: int) -> Found:
    with running_installation() as installation:
        installation.manage("seed", "--files", str(n_files))
        demo = installation.bucket
        installation.manage("shell", "--command", _CONNECT.format(**vars(demo)))
        first = _seconds(installation, n_ended=1, n_files=n_files)
        installation.manage("shell", "--command", _RUN)
        nothing = _seconds(installation, n_ended=2, n_files=n_files)
        step = max(n_files // CHANGED, 1)
        installation.manage("shell", "--command", _CHANGE.format(step=step, changed=CHANGED))
        installation.manage("shell", "--command", _RUN)
        changed = _seconds(installation, n_ended=3, n_files=n_files)
        assert installation.worker
        memory = memory_mb(installation.worker.pid)
        return Found(n_files, first, nothing, changed, _bare(installation), memory)


def _seconds(installation: Installation, *, n_ended: int, n_files: int) -> float:
    """How long the newest run took, which must have found everything in its place."""
    ends_at = time.monotonic() + _WAIT_S
    while len(runs := installation.query(_ENDED)) < n_ended:
        if time.monotonic() > ends_at:
            raise SystemExit(f"The run did not end in {_WAIT_S} s.")
        time.sleep(0.5)
    state, n_found, n_gaps, _, started_at, finished_at = runs[-1]
    if (state, n_found, n_gaps) != ("done", n_files, 0):
        raise SystemExit(f"The run is {state}: {n_found} files, {n_gaps} gaps.")
    return (_moment(finished_at) - _moment(started_at)).total_seconds()


def _moment(value: object) -> datetime:
    return datetime.fromisoformat(str(value))


def _bare(installation: Installation) -> float:
    """One query that says how many files are missing, and nothing more."""
    if installation.on_postgresql:
        began = time.monotonic()
        installation.query(_BARE)
        return time.monotonic() - began
    path = installation.data_dir / "db.sqlite3"
    with closing(sqlite3.connect(path, timeout=20)) as connection:
        began = time.monotonic()
        ((n_missing,),) = connection.execute(_BARE).fetchall()
        assert n_missing == 0
        return time.monotonic() - began


if __name__ == "__main__":
    main(run)
