"""Ordering copies: by REST, automatically, by hand; and what is to be said about them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from threading import BoundedSemaphore
from time import monotonic, sleep

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from storages_app.copying import allowances, auto_copy, orders, tasks
from storages_app.copying.errors import (
    CopyFailed,
    FileNotReady,
    FileTooLarge,
    PublicNotPossible,
    TargetMissing,
    TargetNotUsable,
)
from storages_app.custom_storages.processed import read_effects
from storages_app.models import CopyJob, CustomStorage, Event, File, Project, Reason
from storages_app.models.copy_jobs import CopyJobQuerySet, State
from storages_app.renditions import services as renditions
from ucdash.celery import wake

Lane = CopyJob.Lane

_waiting_requests = BoundedSemaphore(settings.REMOTE_COPY_WAITERS)
# What an answer tells of a job; its storage is known already.
_TOLD = ["state", "reason", "detail", "error_code", "http_status", "key"]
_FILES_AT_ONCE, _PATIENCE_S = 500, 5.0
_KEEPS_PRIVATE = "199 Miscellaneous warning: storage keeps copies private"


@dataclass(frozen=True)
class RemoteCopy:
    """The answer to POST /files/remote_copy/: the object's address, 200 or 201, and headers."""

    url: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)


def remote_copy(
    *,
    project: Project,
    file: File,
    effects: str,
    target: str,
    make_public: bool | None,
    pattern: str,
    asked_by: str,
) -> RemoteCopy:
    """Copy one file now, as DESIGN §5.7 says; CopyRefused and BadEffects are the caller's 400,
    TooManyCopies its 429.

    Small originals are copied in this request; others are waited for, at most
    REMOTE_COPY_WAIT_S seconds and never by more than REMOTE_COPY_WAITERS requests at once. A copy
    that is not finished then is answered with its final address and X-Ucdash-Copy: pending.
    """
    storage = _target(project, target)
    parsed = read_effects(effects)
    require_copyable(file, has_effects=not parsed.is_empty)
    renditions.find_others(project_id=project.pk, effects=parsed)
    is_public, headers = _publicity(storage, make_public)
    order = orders.order_for(
        file=file,
        custom_storage=storage,
        pattern=pattern,
        effects=parsed.canonical,
        key_text=parsed.key_text,
        is_public=is_public,
    )
    with transaction.atomic():
        (job,) = orders.place([order], lane=Lane.INTERACTIVE, asked_by=asked_by, wakes=False)
        allowances.charge(project=project, n_bytes=file.size)
    is_small = parsed.is_empty and file.size <= settings.MULTIPART_THRESHOLD
    _wait_for(job, makes_it_here=is_small)
    return _answer(job, headers)


def _target(project: Project, name: str) -> CustomStorage:
    storage = project.custom_storages.live().filter(name=name).first()
    if storage is None:
        raise TargetMissing
    if storage.is_draft:
        raise TargetNotUsable(f"Storage “{name}” is not connected yet: its test has not passed.")
    if storage.is_paused:
        since = f"{storage.paused_at:%Y-%m-%d %H:%M} UTC"
        raise TargetNotUsable(
            f"Storage “{name}” is paused since {since}. Resume it or choose another."
        )
    return storage


def require_copyable(file: File, *, has_effects: bool) -> None:
    """FileNotReady or FileTooLarge; the limits are those of copies into the project as well."""
    if not file.is_ready:
        raise FileNotReady
    if file.size > (orders.MAX_PROCESSED if has_effects else orders.MAX_ORIGINAL):
        raise FileTooLarge


def _publicity(storage: CustomStorage, make_public: bool | None) -> tuple[bool, dict[str, str]]:
    """Whether to send a public ACL, and what to say about it (DESIGN §5.8)."""
    modes = CustomStorage.PublicMode
    if storage.public_mode == modes.ACL:
        return make_public is not False, {}
    if storage.public_mode == modes.POLICY and make_public is False:
        raise PublicNotPossible(
            "Storage is public by bucket policy: `make_public` can not be false."
        )
    if storage.public_mode == modes.PRIVATE and make_public:
        return False, {"Warning": _KEEPS_PRIVATE}
    return False, {}


