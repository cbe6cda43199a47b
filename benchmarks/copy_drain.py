"""2,000 auto-copies of 20 KB: files per second, beside `rclone copy --transfers 16`.

Both write to the same SeaweedFS in one run and are timed from the first to the last object: ours
from the first claim to the last proof in the ledger, rclone by the times in its own log.
`DELAY_MS=30` puts a server between that gives each answer so much later, as a far-away one does.
"""

import json
import os
import shutil
import subprocess
import sysconfig
import time
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
from tests.rig.installation import Bucket, Installation, Project

COUNT = int(os.environ.get("FILES", "2000"))
SIZE = 20 * 1024
DELAY_MS = float(os.environ.get("DELAY_MS", "0"))
_LEDGER = """
SELECT count(*), min(first_attempt_at), max(verified_at) FROM storages_app_copyjob
WHERE state = 'done' AND evidence <> ''
"""
_PAUSE = """
from storages_app.models import CustomStorage
from storages_app.custom_storages import services
services.{verb}(custom_storage=CustomStorage.objects.get(name="demo"), actor="benchmark")
"""


def run() -> None:
    with running_installation_behind(DELAY_MS) as (installation, bucket):
        paths = random_files(installation.folder / "files", count=COUNT, size=SIZE)
        project = installation.create_project("Benchmark")
        connect(installation, project, bucket, "--auto-copy", "--prefix", "ours/")
        ours = _drain(installation, project, paths)
        assert installation.worker
        memory = memory_mb(installation.worker.pid)
        peer = _rclone(bucket, paths[0].parent)
        report(
            name="copy_drain",
            ours=COUNT / ours,
            peer=COUNT / peer,
            peer_name="rclone copy --transfers 16",
            unit="files/s",
            more_is_better=True,
            memory=memory,
            rows=[
                ("files", f"{COUNT} of {SIZE // 1024} KB"),
                ("each answer comes later by", f"{DELAY_MS:g} ms"),
                ("ucdash auto-copy", f"{COUNT / ours:.0f} files/s ({ours:.2f} s), proved"),
                ("rclone copy --transfers 16", f"{COUNT / peer:.0f} files/s ({peer:.2f} s)"),
                ("worker memory", f"{memory:.0f} MB"),
            ],
            delay_ms=DELAY_MS,
        )


def _drain(installation: Installation, project: Project, paths: list[Path]) -> float:
    """Let the copies pile up in the ledger, then let them go; the seconds it took."""
    installation.manage("shell", "--command", _PAUSE.format(verb="pause"))
    upload(installation, project, paths)
    installation.manage("shell", "--command", _PAUSE.format(verb="resume"))
    ends_at = time.monotonic() + 300
    while time.monotonic() < ends_at:
        ((n_done, first, last),) = installation.query(_LEDGER)
        if n_done == COUNT:
            span = datetime.fromisoformat(str(last)) - datetime.fromisoformat(str(first))
            return span.total_seconds()
        time.sleep(0.5)
    raise SystemExit(f"Only {n_done} of {COUNT} copies were done in 300 s.")


def _rclone(bucket: Bucket, folder: Path) -> float:
    rclone = shutil.which("rclone", path=sysconfig.get_path("scripts")) or "rclone"
    remote = (
        f":s3,provider=SeaweedFS,endpoint='{bucket.endpoint_url}',force_path_style=true:"
        f"{bucket.bucket}/peer"
    )
    done = subprocess.run(
        [rclone, "copy", str(folder), remote, "--transfers", "16", "--use-json-log", "-v"],
        env={
            "PATH": os.environ["PATH"],
            "RCLONE_CONFIG": "/dev/null",
            "RCLONE_S3_ACCESS_KEY_ID": bucket.access_key_id,
            "RCLONE_S3_SECRET_ACCESS_KEY": bucket.secret_access_key,
        },
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    times = [
        datetime.fromisoformat(line["time"]) for line in lines if line["msg"] == "Copied (new)"
    ]
    if len(times) != COUNT:
        raise SystemExit(f"rclone copied {len(times)} of {COUNT} files.")
    return (max(times) - min(times)).total_seconds()


if __name__ == "__main__":
    main(run)
