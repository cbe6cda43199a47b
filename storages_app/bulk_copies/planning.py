"""The count: what would become of each file, told by the ledger, a page at a time.

A page and the sums it adds are one transaction under the job's fence: what a killed worker has
not committed is counted by the next one.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from storages_app.bulk_copies import ending, estimate, names, orders
from storages_app.bulk_copies.leases import hold
from storages_app.copying.orders import MAX_ORIGINAL, MAX_PROCESSED, order_for
from storages_app.custom_storages import key_patterns
from storages_app.imaging import effects as image_effects
from storages_app.imaging.effects import Effects
from storages_app.lib.crashpoints import crashpoint
from storages_app.models import BulkItem, BulkJob, CopyJob, File, Reason
from storages_app.models.copy_jobs import CopyJobQuerySet
from storages_app.models.copy_jobs import State as CopyState

State, ItemState, Plan = BulkJob.State, BulkItem.State, BulkItem.Plan

PAGE = 500
_LOOKS_AT = 20_000  # files a step, where few of many are found
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_NEEDED = ("project", "original_filename", "size", "mime_type", "uploaded_at", "removed_at")
_PAGE_OF_LEDGER = 2000
# What stands in the cursor: the files have been counted, the names of the ledger are looked at.
_NAMES = "names:"


def count_on(job: BulkJob) -> None:
    """Count one page more, or say what the count has found; raises LostJob."""
    if job.cursor.startswith(_NAMES):
        _look_at_names(job)
        return
    if job.what == BulkJob.What.SELECTION:
        files, looked_until = _next_chosen(job), None
    else:
        files, looked_until = _next_found(job)
    if files:
        _count_page(job, files)
    elif looked_until:
        hold(job, cursor=looked_until.isoformat())
    elif key_patterns.is_unique(job.pattern):
        _conclude(job)
    else:
        hold(job, cursor=_NAMES)


def _next_chosen(job: BulkJob) -> list[File]:
    chosen = job.items.filter(state=ItemState.CHOSEN).select_related("file").order_by("pk")
    return [item.file for item in chosen[:PAGE]]


def _next_found(job: BulkJob) -> tuple[list[File], datetime | None]:
    """The next files of the filter, and how far it was looked if there may be others beyond.

    Raises FilterInvalid: a storage that the filter names may be gone by now.
    """
    start = datetime.fromisoformat(job.cursor) if job.cursor else _BEGINNING
    filters = orders.filter_of(job.project, job.filter)
    edge = filters.window(most=_LOOKS_AT, before=None, after=start)
    # Files that come while it counts are for the next job, or for auto-copy.
    is_cut = edge is not None and edge < job.created_at
    until = edge if is_cut else job.created_at
    files = filters.files.filter(uploaded_at__gt=start, uploaded_at__lte=until)
    return list(files.order_by("uploaded_at").only(*_NEEDED)[:PAGE]), edge if is_cut else None


def _count_page(job: BulkJob, files: list[File]) -> None:
    items = _planned(job, files)
    with transaction.atomic():
        hold(job, cursor=files[-1].uploaded_at.isoformat(), **_sums(job, items))
        if job.what == BulkJob.What.SELECTION:
            job.items.filter(file__in=files).delete()
        BulkItem.objects.bulk_create(items)
    crashpoint("bulk_page_counted")


def _planned(job: BulkJob, files: list[File]) -> list[BulkItem]:
    parsed = image_effects.parse(job.effects)
    items = [_item(job, file, parsed) for file in files]
    _recognise_copies(job, items)
    if not key_patterns.is_unique(job.pattern):
        _recognise_rivals(job, items)
    return items


def _item(job: BulkJob, file: File, parsed: Effects) -> BulkItem:
    order = order_for(
        file=file,
        custom_storage=job.custom_storage,
        pattern=job.pattern,
        effects=job.effects,
        key_text=parsed.key_text,
    )
    item = BulkItem(bulk_job=job, file=file, key=order.key, plan=Plan.COPY)
    if file.removed_at:
        item.state, item.reason = ItemState.SKIPPED, Reason.FILE_DELETED
    elif file.size > MAX_ORIGINAL:
        _refuse_size(item, Reason.TOO_LARGE_5GB)
    elif job.effects and file.size > MAX_PROCESSED:
        _refuse_size(item, Reason.PROCESSED_TOO_LARGE_100MB)
    return item


def _refuse_size(item: BulkItem, reason: Reason) -> None:
    item.plan, item.state, item.reason = Plan.TOO_LARGE, ItemState.SKIPPED, reason


def _recognise_copies(job: BulkJob, items: list[BulkItem]) -> None:
    """Find the files that are there with evidence, and names taken by another form of the file."""
    copies = CopyJob.objects.filter(
        custom_storage=job.custom_storage, file__in=[item.file_id for item in items]
    ).exclude(state__in=orders.FREE_AGAIN)
    rows = list(copies.only("pk", "file_id", "key", "effects", "state", "is_public"))
    names.find_kept_beside(job, items, rows)
    by_name: dict[tuple[object, str], list[CopyJob]] = {}
    for row in rows:
        by_name.setdefault((row.file_id, row.key), []).append(row)
    for item in items:
        for row in by_name.get((item.file_id, item.key), []):
            if row.effects != job.effects:
                _mark_clash(item)
            elif row.state == CopyState.DONE and item.state == ItemState.WAITING:
                item.plan, item.state, item.copy_job = Plan.ALREADY, ItemState.ALREADY, row
                if orders.has_other_access(job, row):
                    item.state, item.reason = ItemState.SKIPPED, orders.OTHER_ACCESS
                break


def _recognise_rivals(job: BulkJob, items: list[BulkItem]) -> None:
    """Names that two files of this very job would have: the first keeps it."""
    same = job.items.filter(contested_key__in=[item.key for item in items])
    taken = set(same.values_list("key", flat=True))
    for item in items:
        item.contested_key = item.key
        if item.key in taken:
            _mark_clash(item)
        taken.add(item.key)


def _mark_clash(item: BulkItem) -> None:
    if item.plan == Plan.COPY:
        item.plan = Plan.CLASH


def _sums(job: BulkJob, items: Iterable[BulkItem]) -> dict[str, object]:
    """What a page adds to the sums of the job."""
    added: Counter[str] = Counter()
    gaps = Counter(job.gaps)
    for item in items:
        added["n_files"] += 1
        added["n_bytes"] += item.file.size
        if item.state == ItemState.SKIPPED:
            added["n_skipped"] += 1
            added["n_too_large"] += item.plan == Plan.TOO_LARGE
            gaps[item.reason] += 1
        elif item.plan == Plan.ALREADY:
            added["n_already"] += 1
        else:
            added["n_clashes" if item.plan == Plan.CLASH else "n_to_copy"] += 1
            added["n_bytes_to_copy"] += item.file.size
            added["n_requests"] += estimate.n_requests(
                size=item.file.size, custom_storage=job.custom_storage
            )
    sums: dict[str, object] = {name: F(name) + n for name, n in added.items()}
    return sums | {"gaps": dict(gaps)}


# --- Names without ${uuid}: has the ledger given them to other files? --------------------------


def _look_at_names(job: BulkJob) -> None:
    """One page of the storage's ledger against the names of this job.

    The ledger has no index of names, and every copy ever made would pay for one. The job's items
    have one, so the ledger is walked instead; only patterns without `${uuid}` come here.
    """
    last = int(job.cursor.removeprefix(_NAMES) or 0)
    named = _named(job).filter(pk__gt=last).order_by("pk").only("pk", "key", "file_id")
    rows = list(named[:_PAGE_OF_LEDGER])
    if not rows:
        _conclude(job)
        return
    clashing = _clashing_items(job, rows)
    with transaction.atomic():
        hold(
            job,
            cursor=f"{_NAMES}{rows[-1].pk}",
            n_to_copy=F("n_to_copy") - len(clashing),
            n_clashes=F("n_clashes") + len(clashing),
        )
        job.items.filter(pk__in=clashing).update(plan=Plan.CLASH)


def _named(job: BulkJob) -> CopyJobQuerySet:
    return CopyJob.objects.filter(custom_storage=job.custom_storage).exclude(
        state__in=orders.FREE_AGAIN
    )


def _clashing_items(job: BulkJob, rows: list[CopyJob]) -> list[int]:
    owners: dict[str, set[object]] = {}
    for row in rows:
        owners.setdefault(row.key, set()).add(row.file_id)
    found: list[int] = []
    keys = list(owners)
    for start in range(0, len(keys), PAGE):
        waiting = job.items.filter(
            contested_key__in=keys[start : start + PAGE],
            state=ItemState.WAITING,
            plan=Plan.COPY,
        )
        found += [
            pk for pk, key, file in waiting.values_list("pk", "key", "file") if owners[key] - {file}
        ]
    return found


# --- The end of the count ----------------------------------------------------------------------


def _conclude(job: BulkJob) -> None:
    """Wait for a person, or begin; what has nothing to copy is over."""
    job.refresh_from_db(fields=ending.SUMS)
    now = timezone.now()
    if not job.n_to_order:
        state = State.GAPS if job.n_gaps else State.DONE
        hold(job, state=state, counted_at=now, started_at=now, finished_at=now, lease_until=None)
    elif job.is_dry_run:
        hold(job, state=State.COUNTED, counted_at=now, lease_until=None)
    else:
        hold(job, state=State.COPYING, counted_at=now, started_at=now)