def _wait_for(job: CopyJob, *, makes_it_here: bool) -> None:
    """Make the copy or have it made, and wait until it has ended, if there is room to wait."""
    if not _waiting_requests.acquire(blocking=False):
        wake("copying.drain")
        return
    try:
        if makes_it_here:
            made = tasks.make_now(copy_job_id=job.pk)
            job.refresh_from_db(fields=_TOLD)
            if made and made.state == State.DONE:
                # Another request for the same copy may have opened the row again meanwhile.
                job.state, job.reason = made.state, made.reason
        if not job.is_over:
            wake("copying.drain")
            _watch(job)
    finally:
        _waiting_requests.release()


def _watch(job: CopyJob) -> None:
    ends_at = monotonic() + settings.REMOTE_COPY_WAIT_S
    pause_s = 0.02
    while not job.is_over and monotonic() < ends_at:
        sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.5)
        job.refresh_from_db(fields=_TOLD)


def _answer(job: CopyJob, headers: dict[str, str]) -> RemoteCopy:
    if job.state == State.DONE:
        was_there = job.reason == Reason.ALREADY_THERE
        return RemoteCopy(job.url, 200 if was_there else 201, headers)
    if job.state == State.UNVERIFIED:
        return RemoteCopy(job.url, 201, headers | {"X-Ucdash-Copy": "unverified"})
    if job.reason == Reason.KEY_EXISTS_SKIPPED:
        return RemoteCopy(job.url, 200, headers | {"X-Ucdash-Copy": "other-content"})
    if job.reason in {Reason.TOO_LARGE_5GB, Reason.PROCESSED_TOO_LARGE_100MB}:
        raise FileTooLarge
    if job.is_over:
        raise _failure(job)
    pending = {"X-Ucdash-Copy": "pending", "Location": f"/api/v1/jobs/{job.pk}/"}
    return RemoteCopy(job.url, 201, headers | pending)


def _failure(job: CopyJob) -> CopyFailed:
    code = f" ({job.error_code}, HTTP {job.http_status})" if job.error_code else ""
    return CopyFailed(f"{job.detail or 'The copy was not made.'}{code}")


# --- Copies that nobody waits for ------------------------------------------------------------


def order_copies_of_new_file(*, file: File) -> None:
    """Order what auto-copy and backup want of a new file, in the file's own transaction."""
    orders.place_new(
        auto_copy.orders_for_new_file(file), lane=Lane.AUTO_COPY, asked_by=auto_copy.AUTO_COPY
    )


def order_copies_of_stored_file(*, file: File) -> None:
    """Order what auto-copy and backup want of a file that is now stored."""
    orders.place_new(
        auto_copy.orders_for_stored_file(file), lane=Lane.AUTO_COPY, asked_by=auto_copy.AUTO_COPY
    )
    orders.place(
        auto_copy.backup_orders(file),
        lane=Lane.AUTO_COPY,
        asked_by=auto_copy.BACKUP,
        again=False,
    )


def order_missed_copies(*, custom_storage: CustomStorage, actor: str) -> int:
    """Order what auto-copy has missed (`auto_copy.missed`); of how many files.

    Page by page, so that uploads are not held up, and for a few seconds at most: what is left then
    is still missed, and the next call goes on.
    """
    if custom_storage.removed_at or custom_storage.is_draft:
        raise TargetNotUsable(f"Storage “{custom_storage.name}” is not connected.")
    missed = list(auto_copy.missed(custom_storage).values_list("pk", flat=True))
    ends_at = monotonic() + _PATIENCE_S
    n_files = 0
    while n_files < len(missed) and monotonic() < ends_at:
        page = missed[n_files : n_files + _FILES_AT_ONCE]
        with transaction.atomic():
            orders.place_new(
                auto_copy.missing_orders(page, custom_storage),
                lane=Lane.BULK,
                asked_by=actor[:200],
            )
        n_files += len(page)
    if n_files:
        Event.objects.record(
            "storage.missed_ordered",
            actor=actor,
            subject=custom_storage.name,
            subject_id=custom_storage.pk,
            project=custom_storage.project,
            data={"files": n_files},
        )
    return n_files


