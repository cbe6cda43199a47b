"""100,000 objects against the ledger, with 1,000 differences planted: found all, and how fast.

`OBJECTS=10000` makes it smaller. The objects are written to SeaweedFS by our own client, the rows
in bulk; then one full comparison is made as a worker makes it.
"""

import hashlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from time import monotonic

from benchmarks.common import connect, main, memory_mb, report, running_installation

OBJECTS = int(os.environ.get("OBJECTS", "100000"))
PLANTED = OBJECTS // 100
GOAL_S = 300 * OBJECTS / 100_000
KINDS = ("missing", "size", "content", "metadata", "extra")
_WORK = "from benchmarks.reconcile import work; work({objects}, {planted})"
_TOGETHER = 1000


def run() -> None:
    with running_installation() as installation:
        project = installation.create_project("Benchmark")
        bucket = installation.bucket
        connect(installation, project, bucket, "--prefix", "copies/")
        if installation.worker:
            installation.worker.stop()  # the comparison is made and measured in one process
        installation.manage("shell", "--command", "from benchmarks.reconcile import off; off()")
        work = _WORK.format(objects=OBJECTS, planted=PLANTED)
        said = subprocess.run(
            [sys.executable, "manage.py", "shell", "--command", work],
            env=installation.env,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    facts = json.loads(said.stdout.splitlines()[-1])
    report(
        name="reconcile",
        ours=facts["seconds"],
        peer=GOAL_S,
        peer_name="goal: 5 minutes for 100,000",
        unit="s",
        more_is_better=False,
        memory=facts["memory_grown_mb"],
        rows=[
            ("objects", f"{OBJECTS:,} of 64 bytes on SeaweedFS"),
            ("a full comparison", f"{facts['seconds']:.1f} s"),
            ("planted", f"{facts['planted']:,}"),
            ("found and named", f"{facts['found']:,}; wrongly named: {facts['wrong']}"),
            ("memory grew by", f"{facts['memory_grown_mb']:.0f} MB"),
        ],
        planted=facts["planted"],
        found=facts["found"],
        wrong=facts["wrong"],
    )


# --- Inside the installation -------------------------------------------------------------------


def off() -> None:
    """Nothing is mended, so that the worker leaves what is found as it is."""
    from storages_app.models import CustomStorage

    CustomStorage.objects.update(mends_differences=False)


def work(objects: int, planted: int) -> None:
    """Fill bucket and ledger, plant, compare, and say what was found."""
    from storages_app.custom_storages.connect import open_store
    from storages_app.models import CopyJob, CustomStorage
    from storages_app.reconciliation import runner, services

    storage = CustomStorage.objects.select_related("project").get()
    store = open_store(storage)
    _fill(storage, store, objects)
    expected = _plant(storage, store, planted)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of memory counts from here on
    memory_before, begun = memory_mb(os.getpid()), monotonic()
    asked = services.request(custom_storage=storage, kind="full", asked_by="benchmark")
    while not asked.is_over:
        runner.drain()
        asked.refresh_from_db()
    seconds = monotonic() - begun
    found = set(asked.differences.values_list("kind", "key"))
    assert asked.n_copies == CopyJob.objects.filter(custom_storage=storage).count()
    print(
        json.dumps(
            {
                "seconds": seconds,
                "planted": len(expected),
                "found": len(found & expected),
                "wrong": len(found - expected),
                "memory_grown_mb": memory_mb(os.getpid()) - memory_before,
            }
        )
    )


def _content(n: int) -> bytes:
    return f"object {n:020} ".encode().ljust(64, b".")


def _put(store, key: str, content: bytes, *, file_uuid: uuid.UUID, sha256: str = "") -> None:  # type: ignore[no-untyped-def]
    from storages_app.objectstores.base import PutOptions

    digest = hashlib.sha256(content).hexdigest()
    metadata = {"uuid": str(file_uuid), "sha256": sha256 or digest, "name": "file.bin"}
    options = PutOptions(content_type="application/octet-stream", metadata=metadata)
    store.put(key, BytesIO(content), size=len(content), sha256=digest, options=options)


def _fill(storage, store, objects: int) -> None:  # type: ignore[no-untyped-def]
    from storages_app.models import CopyJob, File

    first = datetime(2026, 1, 1, tzinfo=UTC)

    def write(n: int) -> tuple[File, CopyJob]:
        content, pk = _content(n), uuid.uuid4()
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        sha256 = hashlib.sha256(content).hexdigest()
        key = f"{storage.prefix}{pk}/file.bin"
        _put(store, key, content, file_uuid=pk)
        moment = first + timedelta(milliseconds=n)
        # Not stored and removed from the upload storage's view: only the bucket is measured.
        file = File(
            pk=pk, project=storage.project, original_filename="file.bin", blob_name=f"none/{pk}",
            size=len(content), sha256=sha256, md5=md5, mime_type="application/octet-stream",
            detected_type="application/octet-stream", is_ready=False, uploaded_at=moment,
        )  # fmt: skip
        job = CopyJob(
            project=storage.project, file=file, custom_storage=storage, key=key, on_clash="error",
            lane=CopyJob.Lane.BULK, asked_by="benchmark", state="done", size=len(content),
            sha256=sha256, content_type="application/octet-stream", evidence="etag",
            evidence_checksum=f"md5:{md5}", etag=md5, verified_at=datetime.now(UTC),
        )  # fmt: skip
        return file, job

    with ThreadPoolExecutor(32) as pool:
        for page in _pages(objects):
            files, jobs = zip(*pool.map(write, page), strict=True)
            File.objects.bulk_create(files)
            CopyJob.objects.bulk_create(jobs)


def _pages(objects: int) -> Iterator[range]:
    for begin in range(0, objects, _TOGETHER):
        yield range(begin, min(begin + _TOGETHER, objects))


def _plant(storage, store, planted: int) -> set[tuple[str, str]]:  # type: ignore[no-untyped-def]
    """Make so many differences, spread over the whole ledger; what is to be found."""
    from storages_app.models import CopyJob

    expected = set()
    jobs = CopyJob.objects.filter(custom_storage=storage).order_by("pk")
    step = max(1, jobs.count() // planted)
    for n, job in enumerate(jobs[::step][:planted]):
        kind, key = KINDS[n % len(KINDS)], job.key
        with store.get(key) as chunks:
            content = b"".join(chunks)
        if kind == "missing":
            store.delete(key)
        elif kind == "size":
            _put(store, key, content[:-1], file_uuid=job.file_id)
        elif kind == "content":
            _put(store, key, content[:-1] + b"!", file_uuid=job.file_id)
        elif kind == "metadata":
            _put(store, key, content, file_uuid=job.file_id, sha256="0" * 64)
        else:
            key = f"{storage.prefix}nobody's {n}"
            _put(store, key, content, file_uuid=uuid.UUID(int=n))
        expected.add((kind, key))
    return expected


if __name__ == "__main__":
    main(run)
