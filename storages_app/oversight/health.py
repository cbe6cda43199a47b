"""Whether this installation does its work, for probes: no names, no secrets, quick."""

import os
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.core.files.storage import FileSystemStorage, storages
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max, Q
from django.utils import timezone

from storages_app.models import CopyJob, CustomStorage, Reconciliation, WorkerHeartbeat
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now, read_db_now
from storages_app.oversight.queue import WORKER_IS_FRESH, is_a_worker_alive

_CLAIMED_WITHIN = timedelta(seconds=60)  # of a copy's time to run
_SKEW = timedelta(seconds=60)
_migrated = threading.Event()


@dataclass
class Health:
    """What was asked, and what was answered; each sentence is one that a stranger may read."""

    failing: dict[str, str] = field(default_factory=dict)
    passing: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        return not self.failing

    def ask(self, name: str, problem: str) -> None:
        if problem:
            self.failing[name] = problem
        else:
            self.passing.append(name)


def ready() -> Health:
    """Whether this web process can take requests: the database as the code wants it, and a disk."""
    health = Health()
    health.ask("database", _database_problem())
    health.ask("upload storage", _upload_storage_problem())
    return health


def deep() -> Health:
    """Whether copies are made: a worker lives, and what was due was claimed."""
    health = ready()
    if not health.is_well:
        return health
    health.ask("worker", _worker_problem())
    health.ask("work", _work_problem())
    health.warnings += _clock_warnings()
    return health


def _database_problem() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return "" if _is_migrated() else "Its tables are older than the code: run migrate."
    except DatabaseError:
        return "It does not answer."


def is_being_migrated() -> bool:
    """Whether the code is newer than the tables, as it is in the middle of an upgrade."""
    try:
        return not _is_migrated()
    except DatabaseError:
        return False


def _is_migrated() -> bool:
    if not _migrated.is_set():  # a database does not grow older while a process lives
        executor = MigrationExecutor(connection)
        if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
            _migrated.set()
    return _migrated.is_set()


def _upload_storage_problem() -> str:
    upload_storage = storages["uploads"]
    if not isinstance(upload_storage, FileSystemStorage):
        return ""  # a bucket is asked by uploads themselves, and not by each probe
    folder = Path(upload_storage.location)
    while not folder.exists():  # the first upload makes it
        folder = folder.parent
    return "" if os.access(folder, os.W_OK | os.X_OK) else "Its folder cannot be written to."


def _worker_problem() -> str:
    return "" if is_a_worker_alive() else "No worker has given a sign of life lately."


def _work_problem() -> str:
    """A worker that lives, claims nothing of what is due and moves no bytes does not work.

    A lease is renewed only while bytes move: where all slots make long copies, none is claimed.
    """
    long_due = db_now() - _CLAIMED_WITHIN
    due = CopyJob.objects.filter(
        run_after__lt=long_due,
        state__in=[State.PENDING, State.RETRY_WAIT],
        custom_storage__in=CustomStorage.objects.working(),
    )
    if not due.exists():
        return ""
    if WorkerHeartbeat.objects.filter(claimed_at__gt=long_due).exists():
        return ""
    if CopyJob.objects.filter(lease_until__gt=db_now()).exists():
        return ""
    return "Copies are due, and no worker has claimed one lately."


def _clock_warnings() -> list[str]:
    """F44: clocks that are apart, before leases confuse people and signatures are refused."""
    warnings = []
    fresh = WorkerHeartbeat.objects.filter(seen_at__gt=db_now() - WORKER_IS_FRESH)
    n_workers = fresh.filter(_is_skewed()).count()
    if n_workers:
        warnings.append(f"The clocks of {n_workers} workers differ from the database's.")
    if abs(timezone.now() - read_db_now()) > _SKEW:
        warnings.append("The clock of this web process differs from the database's.")
    runs = Reconciliation.objects.filter(custom_storage__removed_at=None).order_by()
    newest = runs.values("custom_storage").annotate(newest=Max("pk")).values("newest")
    n_buckets = Reconciliation.objects.filter(_is_skewed(), pk__in=newest).count()
    if n_buckets:
        warnings.append(f"The clocks of {n_buckets} buckets differ from ours.")
    return warnings


def _is_skewed() -> Q:
    seconds = _SKEW.total_seconds()
    return Q(clock_offset_s__gt=seconds) | Q(clock_offset_s__lt=-seconds)