def cancel_copies_of_file(*, file: File) -> int:
    """Drop the waiting copies of a file that is being removed; how many there were."""
    return (
        CopyJob.objects.filter(file=file)
        .waiting()
        .update(
            state=State.CANCELLED,
            reason=Reason.FILE_DELETED,
            run_after=None,
            finished_at=timezone.now(),
        )
    )


@transaction.atomic
def order_copies(
    *,
    files: Iterable[File],
    custom_storage: CustomStorage,
    effects: str = "",
    asked_by: str,
    lane: CopyJob.Lane = Lane.BULK,
) -> list[CopyJob]:
    """Order one copy of each file; copies that have ended are made again."""
    if custom_storage.removed_at or custom_storage.is_draft:
        raise TargetNotUsable(f"Storage “{custom_storage.name}” is not connected.")
    parsed = read_effects(effects)
    renditions.find_others(project_id=custom_storage.project_id, effects=parsed)
    wanted = []
    for file in files:
        require_copyable(file, has_effects=not parsed.is_empty)
        wanted.append(
            orders.order_for(
                file=file,
                custom_storage=custom_storage,
                effects=parsed.canonical,
                key_text=parsed.key_text,
            )
        )
    return orders.place(wanted, lane=lane, asked_by=asked_by)


@transaction.atomic
def retry(*, jobs: CopyJobQuerySet, actor: str) -> int:
    """Make ended copies of live files and storages again; the bucket is read before writing."""
    again = jobs.over().filter(file__removed_at=None, custom_storage__removed_at=None)
    projects = Counter(again.values_list("project_id", flat=True))
    pks = list(again.values_list("pk", flat=True))
    n_again = orders.reopen(
        CopyJob.objects.filter(pk__in=pks), lane=Lane.BULK, asked_by=actor[:200]
    )
    if n_again:
        _record("copy.retried", projects, actor)
        transaction.on_commit(partial(wake, "copying.drain"))
    return n_again


@transaction.atomic
def cancel(*, jobs: CopyJobQuerySet, actor: str) -> int:
    """Drop copies that still wait; those under way finish."""
    waiting = CopyJob.objects.filter(pk__in=list(jobs.values_list("pk", flat=True))).waiting()
    projects = Counter(waiting.values_list("project_id", flat=True))
    n_cancelled = waiting.update(
        state=State.CANCELLED,
        reason=Reason.CANCELLED_BY_USER,
        detail=f"Cancelled by {actor}."[:1000],
        run_after=None,
        finished_at=timezone.now(),
    )
    if n_cancelled:
        _record("copy.cancelled", projects, actor)
    return n_cancelled


def _record(kind: str, n_by_project: Counter[int], actor: str) -> None:
    for project in Project.objects.filter(pk__in=list(n_by_project)):
        n_jobs = n_by_project[project.pk]
        Event.objects.record(
            kind,
            actor=actor,
            subject="1 copy" if n_jobs == 1 else f"{n_jobs} copies",
            project=project,
            data={"count": n_jobs},
        )


# --- Copies over which workers have died --------------------------------------------------------


def make_suspects() -> None:
    """Make them in this process, one after the other, until none is left."""
    tasks.make_suspects()


def stop_making() -> None:
    """End that soon; what is under way is given back."""
    tasks.stop()


def abandon() -> None:
    """This process cannot go on: what it holds is left to others."""
    tasks.abandon()
