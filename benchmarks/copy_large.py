"""20 files of 50 MB and one of 1 GB: MB per second beside `s5cmd cp`, and what memory they take.

Both write to the same SeaweedFS in one run: ours is timed from the first claim to the last proof
in the ledger, s5cmd as a process. They take turns in `ROUNDS` (3) and in who begins, each after
the disk has written what was left of the other's; the medians are compared. `SPARSE_GB=5` copies
one sparse file of that size as well, for the memory alone.
"""

import hashlib
import os
import shutil
import statistics
import subprocess
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path

from benchmarks.common import connect, main, memory_mb, report, running_installation_behind
from tests.rig.installation import Bucket, Installation

MB = 1_000_000
ROUNDS = int(os.environ.get("ROUNDS", "3"))
FILES = int(os.environ.get("FILES", "20"))
SIZE_MB = int(os.environ.get("SIZE_MB", "50"))
ONE_MB = int(os.environ.get("ONE_MB", "1000"))
SPARSE_GB = int(os.environ.get("SPARSE_GB", "0"))
DELAY_MS = float(os.environ.get("DELAY_MS", "0"))
_ADOPT = """
import uuid
from django.core.files import File as DjangoFile
from django.core.files.storage import storages
from django.utils import timezone
from storages_app.copying import services as copying
from storages_app.models import File, Project

class Received(DjangoFile):
    def temporary_file_path(self):
        return self.name

project = Project.objects.get(slug={slug!r})
for path, size, sha256, md5 in {facts!r}:
    key = uuid.uuid4()
    name = f"{{key.hex[:2]}}/{{key}}"
    with open(path, "rb") as content:
        storages["uploads"].save(name, Received(content, path))
    file = File.objects.create(
        uuid=key, project=project, original_filename="large.bin", blob_name=name,
        size=size, sha256=sha256, md5=md5,
        mime_type="application/octet-stream", detected_type="application/octet-stream",
        is_ready=True, uploaded_at=timezone.now(), stored_at=timezone.now(),
    )
    copying.order_copies_of_new_file(file=file)
"""
_PAUSE = """
from storages_app.models import CustomStorage
from storages_app.custom_storages import services
services.{verb}(custom_storage=CustomStorage.objects.get(name="demo"), actor="benchmark")
"""
_LEDGER = """
SELECT count(*), min(first_attempt_at), max(verified_at) FROM storages_app_copyjob
WHERE state = 'done' AND evidence IN ('checksum', 'etag') AND size = {size}
"""


def run() -> None:
    with running_installation_behind(DELAY_MS) as (installation, bucket):
        project = installation.create_project("Benchmark")
        connect(installation, project, bucket, "--auto-copy", "--prefix", "ours/")
        assert installation.worker
        idle = memory_mb(installation.worker.pid)
        rows, ratios = [("", "ucdash, proved · s5cmd")], []
        speeds: list[tuple[float, float]] = []
        for count, size in ((FILES, SIZE_MB * MB), (1, ONE_MB * MB)):
            ours, peer = _in_turns(installation, project.slug, bucket, count=count, size=size)
            total = count * size / MB
            speeds.append((total / ours, total / peer))
            ratios.append(peer / ours)
            label = f"{count} of {size // MB} MB"
            rows.append((label, f"{total / ours:.0f} · {total / peer:.0f} MB/s"))
        if SPARSE_GB:
            rows.append(_sparse(installation, project.slug))
        memory = memory_mb(installation.worker.pid) - idle
        rows.append(("worker memory above idle", f"{memory:.0f} MB"))
        worst = ratios.index(min(ratios))
        report(
            name="copy_large",
            ours=speeds[worst][0],
            peer=speeds[worst][1],
            peer_name="s5cmd cp",
            unit="MB/s",
            more_is_better=True,
            memory=memory,
            rows=rows,
            ratio_many=round(ratios[0], 3),
            ratio_one=round(ratios[1], 3),
            delay_ms=DELAY_MS,
        )


def _in_turns(
    installation: Installation, slug: str, bucket: Bucket, *, count: int, size: int
) -> tuple[float, float]:
    """Median seconds, ours and s5cmd's."""
    ours: list[float] = []
    peer: list[float] = []
    for number in range(ROUNDS):
        # A byte more in each round, by which the ledger is asked for it.
        folder = installation.folder / f"files-{size + number}"
        paths = sorted(_files(folder, count=count, size=size + number).iterdir())
        for turn in (number, number + 1):
            os.sync()
            if turn % 2:
                peer.append(_s5cmd(bucket, folder))
            else:
                ours.append(_copied(installation, slug, paths))
        shutil.rmtree(folder)
    return statistics.median(ours), statistics.median(peer)


def _files(folder: Path, *, count: int, size: int) -> Path:
    folder.mkdir()
    for number in range(count):
        with (folder / f"large-{number:02}.bin").open("wb") as file:
            left = size
            while left:
                left -= file.write(os.urandom(min(left, 8 * MB)))
    return folder


def _copied(installation: Installation, slug: str, paths: list[Path]) -> float:
    """Let the copies pile up in the ledger, then let them go; the seconds it took."""
    size = paths[0].stat().st_size
    installation.manage("shell", "--command", _PAUSE.format(verb="pause"))
    facts = [_received(path) for path in paths]
    installation.manage("shell", "--command", _ADOPT.format(slug=slug, facts=facts))
    installation.manage("shell", "--command", _PAUSE.format(verb="resume"))
    ends_at = time.monotonic() + 900
    while time.monotonic() < ends_at:
        ((n_done, first, last),) = installation.query(_LEDGER.format(size=size))
        if n_done == len(paths):
            span = datetime.fromisoformat(str(last)) - datetime.fromisoformat(str(first))
            return span.total_seconds()
        time.sleep(0.5)
    raise SystemExit(f"Only {n_done} of {len(paths)} copies were done in 900 s.")


def _received(path: Path) -> tuple[str, int, str, str]:
    """A second name of the file, to be moved into the upload storage, and what is known of it."""
    received = path.with_suffix(".received")
    received.hardlink_to(path)
    with ThreadPoolExecutor(2) as pool:
        sha256, md5 = pool.map(partial(_digest, path), ("sha256", "md5"))
    return str(received), path.stat().st_size, sha256, md5


def _digest(path: Path, name: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, name).hexdigest()


def _sparse(installation: Installation, slug: str) -> tuple[str, str]:
    path = installation.folder / "sparse.bin"
    size = SPARSE_GB * 1024**3
    with path.open("wb") as file:
        file.truncate(size)
    seconds = _copied(installation, slug, [path])
    path.unlink()
    return f"a sparse file of {SPARSE_GB} GB", f"{size / MB / seconds:.0f} MB/s"


def _s5cmd(bucket: Bucket, folder: Path) -> float:
    s5cmd = shutil.which("s5cmd", path=sysconfig.get_path("scripts")) or "s5cmd"
    started = time.monotonic()
    subprocess.run(
        [
            *(s5cmd, "--endpoint-url", bucket.endpoint_url),
            *("cp", f"{folder}/*", f"s3://{bucket.bucket}/peer/{folder.name}/"),
        ],
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": bucket.access_key_id,
            "AWS_SECRET_ACCESS_KEY": bucket.secret_access_key,
            "AWS_REGION": bucket.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        },
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.monotonic() - started


if __name__ == "__main__":
    main(run)
