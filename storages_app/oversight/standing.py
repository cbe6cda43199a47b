"""How an instance stands, in figures that are quick to ask: whoever runs it opens this each day."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max, Min, Model, OuterRef, QuerySet, Subquery
from django.template.defaultfilters import filesizeformat

from storages_app.models import (
    BackupRun,
    BulkJob,
    CopyJob,
    CustomStorage,
    RestoreRun,
    TimetableSlot,
    WebhookDelivery,
)
from storages_app.models.fields import read_db_now
from storages_app.oversight.instance import START_A_WORKER, TICKS_WITHIN

COUNTED_UP_TO = 100_000
_WAITS_TOO_LONG = timedelta(minutes=15)
_ROOM_BYTES, _ROOM_SHARE = 2_000_000_000, 0.05
_LATELY = timedelta(days=1)


@dataclass(frozen=True)
class Figure:
    """One number, the rows it counts, and what to do where it is bad."""

    name: str
    title: str
    value: str
    model: type[Model] | None = None
    query: str = ""  # of the list that shows what was counted
    problem: str = ""
    do: str = ""
    command: str = ""


def read() -> list[Figure]:
    now = read_db_now()
    return [*_queue(now), *_storages(), *_jobs(), _webhooks(now), _disk(), _beat(now)]


def _count(rows: QuerySet[Model]) -> str:
    """As far as it matters; the database stops there."""
    n_rows = rows.order_by().values("pk")[: COUNTED_UP_TO + 1].count()
    return f"over {COUNTED_UP_TO:,}" if n_rows > COUNTED_UP_TO else f"{n_rows:,}"


def _queue(now: datetime) -> Iterator[Figure]:
    waiting = CopyJob.objects.filter(run_after__isnull=False)
    yield Figure("waiting", "Copies waiting", _count(waiting), CopyJob, "run_after__isnull=False")
    oldest = _oldest_due()
    age = max(now - oldest, timedelta()) if oldest else timedelta()
    yield Figure(
        "oldest",
        "Oldest waits",
        _span(age) if oldest else "–",
        CopyJob,
        "run_after__isnull=False",
        problem=f"The oldest copy has been due for {_span(age)}." if age > _WAITS_TOO_LONG else "",
        do="Look at the log of the workers, or start another one:",
        command=START_A_WORKER,
    )
    running = CopyJob.objects.filter(lease_until__isnull=False)
    yield Figure("running", "Copies running", _count(running), CopyJob, "lease_until__isnull=False")


def _oldest_due() -> datetime | None:
    """The first of each storage and lane, which their index knows; paused and broken ones apart."""
    first = {
        f"lane_{lane.value}": Subquery(
            CopyJob.objects.filter(
                custom_storage=OuterRef("pk"), lane=lane, run_after__isnull=False
            )
            .order_by("run_after")
            .values("run_after")[:1]
        )
        for lane in CopyJob.Lane
    }
    rows = CustomStorage.objects.working().order_by().annotate(**first)
    found = rows.aggregate(**{f"oldest_{name}": Min(name) for name in first})
    return min((moment for moment in found.values() if moment), default=None)


def _storages() -> Iterator[Figure]:
    broken = CustomStorage.objects.live().filter(circuit_opened_at__isnull=False)
    n_broken = broken.count()
    yield Figure(
        "broken",
        "Storages broken",
        f"{n_broken:,}",
        CustomStorage,
        "circuit_opened_at__isempty=0&removed_at__isempty=1",
        problem=(
            "1 storage is broken; its copies wait."
            if n_broken == 1
            else f"{n_broken:,} storages are broken; their copies wait."
            if n_broken
            else ""
        ),
        do="Open each one, and do what its newest test says. To test them all:",
        command="python manage.py storage test --broken",
    )


def _jobs() -> Iterator[Figure]:
    yield Figure(
        "jobs", "Jobs open", _count(BulkJob.objects.open()), BulkJob, "finished_at__isempty=1"
    )
    runs = BackupRun.objects.filter(finished_at=None)
    yield Figure("backups", "Backups running", _count(runs), BackupRun, "finished_at__isnull=True")
    restores = RestoreRun.objects.filter(finished_at=None)
    yield Figure(
        "restores", "Restores open", _count(restores), RestoreRun, "finished_at__isnull=True"
    )


def _webhooks(now: datetime) -> Figure:
    since = (now - _LATELY).replace(microsecond=0)
    dead = WebhookDelivery.objects.filter(state=WebhookDelivery.State.DEAD, finished_at__gte=since)
    query = f"state__exact=dead&finished_at__gte={since:%Y-%m-%dT%H:%M:%SZ}"
    return Figure("webhooks", "Webhooks failed today", _count(dead), WebhookDelivery, query)


def _disk() -> Figure:
    usage = shutil.disk_usage(settings.DATA_DIR)
    is_short = usage.free < _ROOM_BYTES or usage.free < usage.total * _ROOM_SHARE
    free = filesizeformat(usage.free)
    return Figure(
        "disk",
        "Disk free",
        f"{free} of {filesizeformat(usage.total)}",
        problem=f"The disk of {settings.DATA_DIR} has {free} left; uploads will fail." * is_short,
        do="Make room, or move the uploads to a bucket (UCDASH_UPLOADS_S3_BUCKET).",
        command=f"du -sh {settings.DATA_DIR}/*" * is_short,
    )


def _beat(now: datetime) -> Figure:
    ran_at = TimetableSlot.objects.aggregate(at=Max("ran_at"))["at"]
    age = max(now - ran_at, timedelta()) if ran_at else None
    # That it has stopped is a line of the instance check; it is not told twice.
    late = " (late)" if age is None or age > TICKS_WITHIN else ""
    return Figure("beat", "Last beat", f"{_span(age)} ago{late}" if age is not None else "never")


def _span(age: timedelta) -> str:
    """12 s, 5 min, 3 h, 4 days."""
    seconds = int(age.total_seconds())
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
