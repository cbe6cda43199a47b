"""Claiming and completing at a backlog of a million waiting copies, beside a bare SQL ledger.

Both do the same on the same PostgreSQL: take the next batch of one storage, then write its end with
evidence. Ours goes round the storages, keeps to caps and rates, fences, and loads what the copies
need; the bare ledger is three columns of an index and SKIP LOCKED. `DATABASE=sqlite` measures ours
on SQLite, where the peer is left out.

While two workers are busy, new files of the same and of another tenant are ordered: the time until
they are claimed is the wait that an upload has behind the backlog.
"""

import gc
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.common import main, own_memory_mb, percentile, report
from tests.rig.installation import ROOT
from tests.rig.services import postgresql

BACKLOG = int(os.environ.get("BACKLOG", "1000000"))
SECONDS = float(os.environ.get("SECONDS", "10"))
WORKERS = int(os.environ.get("WORKERS", "2"))
BATCH = 64  # as the pump claims: twice its threads
ON_SQLITE = os.environ.get("DATABASE") == "sqlite"


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="ucdash-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # for the user that PostgreSQL runs as
        with _database(folder) as url:
            _measure(url, folder)


@contextmanager
def _database(folder: Path) -> Iterator[str]:
    if ON_SQLITE:
        yield f"sqlite:///{folder}/db.sqlite3"
        return
    with postgresql(folder) as url:
        yield url


def _measure(url: str, folder: Path) -> None:
    _prepare_environment(url, folder)
    _manage("migrate", "--verbosity", "0")
    began = time.monotonic()
    _manage("seed", "--files", str(BACKLOG), "--waiting", str(BACKLOG), "--go")
    seeded_s = time.monotonic() - began
    one = _rates(_work, 1)
    several = _rates(_work, WORKERS)
    waits = _waits_of_new_uploads()
    rows = [
        ("backlog", f"{BACKLOG:,} copies that wait, made in {seeded_s:.1f} s"),
        ("ucdash, 1 process", str(one)),
        (f"ucdash, {WORKERS} processes", str(several)),
        ("new upload, same storage", _wait_text(waits["same"])),
        ("new upload, another tenant", _wait_text(waits["other"])),
    ]
    peer = one
    if not ON_SQLITE:
        _make_bare_ledger(url)
        peer = _rates(_work_bare, 1, url)
        peers = _rates(_work_bare, WORKERS, url)
        rows += [
            ("bare ledger, 1 process", str(peer)),
            (f"bare ledger, {WORKERS} processes", str(peers)),
        ]
    report(
        name="claims",
        ours=one.per_second,
        peer=peer.per_second,
        peer_name="bare SQL ledger" if not ON_SQLITE else "none on SQLite",
        unit="claims+completions/s",
        more_is_better=True,
        memory=own_memory_mb(),
        rows=rows,
        database="sqlite" if ON_SQLITE else "postgresql",
        backlog=BACKLOG,
        seeded_s=round(seeded_s, 1),
        claim_p50_ms=round(several.p50_ms, 1),
        claim_p99_ms=round(several.p99_ms, 1),
        several_per_second=round(several.per_second),
        new_upload_p95_ms=round(1000 * percentile(waits["same"] + waits["other"], 0.95)),
    )


def _prepare_environment(url: str, folder: Path) -> None:
    os.environ |= {
        "DATABASE_URL": url,
        "UCDASH_ENV_FILE": str(ROOT / "tests" / "production.env"),
        "UCDASH_DATA_DIR": str(folder / "var"),
        "UCDASH_SEND_WAKE_UPS": "0",
    }
    (folder / "var").mkdir()


def _manage(*arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, check=True)


# --- Rates ---------------------------------------------------------------------------------------


class Rates:
    """What some processes did together in the same seconds."""

    def __init__(self, parts: list[dict[str, Any]]) -> None:
        self.per_second = sum(part["n"] / part["seconds"] for part in parts)
        claims = [took for part in parts for took in part["claims"]]
        self.p50_ms, self.p99_ms = (1000 * percentile(claims, share) for share in (0.5, 0.99))

    def __str__(self) -> str:
        return (
            f"{self.per_second:,.0f} claims+completions/s, in batches of {BATCH}: "
            f"claim p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms"
        )


def _rates(work: Any, n_processes: int, *arguments: Any) -> Rates:
    context = multiprocessing.get_context("spawn")
    with context.Pool(n_processes) as pool:
        return Rates(pool.starmap(work, [(n, *arguments) for n in range(n_processes)], chunksize=1))


def _timed(claim: Any, complete: Any, seconds: float = SECONDS) -> dict[str, Any]:
    claims, n = [], 0
    began = time.monotonic()
    while (now := time.monotonic()) - began < seconds:
        taken = claim()
        claims.append(time.monotonic() - now)
        complete(taken)
        n += len(taken)
    return {"n": n, "seconds": time.monotonic() - began, "claims": claims}


def _work(number: int, seconds: float = SECONDS) -> dict[str, Any]:
    """As the pump does it, without making the copies."""
    import django

    django.setup()
    from storages_app.copying.claiming import claim_batch
    from storages_app.models import CopyJob
    from storages_app.models.copy_jobs import State

    gc.freeze()  # as every worker process does

    def complete(jobs: list[CopyJob]) -> None:
        for job in jobs:
            job.state, job.evidence = State.DONE, "etag"
            job.size, job.sha256, job.etag = job.file.size, job.file.sha256, job.file.md5
        CopyJob.finish_done(jobs)

    def claim() -> list[CopyJob]:
        return claim_batch(worker=f"bench:{number}", limit=BATCH)

    return _timed(claim, complete, seconds)


# --- The peer ------------------------------------------------------------------------------------

_BARE = """
CREATE TABLE bare (LIKE storages_app_copyjob INCLUDING DEFAULTS INCLUDING IDENTITY);
INSERT INTO bare OVERRIDING SYSTEM VALUE SELECT * FROM storages_app_copyjob LIMIT 0;
INSERT INTO bare SELECT * FROM storages_app_copyjob;
UPDATE bare SET state = 'pending', run_after = now(), lease_until = NULL WHERE state <> 'pending';
ALTER TABLE bare ADD PRIMARY KEY (id);
CREATE INDEX ON bare (lane, run_after) WHERE run_after IS NOT NULL;
CREATE INDEX ON bare (lease_until) WHERE lease_until IS NOT NULL;
CREATE UNIQUE INDEX ON bare (file_id, custom_storage_id, effects, key);
ANALYZE bare;
"""
_CLAIM = """
WITH due AS (
  SELECT id FROM bare WHERE run_after <= clock_timestamp()
  ORDER BY lane, run_after LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE bare SET state = 'leased', run_after = NULL, fence = fence + 1, attempts = attempts + 1,
  lease_until = clock_timestamp() + interval '30 s'
FROM due WHERE bare.id = due.id RETURNING bare.id, bare.fence, bare.file_id, bare.key
"""
_COMPLETE = """
UPDATE bare SET state = 'done', lease_until = NULL, evidence = 'etag', size = 1000, sha256 = %s,
  finished_at = clock_timestamp()
WHERE id = %s AND fence = %s AND state = 'leased'
"""


def _make_bare_ledger(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _BARE.split(";"):
            if statement.strip() and "LIMIT 0" not in statement:
                connection.execute(statement)  # type: ignore[call-overload]


def _work_bare(number: int, url: str) -> dict[str, Any]:
    with psycopg.connect(url, autocommit=True) as connection:

        def complete(rows: list[Any]) -> None:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(_COMPLETE, [("0" * 64, row[0], row[1]) for row in rows])

        return _timed(lambda: connection.execute(_CLAIM, [BATCH]).fetchall(), complete)


# --- New uploads behind the backlog --------------------------------------------------------------


def _waits_of_new_uploads(n: int = 20) -> dict[str, list[float]]:
    """Seconds from an order's commit until a busy worker claims it, for both kinds of tenants."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    busy = [context.Process(target=_stay_busy, args=(number, stop)) for number in range(WORKERS)]
    for process in busy:
        process.start()
    try:
        with context.Pool(1) as pool:
            return dict(pool.apply(_order_new_uploads, (n,)))
    finally:
        stop.set()
        for process in busy:
            process.join()


def _stay_busy(number: int, stop: Any) -> None:
    while not stop.is_set():
        _work(number, seconds=0.2)


def _order_new_uploads(n: int) -> dict[str, list[float]]:
    import django

    django.setup()
    from django.core.management import call_command

    from storages_app.copying import orders
    from storages_app.models import CopyJob, CustomStorage

    same = CustomStorage.objects.earliest("created_at")
    call_command("seed", files=n, waiting=0, go=True, stdout=StringIO())
    other = CustomStorage.objects.latest("created_at")
    waits: dict[str, list[float]] = {"same": [], "other": []}
    time.sleep(2)  # until the workers are busy
    for number, file in enumerate(other.project.files.order_by("uploaded_at")[:n]):
        storage, found = (same, waits["same"]) if number % 2 else (other, waits["other"])
        order = orders.order_for(file=file, custom_storage=storage, pattern=f"new/{number}")
        (job,) = orders.place([order], lane=CopyJob.Lane.AUTO_COPY, asked_by="benchmark")
        began = time.monotonic()
        while not CopyJob.objects.filter(pk=job.pk, fence__gt=0).exists():
            time.sleep(0.002)
        found.append(time.monotonic() - began)
    return waits


def _wait_text(waits: list[float]) -> str:
    return (
        f"claimed after {1000 * percentile(waits, 0.5):.0f} ms (p50), "
        f"{1000 * percentile(waits, 0.95):.0f} ms (p95)"
    )


if __name__ == "__main__":
    main(run)
